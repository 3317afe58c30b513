"""Contrast between a line and the surroundings of its glyphs, measured before degradation.

The contrast of a sample is the WCAG 2 ratio, 1 to 21, of two relative luminances (linear light, BT.709 weights): that
of the fill, and the mean over the surroundings. The surroundings are the pixels that no glyph touches and that are at
most REACH px away, in each direction, from a pixel of text. An outline, a shadow or a box therefore counts as
surroundings, as it does for the eye.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core import pixels
from subsynth.core.pixels import U8, Color

REACH = 2  # px
UNIT = 1 << 20  # linear light of full white, as an integer
GRID = 256  # a contrast is a multiple of 1 / GRID


@lru_cache(maxsize=1)
def weighted_light() -> NDArray[np.int64]:
    """Weighted linear light of each code value for R, G and B: int64 (3, 256); full white sums to 10000 * UNIT."""
    codes = np.arange(256)
    linear = np.rint(pixels.luminance(np.stack((codes,) * 3, axis=1)) * UNIT).astype(np.int64)
    return np.array([2126, 7152, 722], dtype=np.int64)[:, None] * linear


def surrounding_light(planes: U8, coverage: U8) -> tuple[int, int]:
    """The sum of weighted light around the ink, and the number of pixels there: planes (3, H, W), coverage (H, W)."""
    text = (coverage >= 128).astype(np.uint8)
    near = cv2.dilate(text, np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8), borderType=cv2.BORDER_CONSTANT)
    around = (near > 0) & (coverage == 0)
    table = weighted_light()
    return sum(int(table[c][planes[c][around]].sum()) for c in range(3)), int(around.sum())


def mean_color(planes: U8, coverage: U8) -> Color:
    """The mean colour of the pixels of text, rounded: planes (3, H, W), coverage (H, W). White if there are none."""
    text = coverage >= 128
    red, green, blue = (int(np.rint(plane[text].mean())) if text.any() else 255 for plane in planes)
    return red, green, blue


def contrast_ratio(color: Color, light: int, count: int) -> float:
    """The contrast ratio of a fill to its surroundings (see `surrounding_light`); 1 if there are none."""
    if not count:
        return 1.0
    own = sum(_weighted_light_list()[channel][code] for channel, code in enumerate(color)) / (10000 * UNIT)
    other = light / (count * 10000 * UNIT)
    return round((max(own, other) + 0.05) / (min(own, other) + 0.05) * GRID) / GRID


@lru_cache(maxsize=1)
def _weighted_light_list() -> list[list[int]]:
    """As Python integers, which are faster to look up one by one."""
    table: list[list[int]] = weighted_light().tolist()
    return table
