"""Box: a flat, translucent rectangle behind the line."""

from __future__ import annotations

import numpy as np

from subsynth.core.pixels import U8


def box(left: int, top: int, right: int, bottom: int, height: int, width: int) -> U8:
    """Alpha uint8 (height, width): 255 in columns left..right-1 and rows top..bottom-1, clipped to the canvas."""
    alpha = np.zeros((height, width), np.uint8)
    alpha[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 255
    return alpha
