"""Pixel arithmetic: blending, thresholding, luminance, contrast. Integers only, so equal on every CPU."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
Color = tuple[int, int, int]  # RGB 0..255

TEXT, BACKGROUND = 0, 255  # polarity of the ground truth, as in DIBCO and in the paper


def ground_truth(coverage: U8) -> U8:
    """Area coverage (H, W), 255 on text -> ground truth (H, W), 0 where at least half is text, else 255."""
    return (coverage < 128).view(np.uint8) * np.uint8(BACKGROUND)


def blend(planes: U8, color: tuple[int, int, int], alpha: U8) -> U8:
    """Blend a flat RGB colour over planes (3, H, W) with alpha (H, W), 255 opaque -> new planes (3, H, W)."""
    wide = alpha.astype(np.uint16)
    wide += wide >> 7  # 0..256, so that 255 is exactly opaque
    rest = 256 - wide
    out = np.empty_like(planes)
    for channel in range(3):
        mixed = planes[channel] * rest
        mixed += wide * np.uint16(color[channel])
        np.right_shift(mixed, 8, out=mixed)
        out[channel] = mixed
    return out


def mix(below: U8, above: U8, opacity: int) -> U8:
    """Lay one image over another of the same shape with an opacity of 0..255 -> the mean, rounded down."""
    wide = opacity + (opacity >> 7)  # 0..256
    return ((below.astype(np.uint16) * np.uint16(256 - wide) + above * np.uint16(wide)) >> 8).astype(np.uint8)


def scale_alpha(alpha: U8, opacity: int) -> U8:
    """Multiply alpha (any shape) by opacity / 255, rounded."""
    return ((alpha.astype(np.uint16) * np.uint16(opacity) + 127) // 255).astype(np.uint8)


def erase_mask(touched: U8) -> U8:
    """Values above 0 where a subtitle changed an image (H, W) -> 0 there, and 255 elsewhere."""
    return (touched == 0).view(np.uint8) * np.uint8(BACKGROUND)


def luma(planes: U8) -> U8:
    """BT.601 luma of RGB planes (3, H, W), in gamma-coded 0..255 -> uint8 (H, W)."""
    red, green, blue = (planes[i].astype(np.uint16) for i in range(3))
    return ((red * 77 + green * 150 + blue * 29) >> 8).astype(np.uint8)


@lru_cache(maxsize=1)
def _linear() -> NDArray[np.float64]:
    """sRGB code value 0..255 -> linear light 0..1 (IEC 61966-2-1), on a grid of 2**-20."""
    code = np.arange(256) / 255.0
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return np.round(light * 2.0**20) / 2.0**20


def luminance(color: NDArray[np.integer]) -> NDArray[np.float64]:
    """Relative luminance (BT.709 weights, linear light, 0..1) of RGB codes (..., 3) -> (...)."""
    light = _linear()[np.asarray(color)]
    total: NDArray[np.float64] = 0.2126 * light[..., 0] + 0.7152 * light[..., 1] + 0.0722 * light[..., 2]
    return total


def contrast_ratio(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contrast ratio of two relative luminances, 1 (equal) to 21 (black on white), as WCAG 2 defines it."""
    high, low = np.maximum(one, other), np.minimum(one, other)
    return (high + 0.05) / (low + 0.05)
