"""Lookup tables that replace a factor or a sigma in the kernels, derived from the plain functions."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.rendering.effects import noise

Columns = NDArray[np.int32]  # (4, n): the two source positions of each of n pixels, and their weights in 1/2048

NO_RESAMPLE: Columns = np.zeros((4, 0), np.int32)
NO_BLUR = np.zeros(0, np.int32)
_LUMA_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMA_STEPS = np.full((8, 8), 99)
_CHROMA_STEPS[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


@lru_cache(maxsize=512)
def resample(width: int, height: int, factor: float) -> tuple[Columns, Columns, Columns, Columns]:
    """The columns and rows of `effects.resample`: across and down to the reduced image, then back to full size."""
    if not factor:
        return NO_RESAMPLE, NO_RESAMPLE, NO_RESAMPLE, NO_RESAMPLE
    small_w, small_h = max(1, round(width / factor)), max(1, round(height / factor))
    return (
        _mix(width, small_w, across=True), _mix(height, small_h, across=False),
        _mix(small_w, width, across=True), _mix(small_h, height, across=False),
    )  # fmt: skip


def _mix(source: int, target: int, across: bool) -> Columns:
    """The position of each target pixel's centre among the source pixels, in single precision, as in OpenCV."""
    at = ((np.arange(target) + 0.5) * (1 / (target / source)) - 0.5).astype(np.float32)
    first = np.floor(at).astype(np.int32)
    share = at - first.astype(np.float32)
    if (
        across
    ):  # beyond the outermost centres only one pixel counts; rows are repeated instead, which rounds differently
        share = np.where((first < 0) | (first >= source - 1), np.float32(0), share)
    near, far = np.rint((np.float32(1) - share) * np.float32(2048)), np.rint(share * np.float32(2048))
    positions = np.clip(first, 0, source - 1), np.clip(first + 1, 0, source - 1)
    return np.stack((*positions, near, far)).astype(np.int32)


@lru_cache(maxsize=4096)
def blur_taps(sigma: float) -> NDArray[np.int32]:
    """The weights of OpenCV's 8-bit Gaussian, in 1/256, sum 256: read from its response to a single bright pixel."""
    if not sigma:
        return NO_BLUR
    reach = (round(sigma * 6 + 1) | 1) // 2
    row = np.zeros((1, 8 * reach + 1), np.uint8)
    row[0, 4 * reach] = 255
    response = cv2.GaussianBlur(row, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)[0].astype(np.int32)
    taps: NDArray[np.int32] = response[3 * reach : 5 * reach + 1].copy()
    taps[reach] = 256 - 2 * taps[:reach].sum()
    return taps


@lru_cache(maxsize=1)
def noise_pools() -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The pool of `effects.noise` repeated twice, and the same in three rows: `[r, k]` is value 3 * k + r."""
    twice = np.concatenate((noise.pool(), noise.pool()))
    third = len(twice) // 3
    return twice, np.stack([np.ascontiguousarray(twice[r : r + 3 * third - 2 : 3]) for r in range(3)])


@lru_cache(maxsize=101)
def jpeg_steps(quality: int) -> NDArray[np.int32]:
    """How a coefficient's size is rounded to its step, for luma and chroma: int32 (2, 64, 4). Of quality 0: no rows.

    Each row is step, bias, factor and shift; sizes, in 1/8, up to 2^14 become ((size + bias) * factor >> shift) * step.
    Coefficients are in the order of their columns. The steps are those of ITU-T T.81, annex K, scaled as the
    Independent JPEG Group does: 50 leaves them, 100 makes them 1.
    """
    if not quality:
        return np.zeros((0, 64, 4), np.int32)
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = np.clip((np.stack((_LUMA_STEPS, _CHROMA_STEPS)) * percent + 50) // 100, 1, 255)
    steps = steps.transpose(0, 2, 1).reshape(2, 64)
    shifts = 14 + np.ceil(np.log2(8 * steps + 1)).astype(np.int64)
    return np.stack((steps, 4 * steps, 2**shifts // (8 * steps) + 1, shifts), axis=2).astype(np.int32)
