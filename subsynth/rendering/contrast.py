"""Surround: the contrast that a line has against what lies around its letters, measured before degradation.

The contrast of a sample is the WCAG 2 ratio, 1 to 21, of two relative luminances (linear light, BT.709
weights): that of the fill, and the mean of the pixels around the ink. Around are those pixels that no
glyph touches and that lie at most REACH px, in both directions, from a pixel of text. So an outline, a
shadow or a box counts as surround, as it does for the eye.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core import pixels
from subsynth.core.pixels import U8

REACH = 2  # px
UNIT = 1 << 20  # linear light of full white, as an integer
GRID = 256  # a contrast is a multiple of 1 / GRID


@lru_cache(maxsize=1)
def light() -> NDArray[np.int64]:
    """Weighted linear light of each code value for R, G and B: int64 (3, 256); full white sums to 10000 * UNIT."""
    codes = np.arange(256)
    linear = np.rint(pixels.luminance(np.stack((codes,) * 3, axis=1)) * UNIT).astype(np.int64)
    return np.array([2126, 7152, 722], dtype=np.int64)[:, None] * linear


def around(planes: U8, coverage: U8) -> tuple[int, int]:
    """Sum of weighted light around the ink, and the number of pixels: planes (3, H, W), coverage (H, W)."""
    text = (coverage >= 128).astype(np.uint8)
    near = cv2.dilate(text, np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8), borderType=cv2.BORDER_CONSTANT)
    ring = (near > 0) & (coverage == 0)
    table = light()
    return sum(int(table[c][planes[c][ring]].sum()) for c in range(3)), int(ring.sum())


def contrast(color: tuple[int, int, int], total: int, count: int) -> float:
    """The ratio of a fill's luminance to that of its surround; 1 where nothing surrounds it."""
    if not count:
        return 1.0
    own = sum(_parts()[channel][code] for channel, code in enumerate(color)) / (10000 * UNIT)
    other = total / (count * 10000 * UNIT)
    return round((max(own, other) + 0.05) / (min(own, other) + 0.05) * GRID) / GRID


@lru_cache(maxsize=1)
def _parts() -> list[list[int]]:
    parts: list[list[int]] = light().tolist()
    return parts
