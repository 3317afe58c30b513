"""Watermarks: translucent text away from the middle of a picture."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from subsynth.binarization.result import Box
from subsynth.core.pixels import U8

MIN_PICTURE = 64  # px in height: the place of a line in a strip, which is cut around it, tells nothing
OFF_CENTRE = 0.2  # share of the picture's width between its middle and that of a line, from which on it is tested
TRANSPARENCY = 0.18  # opaque text of films, coded by usual encoders, has at most .14
MIN_SPREAD = 5.0  # levels of 255: behind text, the picture must vary by as much to be seen through it
AROUND = 0.3  # heights of a line: the picture behind a stroke is estimated from what is as near
SURE_INK, NO_INK = 200, 20  # levels of coverage
MIN_PIXELS = 80  # inside of strokes; thin strokes have fewer, and what is blurred looks translucent


class Frame(NamedTuple):
    """The whole frame of a crop: the first column of the crop in it, and its size in px."""

    left: int
    width: int
    height: int


def is_watermark(picture: U8, coverage: U8, erase_mask: U8, box: Box, frame: Frame | None = None) -> bool:
    """Whether the line in a box is translucent, as watermarks are, and lies beside the middle of the picture.

    The picture is RGB (H, W, 3); coverage (H, W) is 255 where text is certain, and the erase mask (H, W) 0 where the
    text changed the picture. `frame` tells where a picture that is a crop lies in its whole frame. Subtitles are
    centred as a rule, and those that are not are rarely translucent.
    """
    left, width, height = frame or Frame(0, coverage.shape[1], coverage.shape[0])
    off_centre = abs((left + (box.x0 + box.x1) / 2) / width - 0.5)
    if height < MIN_PICTURE or off_centre < OFF_CENTRE:
        return False
    reach = max(4, round(AROUND * box.height))
    area = slice(max(0, box.y0 - reach), box.y1 + reach), slice(max(0, box.x0 - reach), box.x1 + reach)
    return transparency(picture[area], coverage[area], erase_mask[area], reach) > TRANSPARENCY


def transparency(picture: U8, coverage: U8, erase_mask: U8, reach: int) -> float:
    """How much the colour of strokes changes with that of the picture around them: 0 opaque, 1 not visible.

    This is the slope of a linear fit through the colours of pixels inside of strokes, over the mean colours of the
    picture within about `reach` px that the text did not change. It is 0 where that cannot be measured: on plain
    pictures, where the text leaves nothing of the picture, or where strokes are too thin.
    """
    inside = cv2.erode((coverage >= SURE_INK).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    unchanged = ((erase_mask == 255) & (coverage < NO_INK)).astype(np.uint8)
    unchanged = cv2.erode(unchanged, np.ones((3, 3), np.uint8)).astype(np.float32)  # without blurred borders
    pixels = picture.astype(np.float32)
    weights = cv2.GaussianBlur(unchanged, (0, 0), reach)[:, :, None]
    behind = cv2.GaussianBlur(pixels * unchanged[:, :, None], (0, 0), reach) / np.maximum(weights, 1e-3)
    known = inside & (weights[:, :, 0] > 0.05)
    if np.count_nonzero(known) < MIN_PIXELS:
        return 0.0
    fill, around = (planes[known] - planes[known].mean(axis=0) for planes in (pixels, behind))
    spread = float(np.sqrt(np.mean(around**2)))
    return float(np.sum(fill * around) / np.sum(around**2)) if spread >= MIN_SPREAD else 0.0
