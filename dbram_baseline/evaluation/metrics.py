"""How well a binarization fits its ground truth: the measures of the DIBCO contests, PSNR and SSIM.

Masks are bool (H, W), True on text. Greys are float (H, W) in [0, 1], text 0, background 1. F-measures, error and
NRM are in 0..1 (the contests print percent). Formulas are those of the contests' own tool, to whose printed
output the tests hold them.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Grey = NDArray[np.floating]


def psnr(output: Grey, truth: Grey) -> float:
    """Peak signal to noise ratio in dB, the peak being 1; infinite where both are equal."""
    error = float(np.mean((np.asarray(output, np.float64) - np.asarray(truth, np.float64)) ** 2))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def psnr_binary(found: Mask, truth: Mask) -> float:
    """PSNR of masks; half a wrong pixel is the least that is counted, so that the mean over images is finite."""
    wrong = max(float(np.count_nonzero(found != truth)), 0.5)
    return float(-10 * np.log10(wrong / truth.size))


def psnr_uint8_wrap(output: Grey, truth: Grey) -> float:
    """PSNR of 8-bit greys whose squared differences wrap round at 256, as they do where bytes are multiplied.

    This is no measure: a pixel that is wholly wrong counts 1 of 255 squared. It is kept for one reason, which is
    that the PSNR printed in the paper can be explained by it and by no true PSNR (an all-white output has 33.75 dB
    there); it is shown beside the paper's figures and nowhere else.
    """
    a, b = (np.round(np.clip(i, 0, 1) * 255).astype(np.uint8) for i in (output, truth))
    difference = a - b
    error = float(np.mean(difference * difference))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def lab_errors(output: Grey, truth: Grey, where: Mask) -> tuple[float, float]:
    """Root mean square and mean absolute error in CIELAB of RGB images (H, W, 3) in [0, 1], over the pixels `where`.

    The first is of the Euclidean distance of colours; the second, of the sum over the three planes, is what many
    papers on shadows print as RMSE. Both are nan where there are no such pixels.
    """
    if not where.any():
        return float("nan"), float("nan")
    a, b = (cv2.cvtColor(np.asarray(i, np.float32), cv2.COLOR_RGB2LAB)[where] for i in (output, truth))
    apart = a.astype(np.float64) - b
    return float(np.sqrt((apart**2).sum(axis=1).mean())), float(np.abs(apart).sum(axis=1).mean())


def ssim(output: Grey, truth: Grey) -> float:
    """Structural similarity (Wang 2004): an 11x11 Gaussian window of sigma 1.5, where it lies wholly in the image;
    of (H, W), or the mean over the planes of (H, W, 3)."""
    x, y = (np.asarray(i, np.float64) for i in (output, truth))

    def blur(image: Grey) -> Grey:
        return np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5)[5:-5, 5:-5], np.float64)  # each plane by itself

    mx, my, xx, yy, xy = (blur(i) for i in (x, y, x * x, y * y, x * y))
    value = (2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4)
    value = value / ((mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4))
    return float(value.mean())


def counts(found: Mask, truth: Mask) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives; text is positive."""
    right = int(np.count_nonzero(found & truth))
    extra = int(np.count_nonzero(found)) - right
    missed = int(np.count_nonzero(truth)) - right
    return right, extra, missed, truth.size - right - extra - missed


def f_measure(found: Mask, truth: Mask) -> float:
    """Harmonic mean of precision and recall of text pixels; 1 where neither has any."""
    right, extra, missed, _ = counts(found, truth)
    return 2 * right / (2 * right + extra + missed) if right + extra + missed else 1.0


def error_rate(found: Mask, truth: Mask) -> float:
    """Share of wrong pixels."""
    return np.count_nonzero(found != truth) / truth.size


def nrm(found: Mask, truth: Mask) -> float:
    """Negative rate metric: the mean of the shares of missed text and of background taken for text."""
    right, extra, missed, rest = counts(found, truth)
    return (missed / max(1, missed + right) + extra / max(1, extra + rest)) / 2


