"""Stored pairs: decoding the image files of rows, and the rules that every pair obeys by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from subsynth.core.pixels import BACKGROUND, TEXT, U8
from subsynth.format.image_header import PNG_SIGNATURE, image_size
from subsynth.spec.spec import Spec
from subsynth.spec.yaml_schema import fields_of, key_of

_HIGHEST = {item.name: int(key_of(item).high or 0) for item, _ in fields_of(Spec) if item.name in ("height", "width")}
MAX_HEIGHT, MAX_WIDTH = _HIGHEST["height"], _HIGHEST["width"]  # px, of any data set


@dataclass(frozen=True)
class StoredPair:
    """The image RGB uint8 (H, W, 3) and the ground truth uint8 (H, W) of a row; or None, and why: `problem`."""

    image: U8 | None
    ground_truth: U8 | None
    problem: str = ""


def decode_pair(image: bytes | None, truth: bytes | None, spec: Spec | None) -> StoredPair:
    """Decode the files of a row. Their headers are read first: nothing is decoded that has another size than the spec.

    Without a spec, the size may be any that a data set can have.
    """
    problem = _header_problem(image, truth, spec)
    if problem:
        return StoredPair(None, None, problem)
    pixels, mask = _decode(image, cv2.IMREAD_COLOR_RGB), _decode(truth, cv2.IMREAD_UNCHANGED)
    if pixels is None or mask is None:
        return StoredPair(pixels, mask, "an image cannot be decoded")
    if mask.ndim != 2 or pixels.shape[:2] != mask.shape:
        return StoredPair(pixels, mask, f"image {pixels.shape} and ground truth {mask.shape} do not match")
    return StoredPair(pixels, mask)


def find_problems(pair: StoredPair) -> Iterator[str]:
    """What is wrong with one pair by itself."""
    truth = pair.ground_truth
    if pair.problem or truth is None:
        yield pair.problem
        return
    if ((truth != TEXT) & (truth != BACKGROUND)).any():
        yield f"the ground truth holds other values than {TEXT} and {BACKGROUND}"
    if (truth == BACKGROUND).all():
        yield "the ground truth is empty"
    elif not all((edge == BACKGROUND).all() for edge in (truth[0], truth[-1], truth[:, 0], truth[:, -1])):
        yield "the ground truth touches the border: it is clipped, or its polarity is inverted"


def _header_problem(image: bytes | None, truth: bytes | None, spec: Spec | None) -> str:
    """Why the files of a row should not be decoded; "" if they should."""
    if not image or not truth:
        return "an image cannot be decoded: it is missing"
    size, truth_size = image_size(image), image_size(truth)
    if size is None or truth_size is None or not truth.startswith(PNG_SIGNATURE):
        return "an image cannot be decoded: it is neither PNG nor JPEG, or the ground truth is not PNG"
    if size != truth_size:
        return f"image {size} and ground truth {truth_size} do not match"
    if spec is not None and size != (spec.height, spec.width):
        return f"the size is {size}, not {(spec.height, spec.width)}"
    if not (0 < size[0] <= MAX_HEIGHT and 0 < size[1] <= MAX_WIDTH):
        return f"the size is {size}, and that of a data set is at most {(MAX_HEIGHT, MAX_WIDTH)}"
    return ""


def _decode(file: bytes | None, flags: int) -> U8 | None:
    """The pixels of an image file with 8 bits per channel; None for any other."""
    try:
        pixels = cv2.imdecode(np.frombuffer(file or b"", np.uint8), flags)
    except cv2.error:
        return None
    return np.asarray(pixels) if pixels is not None and pixels.dtype == np.uint8 else None
