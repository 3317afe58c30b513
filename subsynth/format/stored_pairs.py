"""Stored pairs: decoding the image files of rows, and the rules that every pair obeys by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    """The pixels of a row by column: the image RGB uint8 (H, W, 3), others uint8 (H, W); or why there are none."""

    pixels: Mapping[str, U8]
    problem: str = ""


def decode_pair(files: Mapping[str, bytes | None], spec: Spec | None) -> StoredPair:
    """Decode the image files of a row. Headers are read first: nothing is decoded of another size than the spec's.

    Without a spec, the size may be any that a data set can have.
    """
    problem = _header_problem(files, spec)
    if problem:
        return StoredPair({}, problem)
    pixels: dict[str, U8] = {}
    for name, file in files.items():
        plane = _decode(file, cv2.IMREAD_COLOR_RGB if name == "image" else cv2.IMREAD_UNCHANGED)
        if plane is None:
            return StoredPair({}, "an image cannot be decoded")
        pixels[name] = plane
    for name, plane in pixels.items():
        if name != "image" and (plane.ndim != 2 or plane.shape != pixels["image"].shape[:2]):
            label = name.replace("_", " ")
            return StoredPair({}, f"image {pixels['image'].shape} and {label} {plane.shape} do not match")
    return StoredPair(pixels)


def find_problems(pair: StoredPair, text: str, clipped: bool) -> Iterator[str]:
    """What is wrong with the pixels of one row, given its text, and whether that runs out of the image."""
    if pair.problem:
        yield pair.problem
        return
    for name in ("ground_truth", "erase_mask"):
        plane = pair.pixels.get(name)
        if plane is not None and ((plane != TEXT) & (plane != BACKGROUND)).any():
            yield f"the {name.replace('_', ' ')} holds other values than {TEXT} and {BACKGROUND}"
    truth = pair.pixels["ground_truth"]
    empty = (truth == BACKGROUND).all()
    if empty and text and not clipped:
        yield "the ground truth is empty"
    elif not (empty or text):
        yield "the ground truth is not empty, but the row has no text"
    elif not clipped and not all(
        (edge == BACKGROUND).all() for edge in (truth[0], truth[-1], truth[:, 0], truth[:, -1])
    ):
        yield "the ground truth touches the border: it is clipped, or its polarity is inverted"
    if "erase_mask" in pair.pixels and ((truth == TEXT) & (pair.pixels["erase_mask"] != TEXT)).any():
        yield "the erase mask does not contain the ground truth"


def _borders(plane: U8) -> tuple[U8, U8, U8, U8]:
    return plane[0], plane[-1], plane[:, 0], plane[:, -1]


def _header_problem(files: Mapping[str, bytes | None], spec: Spec | None) -> str:
    """Why the files of a row should not be decoded; "" if they should."""
    size = image_size(files["image"] or b"")
    for name, file in files.items():
        label = name.replace("_", " ")
        if not file:
            return "an image cannot be decoded: it is missing"
        own_size = image_size(file)
        if own_size is None or size is None or (name != "image" and not file.startswith(PNG_SIGNATURE)):
            return f"an image cannot be decoded: it is neither PNG nor JPEG, or the {label} is not PNG"
        if own_size != size:
            return f"image {size} and {label} {own_size} do not match"
    if size is None:
        return "an image cannot be decoded: it is missing"
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
