"""Thumbnails: small grey copies of frames, by which uniform frames and frames of the same shot are recognised."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8

WIDTH, HEIGHT = 32, 18  # px
SHIFT_X, SHIFT_Y = 4, 2  # px that the camera may have moved between two frames of the same shot
UNIFORM = 3.0  # levels of 255: a thumbnail with a smaller deviation shows nothing

GRID = 1 << 20  # vectors are multiples of 1 / GRID, so that their products are exact and the same on every machine

Vectors = NDArray[np.float64]


def thumbnail(image: U8) -> U8:
    """A frame, RGB uint8 (H, W, 3) -> luma uint8 (HEIGHT, WIDTH)."""
    small = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def is_uniform(thumbnail: U8) -> bool:
    """Whether there is nothing to see: a black frame, or a plain colour, or a gradient along one axis."""
    return bool(_centred(thumbnail[None]).std() < UNIFORM)


def standardise(thumbnails: U8) -> Vectors:
    """Thumbnails, or equal crops of them, uint8 (n, h, w) -> float64 (n, h * w), vectors of length 1.

    The product of two of them is the correlation of the pictures, 1 for a picture and a darker copy of it.
    """
    values = _centred(thumbnails).reshape(len(thumbnails), thumbnails.shape[1] * thumbnails.shape[2])
    lengths = np.sqrt(np.maximum((values * values).sum(axis=1, keepdims=True), 1e-12))
    return np.asarray(np.rint(values / lengths * GRID) / GRID)


def likeness(thumbnails: U8, others: U8) -> NDArray[np.float64]:
    """Thumbnails uint8 (n, HEIGHT, WIDTH) and (m, HEIGHT, WIDTH) -> float64 (n,), the likeness to the nearest other.

    It is the largest correlation of the middle of a thumbnail with any part of that size of one of the others: the
    camera may have moved. -1 if there are no others.
    """
    best = np.full((len(thumbnails), len(others)), -1.0)
    rows, columns = HEIGHT - 2 * SHIFT_Y, WIDTH - 2 * SHIFT_X
    middle = standardise(thumbnails[:, SHIFT_Y : SHIFT_Y + rows, SHIFT_X : SHIFT_X + columns])
    for y in range(2 * SHIFT_Y + 1):
        for x in range(2 * SHIFT_X + 1):
            np.maximum(best, middle @ standardise(others[:, y : y + rows, x : x + columns]).T, out=best)
    return np.asarray(best.max(axis=1, initial=-1))


def _centred(thumbnails: U8) -> Vectors:
    """Thumbnails less the means of their rows and columns.

    Black bars, and the light sky above the dark ground, would otherwise make frames of different shots alike.
    """
    values = thumbnails.astype(np.float64)
    rows, columns = values.mean(axis=2, keepdims=True), values.mean(axis=1, keepdims=True)
    return np.asarray(values - rows - columns + values.mean(axis=(1, 2), keepdims=True))
