"""The binarizer: the bundled network, run by onnxruntime on pictures of any size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.borders import refine_borders
from subsynth.binarization.lines import find_lines, ink_of_lines
from subsynth.binarization.result import Box, Line, Result
from subsynth.binarization.watermarks import is_watermark
from subsynth.core.errors import MaterialError
from subsynth.core.pixels import U8
from subsynth.data.folders import bundled_folder

MODEL = "compact.onnx"
MAX_HEIGHT = 58  # px of a line: that of the largest text the network was trained on; larger text is read reduced
LARGE = 0.9  # share of that height from which on a line of the reduced picture is taken
MAX_SIDE = 1440  # px: larger pictures are read at a reduced size
MIN_SIDE = 32  # px: smaller pictures are not reduced any further
MIN_BAND_HEIGHT = 64  # px: lower pictures are strips with one line
# Strips are enlarged to each of these heights, px, but at most by a factor, and the mean of both readings is taken.
STRIP_HEIGHTS, MAX_ENLARGEMENT = (77, 70), 2.4
MIN_SEARCHED = 240  # px: in smaller pictures, no text is looked for that the network cannot see
AROUND = 4  # px around a line where the colours beside its strokes are taken from
MAX_PIXELS = 1 << 22  # px of a batch; more are read one after the other


class Binarizer:
    """Separates burned-in subtitles from pictures. One object may be used by several threads at once.

    `model` is an ONNX file written by `python -m dbram_baseline.export`; by default the bundled one. `threads` is the
    number of threads that one call uses. Raises MaterialError without onnxruntime, or if the model cannot be used.
    """

    def __init__(self, model: str | Path | None = None, threads: int = 1):
        if threads < 1:
            raise ValueError(f"threads is {threads}; must be at least 1")
        path = Path(model) if model is not None else bundled_folder("weights") / MODEL
        self._session = _open_session(path, threads)
        self._input = self._session.get_inputs()[0].name

    def binarize(self, image: U8, large_text: bool = True, crop: bool = False) -> Result:
        """Binarize a picture, RGB uint8 (H, W, 3), or grey (H, W). Raises ValueError for another shape or type.

        With `large_text`, text that is larger than the network reads is looked for too, in pictures of which both
        sides have at least 240 px; this takes a third longer. A `crop` is cut out around its text, which is then not
        taken for a watermark because of its place.
        """
        return self.binarize_batch([image], large_text, crop)[0]

    def binarize_batch(self, images: Sequence[U8], large_text: bool = True, crop: bool = False) -> list[Result]:
        """Binarize pictures as `binarize` does, in their order; those of equal size are read together.

        A level of `coverage` may differ by 1 from that of a single call.
        """
        pictures = [_as_rgb(image) for image in images]
        probabilities: list[NDArray[np.float32] | None] = [None] * len(pictures)
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for i, picture in enumerate(pictures):
            by_shape.setdefault(picture.shape, []).append(i)
        for (height, width, _), indices in by_shape.items():
            enlargement = MAX_ENLARGEMENT if height < MIN_BAND_HEIGHT else 1
            size = max(1, int(MAX_PIXELS / (height * width * enlargement**2)))
            for start in range(0, len(indices), size):
                batch = indices[start : start + size]
                for i, planes in zip(batch, self._read([pictures[i] for i in batch]), strict=True):
                    probabilities[i] = planes
        return [
            self._result(picture, planes, large_text, crop)
            for picture, planes in zip(pictures, probabilities, strict=True)
            if planes is not None
        ]

    def _read(self, pictures: list[U8]) -> list[NDArray[np.float32]]:
        """The probabilities of text and of the erase mask, float32 (2, H, W), of pictures of one size."""
        height = pictures[0].shape[0]
        if height >= MIN_BAND_HEIGHT:
            return self._read_at(pictures, 1.0)
        scales = {min(MAX_ENLARGEMENT, max(1.0, h / height)) for h in STRIP_HEIGHTS}
        readings = [self._read_at(pictures, scale) for scale in sorted(scales)]
        return [np.mean(planes, axis=0, dtype=np.float32) for planes in zip(*readings, strict=True)]

    def _read_at(self, pictures: list[U8], scale: float) -> list[NDArray[np.float32]]:
        """As `_read`, of the pictures at a multiple of their size, if that does not exceed MAX_SIDE."""
        height, width = pictures[0].shape[:2]
        scale = min(scale, MAX_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        batch = np.stack([_resized(picture, size, cv2.INTER_CUBIC) for picture in pictures])
        planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)).astype(np.float32)
        planes /= 127.5
        planes -= 1
        outputs = self._session.run(None, {self._input: planes})[0]
        size = width, height
        return [np.stack([_resized(plane, size, cv2.INTER_LINEAR) for plane in planes]) for planes in outputs]

    def _result(self, picture: U8, probabilities: NDArray[np.float32], large_text: bool, crop: bool) -> Result:
        text, erase = _levels(probabilities)
        found = find_lines(text)
        lines = [line for line in found if line.box.height <= MAX_HEIGHT]
        readings = [(text, line) for line in lines]
        for reduction in _reductions(picture, found) if large_text else ():
            reduced_text, reduced_erase = _levels(self._read_at([picture], 1 / reduction)[0])
            large = [line for line in find_lines(reduced_text) if line.box.height > LARGE * MAX_HEIGHT]
            for line in large:  # its parts, which were taken for small text, are replaced
                readings = [(plane, other) for plane, other in readings if not _is_part(other, line)]
                if not any(_is_part(line, other) or _is_part(other, line) for _, other in readings):
                    readings.append((reduced_text, line))
                    erase = np.maximum(erase, reduced_erase)
        coverage = np.zeros_like(text)
        for plane, line in readings:
            coverage = np.maximum(coverage, ink_of_lines(plane, (line,)))
        coverage = _with_refined_borders(picture, coverage, [line.box for _, line in readings])
        erase_mask = np.where(erase >= 128, np.uint8(0), np.uint8(255))
        ordered = sorted((line for _, line in readings), key=lambda line: (line.box.y0, line.box.x0))
        tested = [] if crop else ordered
        marks = [line for line in tested if is_watermark(picture, coverage, erase_mask, line.box)]
        for box, _ in marks:
            area = slice(max(0, box.y0 - AROUND), box.y1 + AROUND), slice(max(0, box.x0 - AROUND), box.x1 + AROUND)
            coverage[area], erase_mask[area] = 0, 255
        return Result(coverage, erase_mask, tuple(line for line in ordered if line not in marks), tuple(marks))


def _reductions(picture: U8, found: tuple[Line, ...]) -> list[float]:
    """By which factors to reduce a picture, to find text that is too large for the network at its full size.

    Such text is found in parts, or not at all.
    """
    side = min(picture.shape[:2])
    first = max(1.0, max(picture.shape[:2]) / MAX_SIDE)  # by which it was reduced already
    tallest = max((line.box.height for line in found), default=0)
    wanted = [2 * first, 4 * first] if side >= MIN_SEARCHED else [tallest / MAX_HEIGHT * first]
    return [r for r in wanted if r > first and side / r >= MIN_SIDE]


def _with_refined_borders(picture: U8, coverage: U8, boxes: Sequence[Box]) -> U8:
    refined = coverage.copy()
    for box in boxes:
        area = slice(max(0, box.y0 - AROUND), box.y1 + AROUND), slice(max(0, box.x0 - AROUND), box.x1 + AROUND)
        refined[area] = refine_borders(picture[area], coverage[area])
    return refined


def _resized(plane: NDArray[Any], size: tuple[int, int], enlargement: int) -> NDArray[Any]:
    """An array (H, W) or (H, W, 3), resized to (width, height); `enlargement` is OpenCV's way of enlarging."""
    height, width = plane.shape[:2]
    if size == (width, height):
        return plane
    reduces = size[0] < width or size[1] < height
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA if reduces else enlargement)


