"""Text readers (OCR): functions from an image, (H, W, 3) RGB, to its text.

A reader takes the whole image as one line. With `find_lines`, it finds the lines itself, as it would in a frame of a
film, and separates their texts by line breaks.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable

import numpy as np
from PIL import Image

from dbram_baseline.arrays import U8
from dbram_baseline.errors import BaselineError

Reader = Callable[[U8], str]
# Of rapidocr: it searches wide bands for lines too, enlarged to this height, px. The default, 736, takes ten times as
# long, and reads the ground truth of film sets no better.
BAND_PARAMS = {"Global.width_height_ratio": -1, "Det.limit_side_len": 192}


def has_hanzi(text: str) -> bool:
    """Whether a text has Chinese characters."""
    return any("\u3400" <= c <= "\u9fff" for c in text)


def _rapidocr(_chinese: bool, find_lines: bool = False) -> Reader:
    """PP-OCR by rapidocr, whose wheel contains its models; they read both languages."""
    try:
        from rapidocr import RapidOCR  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BaselineError(f"--reader rapidocr is not installed ({error}); pip install '.[ocr]'") from error
    engine = RapidOCR(params={"Global.log_level": "error"} | (BAND_PARAMS if find_lines else {}))

    def read(image: U8) -> str:
        result = engine(np.ascontiguousarray(image[:, :, ::-1]), use_det=find_lines, use_cls=False, use_rec=True)
        return ("\n" if find_lines else " ").join(result.txts or ())

    return read


def _tesseract(chinese: bool, find_lines: bool = False) -> Reader:
    program = shutil.which("tesseract")
    if not program:
        raise BaselineError("--reader tesseract is not installed; install tesseract-ocr and the data of the language")
    layout = "6" if find_lines else "7"  # a block of text, or a single line
    language = "chi_sim" if chinese else "eng"
    languages = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False).stdout.split()
    if language not in languages:
        raise BaselineError(f"--reader tesseract has no {language}; install tesseract-ocr-{language.replace('_', '-')}")

    def read(image: U8) -> str:
        # Tesseract expects letters of about 30 px.
        enlarged = Image.fromarray(image).resize((3 * image.shape[1], 3 * image.shape[0]), Image.Resampling.BICUBIC)
        process = subprocess.run(
            [program, "stdin", "stdout", "--psm", layout, "-l", language],
            input=_png(enlarged), capture_output=True, check=False,
        )  # fmt: skip
        if process.returncode:
            reason = " ".join(process.stderr.decode(errors="replace").split())[:200]
            raise BaselineError(f"--reader tesseract: {reason}")
        return process.stdout.decode(errors="replace").strip()

    return read


def _google(_chinese: bool, _find_lines: bool = False) -> Reader:  # it always finds the lines itself
    try:
        from google.cloud import vision  # noqa: PLC0415 - needs an account; no extra installs it

        client = vision.ImageAnnotatorClient()
    except Exception as error:  # the client or the credentials may be missing, each with errors of its own
        reason = " ".join(str(error).split())[:200]
        raise BaselineError(
            f"--reader google needs google-cloud-vision and credentials, GOOGLE_APPLICATION_CREDENTIALS ({reason})"
        ) from error

    def read(image: U8) -> str:
        response = client.text_detection(image=vision.Image(content=_png(Image.fromarray(image))))
        if response.error.message:
            raise BaselineError(f"--reader google: {response.error.message}")
        return response.text_annotations[0].description.strip() if response.text_annotations else ""

    return read


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


# Constructors of readers by name; the arguments are whether the text is Chinese, and whether the reader finds the lines
# itself (False if left out). Each raises BaselineError if the reader is not installed.
READERS: dict[str, Callable[..., Reader]] = {"rapidocr": _rapidocr, "tesseract": _tesseract, "google": _google}