def drd(found: Mask, truth: Mask) -> float:
    """Distance reciprocal distortion: wrong pixels by how much they stand out, for each 8x8 block that is mixed.

    What lies outside the image counts as equal; blocks that are cut by the border are not counted.
    """
    y, x = np.mgrid[-2:3, -2:3]
    weights = 1 / np.sqrt(np.maximum(x * x + y * y, 1))
    weights[2, 2] = 0
    weights /= weights.sum()
    around = np.pad(truth.astype(np.int8), 2, constant_values=-1)
    rows, columns = np.nonzero(found != truth)
    mine = found[rows, columns]
    distortion = 0.0
    for down in range(5):
        for across in range(5):
            near = around[rows + down, columns + across]
            distortion += weights[down, across] * np.count_nonzero((near >= 0) & (near != mine))
    height, width = (side // 8 * 8 for side in truth.shape)
    blocks = truth[:height, :width].reshape(height // 8, 8, width // 8, 8).sum(axis=(1, 3))
    return distortion / max(1, int(np.count_nonzero((blocks > 0) & (blocks < 64))))


def pseudo_f_measure(found: Mask, truth: Mask, weights: tuple[Grey, Grey]) -> float:
    """F-measure of recall weighted within strokes and precision weighted around them (Ntirogiannis et al., 2013).

    `weights` are those of the contest's tool, or `pseudo_weights(truth)`, which come near them.
    """
    recalled, punished = weights
    right, wrong = found & truth, found & ~truth
    recall = float(recalled[right].sum(dtype=np.float64)) / max(float(recalled[truth].sum(dtype=np.float64)), 1e-12)
    kept = float((1 + punished[right]).sum(dtype=np.float64))
    precision = kept / max(kept + float((1 + punished[wrong]).sum(dtype=np.float64)), 1e-12)
    return 2 * recall * precision / max(recall + precision, 1e-12)


def pseudo_weights(truth: Mask) -> tuple[Grey, Grey]:
    """Weights of recall and of precision, derived anew from the paper and the contests' files: an approximation.

    Its P-FM differs from the official one by 0.3 points of a hundred in the mean and up to 4 on a page.
    """
    from scipy import ndimage  # noqa: PLC0415 - of scikit-image's, and for this alone
    from skimage.morphology import skeletonize  # noqa: PLC0415

    recalled, punished = np.zeros(truth.shape, np.float32), np.zeros(truth.shape, np.float32)
    if not truth.any():
        return recalled, punished
    framed = np.pad(truth, 1)
    inner = cv2.erode(framed.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))[1:-1, 1:-1] > 0
    contour = truth & ~inner
    # Chessboard distance to the contour within text, and to text outside it.
    depth = cv2.distanceTransform((~contour).astype(np.uint8), cv2.DIST_C, 3)
    depth = np.where(truth, depth, 0)
    away = cv2.distanceTransform((~truth).astype(np.uint8), cv2.DIST_C, 3)
    to_edge = cv2.distanceTransform(framed.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    width = np.minimum(np.minimum(_runs(truth), _runs(truth.T).T), np.floor(2 * to_edge - 1) + 1)
    bones = skeletonize(truth)
    beside = cv2.dilate(inner.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    bones &= ~(contour & beside)
    bones |= truth & ~_joined(truth, bones)  # a part without a skeleton is its own
    nearest = ndimage.distance_transform_edt(~bones, return_distances=False, return_indices=True)
    w = np.where(inner, np.maximum(width, 3), width)[tuple(nearest)]  # where there is an inside, the edge costs nothing
    share = np.where(w % 2 == 0, (w / 2) * (w / 2 - 1), ((w - 1) / 2) ** 2)
    share = np.where(w == 3, 2, share)
    recalled = np.where(w <= 2, contour / np.maximum(w, 1), depth / np.maximum(share, 1))
    recalled = np.where(truth, recalled, 0).astype(np.float32)
    parts, number = _parts(truth)
    mean = ndimage.mean(depth, np.where(bones, parts, 0), np.arange(number))
    reach = np.maximum(2, 2 * np.ceil(np.nan_to_num(mean)))
    to_text = ndimage.distance_transform_edt(~truth, return_distances=False, return_indices=True)
    den = reach[parts[tuple(to_text)]]
    punished = np.where(~truth & (away <= den), away / den, 0).astype(np.float32)
    return recalled, punished


def _runs(mask: Mask) -> NDArray[np.int64]:
    """For each True pixel the length of the run in its row that it is part of."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, stops = np.argwhere(edges == 1), np.argwhere(edges == -1)
    out = np.zeros(mask.shape, np.int64)
    lengths = stops[:, 1] - starts[:, 1]
    out[mask] = np.repeat(lengths, lengths)
    return out


def _parts(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Connected parts, numbered from 1 (0 is the rest), and one more than the last number."""
    number, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(parts, np.int32), number


def _joined(mask: Mask, bones: Mask) -> Mask:
    """The parts of a mask that hold a pixel of `bones`."""
    parts, number = _parts(mask)
    held = np.zeros(number, bool)
    held[parts[bones]] = True
    return held[parts] & mask