def _overlap(one: Box, other: Box) -> int:
    """The area that two boxes share, px."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(0, width) * max(0, height)


def _is_part(line: Line, large: Line) -> bool:
    """Whether most of a line lies inside of another one."""
    return _overlap(line.box, large.box) > 0.7 * line.box.width * line.box.height


def _levels(probabilities: NDArray[np.float32]) -> tuple[U8, U8]:
    """Probabilities (2, H, W) of text and of the erase mask, as two uint8 (H, W)."""
    text, erase = (np.clip(probabilities, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return text, erase


def _as_rgb(image: U8) -> U8:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"an image has to be uint8 (H, W, 3) or (H, W), not {image.dtype} {image.shape}")
    if not image.size:
        raise ValueError(f"an image of shape {image.shape} has no pixels")
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _open_session(path: Path, threads: int) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MaterialError(
            f"onnxruntime is not installed ({error}); pip install '.[binarize]' in a clone of subsynth"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # only what ends the process; errors are raised
    if not path.is_file():
        raise MaterialError(f"model {path}: there is no such file; name an ONNX file, or install subsynth again")
    try:
        session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
        values = [(v.type, len(v.shape), v.shape[1]) for v in (*session.get_inputs(), *session.get_outputs())]
    except Exception as error:  # onnxruntime raises many types of its own
        reason = " ".join(str(error).split())[:200]
        raise MaterialError(f"model {path}: it cannot be read ({reason}); export it again") from error
    if values != [("tensor(float)", 4, 3), ("tensor(float)", 4, 2)]:
        raise MaterialError(f"model {path}: it has other inputs and outputs; write it with dbram_baseline.export")
    return session
