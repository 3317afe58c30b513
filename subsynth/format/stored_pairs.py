"""Stored pairs: decoding the image files of rows, and the rules that every pair obeys by itself."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pyarrow as pa

from subsynth.core.pixels import BACKGROUND, TEXT, U8
from subsynth.format import schema
from subsynth.spec.spec import Spec


def decode_pairs(table: pa.Table) -> Iterator[tuple[U8 | None, U8 | None]]:
    """The image and the ground truth of each row, as `decode_image` and `decode_ground_truth` return them."""
    files = (table.column(name).combine_chunks().field("bytes") for name in schema.IMAGES)
    for image, truth in zip(*files, strict=True):
        yield decode_image(image.as_py()), decode_ground_truth(truth.as_py())


def decode_image(file: bytes | None) -> U8 | None:
    """RGB uint8 (H, W, 3), or None for a file that is no image."""
    return _decode(file, cv2.IMREAD_COLOR_RGB)


def decode_ground_truth(file: bytes | None) -> U8 | None:
    """uint8 (H, W), or (H, W, C) if the file has colours; None for a file that is no image."""
    return _decode(file, cv2.IMREAD_UNCHANGED)


def _decode(file: bytes | None, flags: int) -> U8 | None:
    if not file:
        return None
    pixels = cv2.imdecode(np.frombuffer(file, np.uint8), flags)
    return None if pixels is None else np.asarray(pixels, dtype=np.uint8)


def find_problems(image: U8 | None, truth: U8 | None, spec: Spec | None) -> Iterator[str]:
    """What is wrong with one pair by itself; its size is checked if there is a spec."""
    if image is None or truth is None:
        yield "an image cannot be decoded"
        return
    if truth.ndim != 2 or image.shape[:2] != truth.shape:
        yield f"image {image.shape} and ground truth {truth.shape} do not match"
        return
    if spec is not None and truth.shape != (spec.height, spec.width):
        yield f"the size is {truth.shape}, not {(spec.height, spec.width)}"
    if ((truth != TEXT) & (truth != BACKGROUND)).any():
        yield f"the ground truth holds other values than {TEXT} and {BACKGROUND}"
    if (truth == BACKGROUND).all():
        yield "the ground truth is empty"
    elif not all((edge == BACKGROUND).all() for edge in (truth[0], truth[-1], truth[:, 0], truth[:, -1])):
        yield "the ground truth touches the border: it is clipped, or its polarity is inverted"
