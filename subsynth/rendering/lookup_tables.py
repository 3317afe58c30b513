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
