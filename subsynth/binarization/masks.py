"""Masks of text, bool (H, W), and how alike they are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
SAME = 0.72  # similarity from which on two masks show the same text


def similarity(one: Mask, other: Mask) -> float:
    """How alike two masks are, 0 to 1: the smaller share of either that is within a pixel of the other."""
    return min(share_inside(one, other), share_inside(other, one))


def show_the_same(one: Mask, other: Mask) -> bool:
    """Whether two masks show the same text, or both none."""
    return similarity(one, other) >= SAME or not (one.any() or other.any())


def share_inside(one: Mask, other: Mask) -> float:
    """The share of a mask that is within a pixel of another one; 0 for an empty mask."""
    area = np.count_nonzero(one)
    return np.count_nonzero(one & dilated(other)) / area if area else 0.0


def dilated(mask: Mask) -> Mask:
    """The pixels within one pixel of a mask."""
    return cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
