"""The borders of strokes, placed by the colours of the fill, of its outline and of the picture."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8

PRIOR = 0.2 * 255**2  # weight of the network's estimate against the squared error of the colours, summed over RGB
FILL_SIGMA = 4.0  # px: the fill changes slowly along a line, if at all
CERTAIN_SIGMA = 20.0  # px: the same within outlines, where only pixels count that show the fill alone
BESIDE_SIGMA = 0.8  # px: without an outline, what is beside a border changes from pixel to pixel
PICTURE_SIGMA = 3.0  # px: beyond an outline, the picture is known at some distance only
CERTAIN = 0.9  # probability from which on a pixel shows the fill alone
MAX_SHARE = 0.25  # of a pixel beside the text; with more, it is a part of the border
MIN_OVERSHOOT = 0.07  # of the distance from the fill to what is beside it: less does not show an outline
FARTHEST = 0.1  # of the pixels beside the text: the outline covers the ones that differ most from the fill
MIN_WEIGHT = 1e-4  # of a local mean
MIN_PIXELS = 20  # fewer do not give a colour
_AROUND = np.ones((3, 3), np.uint8)

Floats = NDArray[np.floating[Any]]


def refine_borders(picture: U8, text: U8) -> U8:
    """A map of probabilities (H, W), 255 certain, with more exact borders, from a picture RGB (H, W, 3) of its size.

    A pixel at the border of a stroke is a mixture of the fill, the outline if there is one, and the picture. The share
    of the fill is estimated from its colour by least squares, with the network's estimate as the prior. Where an
    outline is thinner than a pixel, such a mixture can be as bright as the picture; the three colours tell them apart.
    """
    mask = text >= 128
    image, share = picture.astype(np.float32), text.astype(np.float32) / 255
    areas = _grown(mask)
    border = areas[1] > cv2.erode(areas[0], _AROUND)
    certain = share > CERTAIN
    certain = certain if np.count_nonzero(certain) >= MIN_PIXELS else mask
    outline = _outline_color(image, share, areas, certain)
    if outline is None:
        fill = _local_mean(image, np.where(mask, share * share, 0), FILL_SIGMA)[border]
        beside = _local_mean(image, np.where(mask, 0, (1 - share) ** 2), BESIDE_SIGMA)[border]
    else:
        fill = _local_mean(image, certain, CERTAIN_SIGMA)[border]
        beside = _local_mean(image, areas[2] == 0, PICTURE_SIGMA)[border]
    refined = share.copy()
    refined[border] = _fill_shares(image[border], fill, beside, outline, share[border])
    return np.round(refined * 255).astype(np.uint8)


def _grown(mask: NDArray[np.bool_]) -> list[U8]:
    """The text, and the text grown by one, two and three pixels."""
    areas: list[U8] = [mask.astype(np.uint8)]
    for _ in range(3):
        areas.append(np.asarray(cv2.dilate(areas[-1], _AROUND), np.uint8))
    return areas


def _outline_color(image: Floats, share: Floats, areas: list[U8], certain: NDArray[np.bool_]) -> Floats | None:
    """The colour of the outline (3,), or None if the text has none that shows.

    An outline is further from the colour of the fill than the picture around it. Of the pixels beside the text, those
    that differ most from the fill are covered by it.
    """
    near, _, far = (outer > inner for inner, outer in pairwise(areas))
    near &= share < MAX_SHARE
    if not certain.any() or min(np.count_nonzero(near), np.count_nonzero(far)) < MIN_PIXELS:
        return None
    fill, colors = image[certain].mean(axis=0), image[near]
    beside = colors.mean(axis=0) - fill
    if float((image[far].mean(axis=0) - fill) @ beside) >= (1 - MIN_OVERSHOOT) * float(beside @ beside):
        return None
    distances = (colors - fill) @ beside
    count = max(3, round(FARTHEST * len(distances)))
    return np.asarray(colors[np.argpartition(distances, -count)[-count:]].mean(axis=0))


def _fill_shares(colors: Floats, fill: Floats, picture: Floats, outline: Floats | None, prior: Floats) -> Floats:
    """The shares (n,) of the fill in pixels of given colours (n, 3).

    `fill` and `picture` (n, 3) are the colours around each of them. The share s of the fill and the share u of the
    outline minimize |colour - s fill - u outline - (1 - s - u) picture|² + PRIOR (s - prior)² + u². Where one of the
    shares would be negative, the other two alone are mixed.
    """
    toward_fill, rest = fill - picture, colors - picture
    ff, fc = _dot(toward_fill, toward_fill) + PRIOR, _dot(toward_fill, rest) + PRIOR * prior
    without_outline = fc / ff
    if outline is None:
        return np.clip(without_outline, 0, 1)
    toward_outline = outline - picture
    oo, fo, oc = _dot(toward_outline, toward_outline) + 1, _dot(toward_fill, toward_outline), _dot(toward_outline, rest)
    determinant = ff * oo - fo * fo
    s, u = (fc * oo - oc * fo) / determinant, (oc * ff - fc * fo) / determinant
    span = fill - outline
    without_picture = (_dot(span, colors - outline) + PRIOR * prior) / (_dot(span, span) + PRIOR)
    s = np.where(u < 0, without_outline, np.where(s + u > 1, without_picture, s))
    return np.asarray(np.clip(s, 0, 1))


def _dot(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", one, other))


def _local_mean(image: Floats, weights: NDArray[Any], sigma: float) -> Floats:
    """The mean colour around each pixel, by weights (H, W) and a Gaussian of `sigma` px.

    The Gaussian ends at four times its sigma. Where all weights within are 0, the mean of the whole image is taken, by
    the same weights.
    """
    weights = weights.astype(np.float32)
    colors = cv2.GaussianBlur(image * weights[:, :, None], (0, 0), sigma)
    total = cv2.GaussianBlur(weights, (0, 0), sigma)
    mean = colors / np.maximum(total, MIN_WEIGHT)[:, :, None]
    far = total < MIN_WEIGHT
    if far.any() and weights.any():
        mean[far] = np.average(image.reshape(-1, 3), axis=0, weights=weights.reshape(-1))
    return np.asarray(mean, np.float32)
