"""The borders of strokes, placed by the colours on both sides of them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8

FILL_SIGMA = 4.0  # px: the fill of a line has one colour
GROUND_SIGMA = 0.8  # px: what is beside it, an outline or the picture, changes from pixel to pixel
MIN_DISTANCE = 15.0  # levels between the two colours; less says nothing about a border
COLOR_WEIGHT = 0.6  # of the estimate by colour; that of the network is somewhat too thick
_AROUND = np.ones((3, 3), np.uint8)


def refine_borders(picture: U8, text: U8) -> U8:
    """A map of probabilities (H, W), 255 certain, with more exact borders, from a picture RGB (H, W, 3) of its size.

    A pixel at the border of a stroke is a mixture of the fill and of what is beside it, by the share that the fill
    covers. Its colour tells this share where both colours are known, and the network another estimate: the result is
    their mean, weighted by COLOR_WEIGHT.
    """
    mask = text >= 128
    image, share = picture.astype(np.float32), text.astype(np.float32) / 255
    fill = _local_mean(image, np.where(mask, share * share, 0), FILL_SIGMA)
    ground = _local_mean(image, np.where(mask, 0, (1 - share) ** 2), GROUND_SIGMA)
    direction = fill - ground
    squared = np.einsum("ijk,ijk->ij", direction, direction)  # several times as fast as np.sum along so short an axis
    mixture = np.einsum("ijk,ijk->ij", image - ground, direction) / np.maximum(squared, 1)
    level = mask.astype(np.uint8)
    border = cv2.dilate(level, _AROUND) > cv2.erode(level, _AROUND)
    border &= squared > MIN_DISTANCE**2
    mean = (1 - COLOR_WEIGHT) * share + COLOR_WEIGHT * np.clip(mixture, 0, 1)
    refined = np.where(border, mean, share)
    return np.round(refined * 255).astype(np.uint8)


def _local_mean(image: NDArray[np.float32], weights: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The mean colour around each pixel, by weights (H, W) and a Gaussian of `sigma` px."""
    colors = cv2.GaussianBlur(image * weights[:, :, None], (0, 0), sigma)
    total = cv2.GaussianBlur(weights, (0, 0), sigma)
    return np.asarray(colors / np.maximum(total, 1e-6)[:, :, None], np.float32)
