"""Noise: grain in brightness with a little in colour, cut from a fixed pool of random values.

The pool holds sums of eight random bytes, which are close to a normal distribution and exact in integers. It has 2**20
values, so parts of it recur after some tens of samples, at different positions in the image.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from subsynth.core import rng
from subsynth.core.pixels import U8
from subsynth.planning.recipe import NOISE_POOL


@lru_cache(maxsize=1)
def pool() -> NDArray[np.int16]:
    """The values, int16 (2**20,), with mean near 0 and standard deviation `params.NOISE_DEVIATION`."""
    octets = rng.keyed_words(0, NOISE_POOL).view(np.uint8).reshape(NOISE_POOL, 8)
    return octets.sum(axis=1, dtype=np.int16) - np.int16(8 * 255 // 2)


def noise(image: U8, gain: int, offset: int) -> U8:
    """Add noise to RGB uint8 (H, W, 3): values of the pool times gain / 65536, and a quarter of that per channel.

    `offset` in [0, 2**20) is where the values start in the pool.
    """
    height, width = image.shape[:2]
    count = height * width
    grain = _window(offset, count)
    tint = _window(offset + NOISE_POOL // 3, 3 * count).reshape(height, width, 3)
    strength = np.int32(gain)
    added = grain.reshape(height, width, 1) * strength + tint * (strength // 4)
    return np.clip(image + ((added + 32768) >> 16), 0, 255).astype(np.uint8)


def _window(offset: int, count: int) -> NDArray[np.int32]:
    values = pool()
    start = offset % NOISE_POOL
    if start + count <= NOISE_POOL:
        return values[start : start + count].astype(np.int32)
    return np.take(values, np.arange(start, start + count), mode="wrap").astype(np.int32)
