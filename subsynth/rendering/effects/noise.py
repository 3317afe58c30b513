"""Noise: grain in brightness with a little in colour, cut from a pool that hangs on nothing but its size.

The pool holds sums of eight random bytes, a close likeness of a normal distribution that is exact in
integers. It has 2**20 values, so windows recur after some tens of samples, shifted against the picture.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from subsynth.core import rng
from subsynth.core.pixels import U8
from subsynth.planning.recipe import NOISE_POOL

SPREAD = 209  # standard deviation of the sum of eight even bytes


@lru_cache(maxsize=1)
def pool() -> NDArray[np.int16]:
    """The values, int16 (2**20,), of mean near 0 and standard deviation `SPREAD`."""
    octets = rng.keyed_words(0, NOISE_POOL).view(np.uint8).reshape(NOISE_POOL, 8)
    return octets.sum(axis=1, dtype=np.int16) - np.int16(8 * 255 // 2)


def noise(image: U8, sigma: float, place: int) -> U8:
    """Add noise of standard deviation `sigma` levels; `place` in [0, 2**20) says where the pool is cut."""
    height, width = image.shape[:2]
    count = height * width
    grain = _window(place, count)
    tint = _window(place + NOISE_POOL // 3, 3 * count).reshape(height, width, 3)
    strength = np.int32(round(sigma * 65536 / SPREAD))
    added = grain.reshape(height, width, 1) * strength + tint * (strength // 4)
    return np.clip(image + ((added + 32768) >> 16), 0, 255).astype(np.uint8)


def _window(place: int, count: int) -> NDArray[np.int32]:
    values = pool()
    at = place % NOISE_POOL
    if at + count <= NOISE_POOL:
        return values[at : at + count].astype(np.int32)
    return np.take(values, np.arange(at, at + count), mode="wrap").astype(np.int32)
