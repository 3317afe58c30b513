"""Howe's binarization: the labels of least energy (ICDAR 2011; IJDAR 2013, with fixed parameters).

    E = sum over pixels of -+L(p), - for text  +  C * sum over neighbours (p, q) of [labels differ and no edge between]

L is the Laplacian of the grey image, positive on dark strokes. Labels may differ for nothing where the darker of two
neighbours is an edge of Canny's. Pixels that are brighter than the page around them by two standard deviations are
background. The energy is submodular: a graph cut finds its least value exactly.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dbram_baseline.errors import BaselineError

U8 = NDArray[np.uint8]
C, HIGH, LOW = 200.0, 0.35, 0.12  # the penalty; Canny's thresholds, in shares of the strongest gradient
SIGMA = 0.6  # px of the blur before Canny
AROUND = 20  # px of the Gaussian that a page's brightness is taken by
BRIGHT = 500.0  # what a pixel brighter than the page pays for being text


def howe(grey: U8) -> NDArray[np.bool_]:
    """The mask, True on text, of a grey image (H, W). Raises BaselineError where PyMaxflow is not installed."""
    source, right, below = terms(grey)
    return least(source, right, below)


def terms(grey: U8) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What a pixel gains by being text (H, W), and what a change to the right (H, W - 1) or below (H - 1, W) costs."""
    image = grey.astype(np.float64)
    laplacian = cv2.Laplacian(image, cv2.CV_64F, ksize=1, borderType=cv2.BORDER_REPLICATE)
    gain: NDArray[np.float64] = np.array(laplacian, dtype=np.float64)
    mean, square = (
        cv2.GaussianBlur(part, (0, 0), AROUND, borderType=cv2.BORDER_REPLICATE) for part in (image, image**2)
    )
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    gain[image > mean + 2 * spread] = -BRIGHT
    edges = _edges(image)

    def cost(first: tuple[slice, slice], second: tuple[slice, slice]) -> NDArray[np.float64]:
        darker = np.where(image[first] < image[second], edges[first], edges[second])
        return np.where(darker, 0.0, C)

    every = slice(None)
    right = cost((every, slice(None, -1)), (every, slice(1, None)))
    return gain, right, cost((slice(None, -1), every), (slice(1, None), every))


def _edges(image: NDArray[np.float64]) -> NDArray[np.bool_]:
    smooth = cv2.GaussianBlur(image, (0, 0), SIGMA, borderType=cv2.BORDER_REPLICATE)
    dx, dy = (cv2.Sobel(smooth, cv2.CV_64F, *d, borderType=cv2.BORDER_REPLICATE) for d in ((1, 0), (0, 1)))
    strongest = float(np.hypot(dx, dy).max())
    if not strongest:
        return np.zeros(image.shape, np.bool_)
    scale = 32000 / max(strongest, 1e-9)  # Canny takes gradients of 16 bits
    dx, dy = ((d * scale).astype(np.int16) for d in (dx, dy))
    return np.asarray(cv2.Canny(dx, dy, LOW * 32000, HIGH * 32000, L2gradient=True) > 0)


def least(gain: NDArray[np.float64], right: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The labels of least energy: True where text."""
    try:
        import maxflow  # noqa: PLC0415 - an extra, of another licence (GPL)
    except ImportError as error:
        raise BaselineError(f"--method howe needs PyMaxflow ({error}); pip install '.[howe]'") from error
    graph = maxflow.GraphFloat()
    nodes = graph.add_grid_nodes(gain.shape)
    across = np.zeros(gain.shape)
    across[:, :-1] = right
    down = np.zeros(gain.shape)
    down[:-1] = below
    graph.add_grid_edges(nodes, across, np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]]), symmetric=True)
    graph.add_grid_edges(nodes, down, np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0]]), symmetric=True)
    # A pixel on the sink's side pays its source edge. There lies the text, which pays -gain.
    graph.add_grid_tedges(nodes, np.maximum(-2 * gain, 0), np.maximum(2 * gain, 0))
    graph.maxflow()
    found: NDArray[np.bool_] = graph.get_grid_segments(nodes)
    return found
