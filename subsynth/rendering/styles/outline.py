"""Outline: the glyphs grown by a radius, with a soft edge one pixel wide."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8


@lru_cache(maxsize=1024)
def neighbour_weights(radius: float) -> NDArray[np.int64]:
    """The weights of the neighbours in 1/256: int64 (2 * reach + 1, 2 * reach + 1), the pixel itself in the middle."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    weight = np.rint(np.clip(radius + 0.5 - np.sqrt(x * x + y * y), 0, 1) * 256).astype(np.int64)
    weight[reach, reach] = 256
    return weight


def outline(coverage: U8, radius: float) -> U8:
    """Coverage (H, W) -> alpha (H, W) of the glyphs grown by `radius` px.

    A pixel's alpha is the largest weighted coverage within the radius. The weight of a neighbour at distance d is
    radius + 1/2 - d, clipped to 0..1, so that the radius may be fractional.
    """
    weight = neighbour_weights(radius)
    grown = np.zeros_like(coverage)
    for level in np.unique(weight[weight > 0]):
        around = cv2.dilate(coverage, (weight >= level).astype(np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        np.maximum(grown, (around.astype(np.uint16) * np.uint16(level) >> 8).astype(np.uint8), out=grown)
    return grown
