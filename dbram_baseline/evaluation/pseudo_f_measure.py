"""The pseudo-F-measure of the DIBCO contests (Ntirogiannis, Gatos and Pratikakis, 2013), and its weights."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from dbram_baseline.arrays import F32, Mask


class PseudoWeights(NamedTuple):
    """Weights (H, W): of text pixels in recall, and of background pixels around strokes in precision."""

    recall: F32
    precision: F32


def pseudo_f_measure(output: Mask, truth: Mask, weights: PseudoWeights) -> float:
    """The F-measure of a recall weighted within strokes and a precision weighted around them, in [0, 1]; nan if the
    truth has no text.

    `weights` are those that the contests' tool writes, or their approximation `pseudo_weights(truth)`.
    """
    if not truth.any():
        return float("nan")
    hits, extra = output & truth, output & ~truth
    recalled = float(weights.recall[hits].sum(dtype=np.float64))
    recall = recalled / max(float(weights.recall[truth].sum(dtype=np.float64)), 1e-12)
    precise = float((1 + weights.precision[hits]).sum(dtype=np.float64))
    precision = precise / max(precise + float((1 + weights.precision[extra]).sum(dtype=np.float64)), 1e-12)
    return 2 * recall * precision / max(recall + precision, 1e-12)


def pseudo_weights(truth: Mask) -> PseudoWeights:
    """An approximation of the contests' weights, derived from the paper and from files of the contests.

    The resulting pseudo-F-measure differs from the official one by 0.3 percentage points on average, by up to 4 on
    a page.
    """
    if not truth.any():
        return PseudoWeights(np.zeros(truth.shape, np.float32), np.zeros(truth.shape, np.float32))
    inner = _interior(truth)
    contour = truth & ~inner
    # Chessboard distance of text pixels to the contour.
    depth = np.where(truth, cv2.distanceTransform((~contour).astype(np.uint8), cv2.DIST_C, 3), 0)
    skeleton = _skeleton(truth, inner, contour)
    return PseudoWeights(
        _recall_weights(truth, inner, contour, depth, skeleton), _precision_weights(truth, depth, skeleton)
    )


def _recall_weights(truth: Mask, inner: Mask, contour: Mask, depth: NDArray[np.floating], skeleton: Mask) -> F32:
    """Weights that sum to about one across a stroke, whatever its width."""
    nearest = ndimage.distance_transform_edt(~skeleton, return_distances=False, return_indices=True)
    widths = _stroke_widths(truth)
    # A stroke with an interior is at least 3 px wide, and its contour weighs nothing.
    width = np.where(inner, np.maximum(widths, 3), widths)[tuple(nearest)]
    total = np.where(width % 2 == 0, (width / 2) * (width / 2 - 1), ((width - 1) / 2) ** 2)
    total = np.where(width == 3, 2, total)
    weights = np.where(width <= 2, contour / np.maximum(width, 1), depth / np.maximum(total, 1))
    return np.where(truth, weights, 0).astype(np.float32)


def _precision_weights(truth: Mask, depth: NDArray[np.floating], skeleton: Mask) -> F32:
    """Weights that grow with the distance from a stroke, up to about its own width, and are zero farther away."""
    distance = cv2.distanceTransform((~truth).astype(np.uint8), cv2.DIST_C, 3)
    components, count = _components(truth)
    mean_depth = ndimage.mean(depth, np.where(skeleton, components, 0), np.arange(count))
    reach = np.maximum(2, 2 * np.ceil(np.nan_to_num(mean_depth)))  # per component
    nearest = ndimage.distance_transform_edt(~truth, return_distances=False, return_indices=True)
    nearest_reach = reach[components[tuple(nearest)]]
    return np.where(~truth & (distance <= nearest_reach), distance / nearest_reach, 0).astype(np.float32)


def _interior(truth: Mask) -> Mask:
    """Text pixels whose four neighbours are text; pixels outside the image count as background."""
    framed = np.pad(truth, 1).astype(np.uint8)
    return cv2.erode(framed, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))[1:-1, 1:-1] > 0


def _skeleton(truth: Mask, inner: Mask, contour: Mask) -> Mask:
    """The skeleton, without pixels of the contour beside an interior; a component without any is its own skeleton."""
    skeleton = skeletonize(truth)
    beside_inner = cv2.dilate(inner.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    skeleton &= ~(contour & beside_inner)
    components, count = _components(truth)
    has_skeleton = np.zeros(count, bool)
    has_skeleton[components[skeleton]] = True
    result: Mask = skeleton | (truth & ~has_skeleton[components])
    return result


def _stroke_widths(truth: Mask) -> NDArray[np.float64]:
    """The stroke width at each text pixel, px: the least of the runs in its row and column and of twice its depth."""
    framed = np.pad(truth, 1).astype(np.uint8)
    to_outside = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.minimum(np.minimum(_run_lengths(truth), _run_lengths(truth.T).T), np.floor(2 * to_outside - 1) + 1)


def _run_lengths(mask: Mask) -> NDArray[np.int64]:
    """The length of the run of True pixels in its row that each True pixel belongs to; 0 elsewhere."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, stops = np.argwhere(edges == 1), np.argwhere(edges == -1)
    result = np.zeros(mask.shape, np.int64)
    lengths = stops[:, 1] - starts[:, 1]
    result[mask] = np.repeat(lengths, lengths)
    return result


def _components(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """8-connected components, numbered from 1 (0 is outside), and the number of labels with 0."""
    count, components = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(components, np.int32), count
