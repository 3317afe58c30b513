"""The borders of strokes, placed by the colours on both sides of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8

FILL_SIGMA = 4.0  # px: the fill of a line has one colour
GROUND_SIGMA = 0.8  # px: what is beside it, an outline or the picture, changes from pixel to pixel
MIN_DISTANCE = 15.0  # levels between the two colours; less says nothing about a border
COLOR_WEIGHT = 0.6  # of the estimate by colour; that of the network is somewhat too thick
# How much of the difference between an outline and the picture beyond it is left two pixels away from the text: in thin
# outlines up to the first value, and from the second one on in outlines of more than a pixel.
THIN, THICK = 0.05, 0.2
MIN_OUTLINE = 0.07  # of the distance from the fill to the outline: where the picture is as far, no outline shows
MAX_SHARE = 0.25  # of a pixel beside the text; with more, it is a part of the border
_AROUND = np.ones((3, 3), np.uint8)


def refine_borders(picture: U8, text: U8) -> U8:
    """A map of probabilities (H, W), 255 certain, with more exact borders, from a picture RGB (H, W, 3) of its size.

    A pixel at the border of a stroke is a mixture of the fill and of what is beside it, by the share that the fill
    covers. Its colour tells this share where both colours are known, and the network another estimate: the result is
    their mean, weighted by COLOR_WEIGHT. An outline that is thinner than a pixel is nowhere seen in its own colour, so
    that the estimate by colour is too low; there, the network counts alone.
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
    weight = COLOR_WEIGHT * _outline_certainty(image, share, mask)
    mean = (1 - weight) * share + weight * np.clip(mixture, 0, 1)
    refined = np.where(border, mean, share)
    return np.round(refined * 255).astype(np.uint8)


def _outline_certainty(image: NDArray[np.float32], share: NDArray[np.floating[Any]], mask: NDArray[np.bool_]) -> float:
    """0 if the text has an outline thinner than a pixel, 1 if its outline is thicker or it has none.

    An outline is further from the colour of the fill than the picture around it. What is measured is the mean colour of
    the pixels at a distance of one, two and three from the text.
    """
    areas = [mask.astype(np.uint8)]
    for _ in range(3):
        areas.append(np.asarray(cv2.dilate(areas[-1], _AROUND), np.uint8))
    rings = [outer > inner for inner, outer in pairwise(areas)]
    rings[0] &= share < MAX_SHARE
    if not mask.any() or not all(ring.any() for ring in rings):
        return 1.0
    fill = image[mask].mean(axis=0)
    beside, further, far = (image[ring].mean(axis=0) - fill for ring in rings)
    squared = float(beside @ beside)
    if squared <= MIN_DISTANCE**2:
        return 1.0
    overshoot, left = 1 - float(far @ beside) / squared, float((further - far) @ beside) / squared
    if overshoot <= MIN_OUTLINE:
        return 1.0
    return float(np.clip((left / overshoot - THIN) / (THICK - THIN), 0, 1))


def _local_mean(image: NDArray[np.float32], weights: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The mean colour around each pixel, by weights (H, W) and a Gaussian of `sigma` px."""
    colors = cv2.GaussianBlur(image * weights[:, :, None], (0, 0), sigma)
    total = cv2.GaussianBlur(weights, (0, 0), sigma)
    return np.asarray(colors / np.maximum(total, 1e-6)[:, :, None], np.float32)
