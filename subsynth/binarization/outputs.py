"""The outputs of `subsynth binarize`: what is made of a picture and its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from subsynth.binarization.result import Line, Result
from subsynth.core.pixels import U8, luma

BOXES = "boxes"  # JSON lines instead of pictures


def binary(_picture: U8, result: Result) -> U8:
    """Text black on white: uint8 (H, W), 0 and 255."""
    return np.where(result.coverage >= 128, np.uint8(0), np.uint8(255))


def soft(_picture: U8, result: Result) -> U8:
    """Text black on white with grey borders: uint8 (H, W)."""
    return 255 - result.coverage


def flat(picture: U8, result: Result) -> U8:
    """Text in its own colours on a flat background, black under light text and white under dark: RGB (H, W, 3)."""
    share = result.coverage.astype(np.uint16)[:, :, None]
    grey = luma(np.ascontiguousarray(picture.transpose(2, 0, 1)))
    weights = result.coverage.astype(np.float64)
    is_light = float((grey * weights).sum()) > 127.5 * float(weights.sum())
    backdrop = np.uint16(0 if is_light else 255)
    mixed: U8 = ((picture * share + backdrop * (255 - share) + 127) // 255).astype(np.uint8)
    return mixed


def erase(_picture: U8, result: Result) -> U8:
    """The mask to remove the subtitle by, as inpainting tools take it: uint8 (H, W), 255 where it is, 0 elsewhere."""
    return 255 - result.erase_mask


PICTURES: dict[str, Callable[[U8, Result], U8]] = {"binary": binary, "soft": soft, "flat": flat, "erase": erase}
OUTPUTS = (*PICTURES, BOXES)


def boxes_line(lines: Sequence[Line], **facts: object) -> str:
    """One line of JSON: `facts`, such as the name of the picture, and the lines of text with their boxes in px."""
    records = [{"box": list(line.box), "confidence": line.confidence} for line in lines]
    return json.dumps({**facts, "has_text": bool(records), "lines": records}, ensure_ascii=False) + "\n"


def encode_png(pixels: U8) -> bytes:
    """A grey (H, W) or RGB (H, W, 3) image as PNG."""
    plane_order = pixels if pixels.ndim == 2 else pixels[:, :, ::-1]
    return bytes(cv2.imencode(".png", plane_order)[1])
