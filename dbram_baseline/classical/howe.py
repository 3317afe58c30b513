"""Howe's binarization: the labels of least energy (ICDAR 2011; IJDAR 2013, with fixed parameters).

    E = sum over pixels of (-L(p) where p is text, +L(p) where not)
        + C * sum over neighbours (p, q) of [labels differ and no edge between them]

L is the Laplacian of the grey image, positive on dark strokes. A change of labels costs nothing where the darker of
the two neighbours is a Canny edge. A pixel that is brighter than the page around it by two standard deviations is
background. The energy is submodular, so that a graph cut finds its minimum exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dbram_baseline.arrays import F64, U8, Mask
from dbram_baseline.errors import BaselineError

C = 200.0  # the cost of a change of labels
CANNY_HIGH, CANNY_LOW = 0.35, 0.12  # thresholds as shares of the strongest gradient
CANNY_SIGMA = 0.6  # px, of the blur before Canny
PAGE_SIGMA = 20  # px, of the Gaussian that estimates the brightness of the page
BRIGHT_COST = 500.0  # the cost of labelling a pixel as text that is brighter than the page


@dataclass(frozen=True)
class Energy:
    """The terms of the energy, each in the unit of a Laplacian of grey levels."""

    gain: F64  # (H, W), what labelling a pixel as text saves
    right: F64  # (H, W - 1), the cost of a change to the right neighbour
    below: F64  # (H - 1, W), the cost of a change to the neighbour below


def howe(grey: U8) -> Mask:
    """The mask of a grey image (H, W), True on text. Raises BaselineError where PyMaxflow is not installed."""
    return minimize(energy(grey))


def energy(grey: U8) -> Energy:
    """The terms of the energy for a grey image (H, W)."""
    image = grey.astype(np.float64)
    laplacian = cv2.Laplacian(image, cv2.CV_64F, ksize=1, borderType=cv2.BORDER_REPLICATE)
    gain: F64 = np.array(laplacian, dtype=np.float64)
    mean, mean_square = (
        cv2.GaussianBlur(part, (0, 0), PAGE_SIGMA, borderType=cv2.BORDER_REPLICATE) for part in (image, image**2)
    )
    deviation = np.sqrt(np.maximum(mean_square - mean**2, 0))
    gain[image > mean + 2 * deviation] = -BRIGHT_COST
    edges = _canny_edges(image)

    def cost(first: tuple[slice, slice], second: tuple[slice, slice]) -> F64:
        darker_is_edge = np.where(image[first] < image[second], edges[first], edges[second])
        return np.where(darker_is_edge, 0.0, C)

    every = slice(None)
    right = cost((every, slice(None, -1)), (every, slice(1, None)))
    return Energy(gain, right, cost((slice(None, -1), every), (slice(1, None), every)))


def _canny_edges(image: F64) -> Mask:
    smooth = cv2.GaussianBlur(image, (0, 0), CANNY_SIGMA, borderType=cv2.BORDER_REPLICATE)
    dx, dy = (cv2.Sobel(smooth, cv2.CV_64F, *d, borderType=cv2.BORDER_REPLICATE) for d in ((1, 0), (0, 1)))
    strongest = float(np.hypot(dx, dy).max())
    if not strongest:
        return np.zeros(image.shape, np.bool_)
    scale = 32000 / max(strongest, 1e-9)  # Canny takes gradients of 16 bits
    dx, dy = ((d * scale).astype(np.int16) for d in (dx, dy))
    return np.asarray(cv2.Canny(dx, dy, CANNY_LOW * 32000, CANNY_HIGH * 32000, L2gradient=True) > 0)


def minimize(terms: Energy) -> Mask:
    """The labels of least energy, True on text. Raises BaselineError where PyMaxflow is not installed."""
    try:
        import maxflow  # noqa: PLC0415 - an extra, because its licence is the GPL
    except ImportError as error:
        raise BaselineError(f"--method howe needs PyMaxflow ({error}); pip install '.[howe]'") from error
    graph = maxflow.GraphFloat()
    nodes = graph.add_grid_nodes(terms.gain.shape)
    right = np.zeros(terms.gain.shape)
    right[:, :-1] = terms.right
    below = np.zeros(terms.gain.shape)
    below[:-1] = terms.below
    graph.add_grid_edges(nodes, right, np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]]), symmetric=True)
    graph.add_grid_edges(nodes, below, np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0]]), symmetric=True)
    # Pixels on the sink's side are cut from the source and pay the capacity of that edge; those pixels are the text.
    graph.add_grid_tedges(nodes, np.maximum(-2 * terms.gain, 0), np.maximum(2 * terms.gain, 0))
    graph.maxflow()
    mask: Mask = graph.get_grid_segments(nodes)
    return mask
