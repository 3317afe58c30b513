"""Grade: saturation, gain and lift of a background, as a colourist would set them for a scene."""

from __future__ import annotations

import numpy as np

from subsynth.core.pixels import U8, luma

UNIT = 256  # a gain or saturation of 256 changes nothing


def grade(planes: U8, saturation: int, gains: tuple[int, int, int], lift: int) -> U8:
    """Planes (3, H, W) -> new planes: luma + saturation/256 of the chroma, times gain/256, plus lift."""
    light = luma(planes).astype(np.int32)
    out = np.empty_like(planes)
    for channel in range(3):
        value = planes[channel] - light
        value *= saturation
        value >>= 8
        value += light
        value *= gains[channel]
        value >>= 8
        value += lift
        np.clip(value, 0, 255, out=value)
        out[channel] = value
    return out
