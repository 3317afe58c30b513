"""Watermarks: translucent text away from the middle of a picture."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.result import Box
from subsynth.core.pixels import U8

MIN_PICTURE = 64  # px in height: the place of a line in a strip, which is cut around it, tells nothing
OFF_CENTRE = 0.2  # share of the picture's width between its middle and that of a line, from which on it is tested
TRANSPARENCY = 0.18  # opaque text of films, coded by usual encoders, has at most .14
MIN_SPREAD = 5.0  # levels of 255: behind text, the picture must vary by as much to be seen through it
AROUND = 0.3  # heights of a line: the picture behind a stroke is estimated from what is as near
SURE_INK, NO_INK = 200, 20  # levels of coverage
MIN_PIXELS = 80  # inside of strokes; thin strokes have fewer, and what is blurred looks translucent
# Of the tint of grey and white text by the picture behind it: opaque white text has at most .26, where its codec mixes
# colours, and is brighter.
TINTS, MIN_COLOR, MIN_COSINE, MAX_LEVEL = (0.3, 0.8), 15.0, 0.95, 240.0


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
    planes = picture[area], coverage[area], erase_mask[area]
    return transparency(*planes, reach) > TRANSPARENCY or TINTS[0] < tint(*planes) < TINTS[1]


def transparency(picture: U8, coverage: U8, erase_mask: U8, reach: int) -> float:
    """How much the colour of strokes changes with that of the picture around them: 0 opaque, 1 not visible.

    This is the slope of a linear fit through the colours of pixels inside of strokes, over the mean colours of the
    picture within about `reach` px that the text did not change. It is 0 where that cannot be measured: on plain
    pictures, where the text leaves nothing of the picture, or where strokes are too thin.
    """
    inside, unchanged = _inside_and_beside(coverage, erase_mask)
    pixels = picture.astype(np.float32)
    weights = cv2.GaussianBlur(unchanged, (0, 0), reach)[:, :, None]
    behind = cv2.GaussianBlur(pixels * unchanged[:, :, None], (0, 0), reach) / np.maximum(weights, 1e-3)
    known = inside & (weights[:, :, 0] > 0.05)
    if np.count_nonzero(known) < MIN_PIXELS:
        return 0.0
    fill, around = (planes[known] - planes[known].mean(axis=0) for planes in (pixels, behind))
    spread = float(np.sqrt(np.mean(around**2)))
    return float(np.sum(fill * around) / np.sum(around**2)) if spread >= MIN_SPREAD else 0.0


def tint(picture: U8, coverage: U8, erase_mask: U8) -> float:
    """The share of the colour of the picture in grey or white text: 0 opaque, 1 not visible.

    A grey g of opacity a on a colour c gives a g + (1 - a) c, and its distance from grey is 1 - a of that of c. It is
    measured on means, so that a fine pattern behind the text, which the estimate of `transparency` blurs, does no harm.
    It is 0 where that cannot be measured: on pictures without colour, where strokes are too thin, and for text that is
    as bright as white or has a hue of its own.
    """
    inside, unchanged = _inside_and_beside(coverage, erase_mask)
    if np.count_nonzero(inside) < MIN_PIXELS or np.count_nonzero(unchanged) < MIN_PIXELS:
        return 0.0
    fill, beside = (picture[mask > 0].mean(axis=0, dtype=np.float64) for mask in (inside, unchanged))
    color, picture_color = fill - fill.mean(), beside - beside.mean()
    size, picture_size, product = (
        float(color @ color),
        float(picture_color @ picture_color),
        float(color @ picture_color),
    )
    if fill.max() > MAX_LEVEL or picture_size < MIN_COLOR**2 or product < MIN_COSINE * np.sqrt(size * picture_size):
        return 0.0
    return product / picture_size


def _inside_and_beside(coverage: U8, erase_mask: U8) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Where strokes are, and 1 where the text did not change the picture, both without blurred borders."""
    square = np.ones((3, 3), np.uint8)
    inside = cv2.erode((coverage >= SURE_INK).astype(np.uint8), square) > 0
    unchanged = cv2.erode(((erase_mask == 255) & (coverage < NO_INK)).astype(np.uint8), square)
    return inside, unchanged.astype(np.float32)
