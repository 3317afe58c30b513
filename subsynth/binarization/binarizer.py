"""The binarizer: the bundled network, run by onnxruntime on pictures of any size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.lines import find_lines, ink_of_lines
from subsynth.binarization.result import Line, Result
from subsynth.core.errors import MaterialError
from subsynth.core.pixels import U8
from subsynth.data.folders import bundled_folder

MODEL = "compact.onnx"
MAX_EM = 64  # px: the largest text that the network was trained on; larger text is read at a reduced size
MAX_SIDE = 1920  # px: larger pictures are read at a reduced size
MIN_SIDE = 32  # px: smaller pictures are not reduced any further
MIN_SEARCHED = 120  # px: in smaller pictures than this, no text is searched for that is too large to be seen
MAX_PIXELS = 1 << 22  # px of a batch; more are read one after the other
LINE_OF_EM = 0.9  # height of the box of a line, in em


class Binarizer:
    """Separates burned-in subtitles from pictures. One object may be used by several threads at once.

    `model` is an ONNX file written by `python -m dbram_baseline.export`; by default the bundled one. `threads` is the
    number of threads that one call uses. Raises MaterialError without onnxruntime, or if the model cannot be used.
    """

    def __init__(self, model: str | Path | None = None, threads: int = 1):
        path = Path(model) if model is not None else bundled_folder("weights") / MODEL
        self._session = _open_session(path, threads)
        self._input = self._session.get_inputs()[0].name

    def binarize(self, image: U8) -> Result:
        """Binarize a picture, RGB uint8 (H, W, 3), or grey (H, W). Raises ValueError for another shape or type."""
        return self.binarize_batch([image])[0]

    def binarize_batch(self, images: Sequence[U8]) -> list[Result]:
        """Binarize pictures; those of equal size are read together, which is a little faster."""
        pictures = [_as_rgb(image) for image in images]
        probabilities: list[NDArray[np.float32] | None] = [None] * len(pictures)
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for i, picture in enumerate(pictures):
            by_shape.setdefault(picture.shape, []).append(i)
        for (height, width, _), indices in by_shape.items():
            size = max(1, MAX_PIXELS // (height * width))
            for start in range(0, len(indices), size):
                batch = indices[start : start + size]
                for i, planes in zip(batch, self._read([pictures[i] for i in batch]), strict=True):
                    probabilities[i] = planes
        return [
            self._result(picture, planes)
            for picture, planes in zip(pictures, probabilities, strict=True)
            if planes is not None
        ]

    def _read(self, pictures: list[U8], reduction: float = 1.0) -> list[NDArray[np.float32]]:
        """The probabilities of text and of the erase mask, float32 (2, H, W), of pictures of one size."""
        height, width = pictures[0].shape[:2]
        reduction = max(reduction, max(height, width) / MAX_SIDE)
        if reduction > 1:
            size = max(1, round(width / reduction)), max(1, round(height / reduction))
            batch = np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures])
        else:
            batch = np.stack(pictures)
        planes = batch.astype(np.float32).transpose(0, 3, 1, 2) / np.float32(127.5) - np.float32(1)
        outputs = self._session.run(None, {self._input: np.ascontiguousarray(planes)})[0]
        if reduction > 1:
            return [np.stack([cv2.resize(plane, (width, height)) for plane in planes]) for planes in outputs]
        return list(outputs)

    def _result(self, picture: U8, probabilities: NDArray[np.float32]) -> Result:
        text, erase = _levels(probabilities)
        lines = find_lines(text)
        # Text that is too large for the network is found in parts, or not at all.
        for reduction in [_typical_em(lines) / MAX_EM] if lines else [2.0, 4.0]:
            if reduction > 1 and min(picture.shape[:2]) / reduction >= (MIN_SIDE if lines else MIN_SEARCHED):
                reduced = _levels(self._read([picture], reduction)[0])
                lines_reduced = find_lines(reduced[0])
                if lines_reduced:
                    (text, erase), lines = reduced, lines_reduced
                    break
        return Result(ink_of_lines(text, lines), np.where(erase >= 128, np.uint8(0), np.uint8(255)), lines)


def _levels(probabilities: NDArray[np.float32]) -> tuple[U8, U8]:
    """Probabilities (2, H, W) of text and of the erase mask, as two uint8 (H, W)."""
    text, erase = np.round(np.clip(probabilities, 0, 1) * 255).astype(np.uint8)
    return text, erase


def _typical_em(lines: tuple[Line, ...]) -> float:
    """The em of the line with the largest area, px, by the height of its box."""
    return max(lines, key=lambda line: line.box.width * line.box.height).box.height / LINE_OF_EM


def _as_rgb(image: U8) -> U8:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"an image has to be uint8 (H, W, 3) or (H, W), not {image.dtype} {image.shape}")
    if not image.size:
        raise ValueError(f"an image of shape {image.shape} has no pixels")
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _open_session(path: Path, threads: int) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MaterialError(f"onnxruntime is not installed ({error}); pip install 'subsynth[binarize]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # only what ends the process; errors are raised
    if not path.is_file():
        raise MaterialError(f"model {path}: there is no such file; name an ONNX file, or install subsynth again")
    try:
        session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
        shapes = [(value.type, len(value.shape)) for value in (*session.get_inputs(), *session.get_outputs())]
    except Exception as error:  # onnxruntime raises many types of its own
        reason = " ".join(str(error).split())[:200]
        raise MaterialError(f"model {path}: it cannot be read ({reason}); export it again") from error
    if shapes != [("tensor(float)", 4)] * 2:
        raise MaterialError(f"model {path}: it has other inputs and outputs; write it with dbram_baseline.export")
    return session
