"""What a reader makes of subtitles before and after binarization: `python -m dbram_baseline.ocr --data sub_en`."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from dbram_baseline import score
from dbram_baseline.classical import thresholds as classical
from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError, run
from dbram_baseline.training import checkpoint, config

U8 = NDArray[np.uint8]
Reader = Callable[[U8], str]  # of one image (H, W, 3), one line of text
SPLITS = ("test", "test_hard")
AS_THEY_ARE, CHECKPOINT, TRUTH = "images as they are", "binarized by the checkpoint", "ground truth"
VERSIONS = (
    AS_THEY_ARE, CHECKPOINT, TRUTH, "otsu, raw", "otsu, oracle polarity", "sauvola, raw", "sauvola, oracle polarity",
)  # fmt: skip


@click.command("ocr", context_settings={"max_content_width": 100})
@click.option("--data", "name", default="sub_en", show_default=True, help="Directory, or a name on the hub.")
@click.option("--split", "splits", multiple=True, help=f"Split of it; may be repeated.  [{', '.join(SPLITS)}]")
@click.option("--n", "most", type=int, default=500, show_default=True, help="Images of each split.")
@click.option("--checkpoint", "path", type=click.Path(path_type=Path), help="A trained generator.")
@click.option(
    "--reader", "which", type=click.Choice(["rapidocr", "tesseract", "google"]), default="rapidocr", show_default=True
)
@click.option(
    "--precision", type=click.Choice(config.PRECISIONS), default="auto", show_default=True, help="Of the network."
)
@click.option("--device", "on", default="auto", show_default=True, help="auto, cpu, cuda, ...")
@click.option("--out", type=click.Path(path_type=Path), help="JSON to write.")
def command(name: str, splits: tuple[str, ...], most: int, path: Path | None, which: str, precision: str, on: str,
            out: Path | None) -> None:  # fmt: skip
    """Edit distances between a reader's text and the true one: of the images as they are, of binarized ones, and of
    the ground truth, which is the least that a perfect binarization could reach.

    \b
    Examples:
      python -m dbram_baseline.ocr --data sub_en --checkpoint runs/dbram-demo-sub_en/last.safetensors
      python -m dbram_baseline.ocr --data sub_zh --split test --n 100 --reader tesseract
    """
    if most < 1:
        raise click.BadParameter(f"--n is {most}; 1 or more are needed")
    _levenshtein()  # what is not installed is told first
    net = checkpoint.trained(path)[0] if path else None
    quiet = not sys.stderr.isatty()
    rows: list[dict[str, Any]] = []
    for split in splits or SPLITS:
        images, truths = data.decoded(name, split, most=most, quiet=quiet)
        texts = data.texts(name, split, most)
        read = READERS[which](any("\u3400" <= c <= "\u9fff" for text in texts for c in text))
        greys = None if net is None else score.outputs(net, images, config.device(on), precision, quiet)
        for method in VERSIONS:
            if method == CHECKPOINT and greys is None:
                continue
            shown = version(method, images, truths, greys)
            found = [read(image) for image in tqdm(shown, desc=f"{split}, {method}", disable=quiet, leave=False)]
            values = distances(found, texts)
            rows.append({"split": split, "method": method, "n": len(texts)} | score.means(values))
    click.echo(f"{name}: {most} images of a split at most, read by {which}\n")
    click.echo(table(rows))
    click.echo(paper())
    if out:
        out.write_text(json.dumps({"data": name, "reader": which, "rows": rows}, indent=1) + "\n")
        click.echo(f"\nwrote {out}")


def version(method: str, images: U8, truths: U8, greys: Any = None) -> list[U8]:
    """What is read, as RGB: the images as they are, or text black on white, by a name of VERSIONS; `greys` are what
    a checkpoint made of them."""

    def rgb(mask: Any) -> U8:
        return np.repeat(np.where(mask, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)

    if method == AS_THEY_ARE:
        return list(images)
    if method == CHECKPOINT:
        return [rgb(grey < 0.5) for grey in greys]
    if method == TRUTH:
        return [rgb(truth < 128) for truth in truths]
    name, _, polarity = method.partition(", ")
    function = classical.METHODS[name]
    if polarity == "raw":
        return [rgb(function(classical.grey(image))) for image in images]
    return [
        rgb(classical.best_polarity(function, classical.grey(i), t < 128)) for i, t in zip(images, truths, strict=True)
    ]


def distances(found: list[str], texts: list[str]) -> dict[str, NDArray[np.float64]]:
    """For each line the edit distance (Levenshtein, in characters), that over the length of the true text, and
    whether it is without an error. Both texts in NFKC, their spaces evened."""
    levenshtein = _levenshtein()
    pairs = [(_plain(a), _plain(b)) for a, b in zip(found, texts, strict=True)]
    edits = np.array([levenshtein(a, b) for a, b in pairs], np.float64)
    lengths = np.array([max(1, len(b)) for _, b in pairs])
    return {"edit distance": edits, "normalised": edits / lengths, "lines right": (edits == 0).astype(np.float64)}


def _levenshtein() -> Callable[[str, str], int]:
    try:
        from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BaselineError(f"edit distances need rapidfuzz ({error}); pip install '.[ocr]'") from error
    distance: Callable[[str, str], int] = Levenshtein.distance
    return distance


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _rapidocr(_chinese: bool) -> Reader:
    """PP-OCR by rapidocr; its models lie in its wheel."""
    try:
        from rapidocr import RapidOCR  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BaselineError(f"--reader rapidocr is not installed ({error}); pip install '.[ocr]'") from error
    engine = RapidOCR(params={"Global.log_level": "error"})

    def read(image: U8) -> str:
        made = engine(np.ascontiguousarray(image[:, :, ::-1]), use_det=False, use_cls=False, use_rec=True)
        return " ".join(made.txts or ())

    return read


def _tesseract(chinese: bool) -> Reader:
    program = shutil.which("tesseract")
    if not program:
        raise BaselineError("--reader tesseract is not installed; install tesseract-ocr and the language's data")
    language = "chi_sim" if chinese else "eng"
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False).stdout.split()
    if language not in listed:
        raise BaselineError(f"--reader tesseract has no {language}; install tesseract-ocr-{language.replace('_', '-')}")

    def read(image: U8) -> str:
        # It wants letters of some 30 px.
        picture = Image.fromarray(image).resize((3 * image.shape[1], 3 * image.shape[0]), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        picture.save(file, "PNG")
        done = subprocess.run(
            [program, "stdin", "stdout", "--psm", "7", "-l", language],
            input=file.getvalue(), capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BaselineError(f"--reader tesseract: {' '.join(done.stderr.decode(errors='replace').split())[:200]}")
        return done.stdout.decode(errors="replace").strip()

    return read


def _google(_chinese: bool) -> Reader:
    try:
        from google.cloud import vision  # noqa: PLC0415 - for those who have an account there

        client = vision.ImageAnnotatorClient()
    except Exception as error:  # whatever is missing: the client, or the credentials
        told = " ".join(str(error).split())[:200]
        raise BaselineError(
            f"--reader google needs google-cloud-vision and credentials, GOOGLE_APPLICATION_CREDENTIALS ({told})"
        ) from error

    def read(image: U8) -> str:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        answer = client.text_detection(image=vision.Image(content=file.getvalue()))
        if answer.error.message:
            raise BaselineError(f"--reader google: {answer.error.message}")
        return answer.text_annotations[0].description.strip() if answer.text_annotations else ""

    return read


READERS: dict[str, Callable[[bool], Reader]] = {"rapidocr": _rapidocr, "tesseract": _tesseract, "google": _google}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| split | read from | edit distance | normalised | lines right | n |", "|---|---|---|---|---|---|"]
    for r in rows:
        numbers = f"{r['edit distance']:.2f} | {r['normalised']:.3f} | {r['lines right']:.1%} | {r['n']}"
        lines.append(f"| {r['split']} | {r['method']} | {numbers} |")
    return "\n".join(lines)


def paper() -> str:
    """The paper's Table 5, as far as at hand."""
    told = json.loads(score.PAPER.read_text(encoding="utf-8"))["table_5"]
    lines = ["\nThe paper's Table 5, by another reader on other sets, as far as at hand:\n"]
    lines += ["| set | read from | edit distance | normalised |", "|---|---|---|---|"]
    for name in ("sub_zh", "sub_en"):
        for method, (ed, ned) in told[name].items():
            lines.append(f"| {name} | {'binarized by DB-RAM' if method == 'dbram' else method} | {ed:g} | {ned:g} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run(command)
