"""Masks of text, bool (H, W), and how alike they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.result import Box

Mask = NDArray[np.bool_]
SAME = 0.6  # similarity from which on two masks show the same text; those of different lines in one place have up to .5


class PackedMask:
    """A mask that is kept as bits: a film has thousands."""

    def __init__(self, mask: Mask):
        self._shape, self._bits = mask.shape, np.packbits(mask)

    def unpacked(self) -> Mask:
        """The mask."""
        count = self._shape[0] * self._shape[1]
        return np.unpackbits(self._bits, count=count).reshape(self._shape).view(np.bool_)


def similarity(one: Mask, other: Mask) -> float:
    """The Dice coefficient of two masks, 0 to 1; 0 if one is empty.

    The masks are not dilated: at the size of the detection, that would fill the whole area of a line.
    """
    area = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero(one & other) / area if area else 0.0


def show_the_same(one: Mask, other: Mask) -> bool:
    """Whether two masks show the same text, or both none."""
    return similarity(one, other) >= SAME or not (one.any() or other.any())


def share_inside(one: Mask, other: Mask) -> float:
    """The share of a mask that is inside of another one; 0 for an empty mask."""
    area = np.count_nonzero(one)
    return np.count_nonzero(one & other) / area if area else 0.0


def bounding_box(mask: Mask) -> Box:
    """The smallest box around a mask; of no size if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Box(0, 0, 0, 0)
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
