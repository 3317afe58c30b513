"""Metrics: the measures of the DIBCO contests, PSNR, SSIM, errors in CIELAB and edit distances, and their table.

Masks are bool (H, W), True on text. Greys are float (H, W) in [0, 1], text 0 and background 1. F-measures, error and
NRM are in [0, 1] (the contests print percent). The formulas are those of the contests' own tool; the tests compare
with its printed output.

A frame without text has a ground truth of background alone. F-measure, pseudo-F-measure, DRD, NRM and the SSIM error
share are not defined there: they divide by what is text in the ground truth. They are nan for such a frame, and their
means are over the frames with text. `blank_ink` is the opposite: it is defined on frames without text alone. PSNR, SSIM
and error are defined everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from dbram_baseline.arrays import F32, F64, U8, Grey, Mask
from dbram_baseline.evaluation.edit_distance import edit_distance, normalized_edit_distance
from dbram_baseline.evaluation.pseudo_f_measure import PseudoWeights, pseudo_f_measure

WRAP = "psnr_uint8_wrap"
ERROR_SHARE = "ssim_error_share"
BLANK_INK = "blank_ink"
MAX_PSNR = 100.0  # dB; counted for outputs that equal the truth, so that the mean over images is finite


def psnr(output: Grey, truth: Grey) -> float:
    """Peak signal-to-noise ratio in dB, with a peak of 1; infinite for equal images."""
    error = float(np.mean((np.asarray(output, np.float64) - np.asarray(truth, np.float64)) ** 2))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def psnr_binary(output: Mask, truth: Mask) -> float:
    """PSNR of masks in dB. At least half a wrong pixel is counted, so that the mean over images is finite."""
    wrong = max(float(np.count_nonzero(output != truth)), 0.5)
    return float(-10 * np.log10(wrong / truth.size))


def psnr_uint8_wrap(output: Grey, truth: Grey) -> float:
    """PSNR of 8-bit greys whose squared differences overflow at 256, as they do in uint8 arithmetic.

    It is not a valid measure: a pixel that is completely wrong counts as an error of 1 instead of 255 squared. It is
    printed beside the paper's figures and nowhere else, because it can explain them and no true PSNR can (an
    all-white output has 33.75 dB in the paper).
    """
    a, b = (np.round(np.clip(i, 0, 1) * 255).astype(np.uint8) for i in (output, truth))
    difference = a - b
    error = float(np.mean(difference * difference))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def lab_errors(output: Grey, truth: Grey, where: Mask) -> tuple[float, float]:
    """RMSE and MAE in CIELAB of RGB images (H, W, 3) in [0, 1], over the pixels of the mask `where`.

    RMSE is that of the Euclidean distance of colours. MAE is that of the sum over the three planes; many papers on
    shadow removal call it RMSE. Both are nan if the mask is empty.
    """
    if not where.any():
        return float("nan"), float("nan")
    a, b = (cv2.cvtColor(np.asarray(i, np.float32), cv2.COLOR_RGB2LAB)[where] for i in (output, truth))
    difference = a.astype(np.float64) - b
    return float(np.sqrt((difference**2).sum(axis=1).mean())), float(np.abs(difference).sum(axis=1).mean())


def ssim(output: Grey, truth: Grey) -> float:
    """Structural similarity (Wang et al., 2004) of greys (H, W), or the mean over the planes of (H, W, 3).

    The window is an 11x11 Gaussian of sigma 1.5, at all positions where it lies inside the image.
    """
    x, y = (np.asarray(i, np.float64) for i in (output, truth))

    def blur(image: Grey) -> F64:
        return np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5)[5:-5, 5:-5], np.float64)  # each plane separately

    mx, my, xx, yy, xy = (blur(i) for i in (x, y, x * x, y * y, x * y))
    value = (2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4)
    value = value / ((mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4))
    return float(value.mean())


def all_white_ssim(truth: Grey) -> float:
    """The SSIM of an output that is all white."""
    return ssim(np.ones(truth.shape), truth)


def ssim_error_share(similarity: float, all_white: float) -> float:
    """The share of structural error that is left: (1 - SSIM) / (1 - SSIM of an all-white output), on the same set.

    Of a set, both are means over the images with text: on a frame without text, a white page has no error.

    It is 0 for outputs that equal the ground truth, and 1 for outputs no better than a white page. The SSIM of a
    white page grows with the empty part of the images (0.564 on the paper's Sub_Ch, 0.365 on our Chinese set), and so
    does that of any other output; the share can be compared between sets. It is nan on a set without text.
    """
    return (1 - similarity) / (1 - all_white) if all_white < 1 else float("nan")


def confusion(output: Mask, truth: Mask) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives and true negatives; text is positive."""
    tp = int(np.count_nonzero(output & truth))
    fp = int(np.count_nonzero(output)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return tp, fp, fn, truth.size - tp - fp - fn


def f_measure(output: Mask, truth: Mask) -> float:
    """The harmonic mean of precision and recall of text pixels; nan if the truth has none."""
    tp, fp, fn, _ = confusion(output, truth)
    return 2 * tp / (2 * tp + fp + fn) if tp + fn else float("nan")


def blank_ink(output: Mask, truth: Mask) -> float:
    """The share of pixels of a frame without text that are binarized as text, in percent; nan if the truth has text."""
    return float("nan") if truth.any() else 100 * np.count_nonzero(output) / output.size


def error_rate(output: Mask, truth: Mask) -> float:
    """The share of wrong pixels."""
    return np.count_nonzero(output != truth) / truth.size


def nrm(output: Mask, truth: Mask) -> float:
    """Negative rate metric: the mean of the false negative rate and the false positive rate.

    It is nan if the truth has no text.
    """
    tp, fp, fn, tn = confusion(output, truth)
    return (fn / (fn + tp) + fp / max(1, fp + tn)) / 2 if fn + tp else float("nan")


def drd(output: Mask, truth: Mask) -> float:
    """Distance reciprocal distortion: the sum over wrong pixels of the truth's pixels around them that differ, weighted
    by their distance; divided by the number of 8x8 blocks of the truth with both text and background.

    Pixels outside the image count as equal. Blocks that the border cuts are not counted. It is nan if the truth has no
    text, and so no block with both.
    """
    if not truth.any():
        return float("nan")
    y, x = np.mgrid[-2:3, -2:3]
    weights = 1 / np.sqrt(np.maximum(x * x + y * y, 1))
    weights[2, 2] = 0
    weights /= weights.sum()
    padded = np.pad(truth.astype(np.int8), 2, constant_values=-1)
    rows, columns = np.nonzero(output != truth)
    wrong = output[rows, columns]
    distortion = 0.0
    for down in range(5):
        for across in range(5):
            neighbours = padded[rows + down, columns + across]
            distortion += weights[down, across] * np.count_nonzero((neighbours >= 0) & (neighbours != wrong))
    height, width = (side // 8 * 8 for side in truth.shape)
    text_per_block = truth[:height, :width].reshape(height // 8, 8, width // 8, 8).sum(axis=(1, 3))
    return distortion / max(1, int(np.count_nonzero((text_per_block > 0) & (text_per_block < 64))))


@dataclass(frozen=True)
class BinarySample:
    """The grey output of a binarization (H, W), the ground truth (H, W) and its weights for the pseudo-F-measure.

    `all_white_ssim` is the mean SSIM of all-white outputs on the images with text of the set that the sample belongs
    to; None if the sample is the whole set.
    """

    grey: Grey
    truth: U8
    weights: PseudoWeights
    all_white_ssim: float | None = None

    @cached_property
    def white(self) -> F32:
        """The ground truth as a grey."""
        return (self.truth > 127).astype(np.float32)

    @cached_property
    def masks(self) -> tuple[Mask, Mask]:
        """The output and the ground truth, True on text."""
        return self.grey < 0.5, self.truth < 128

    @cached_property
    def ssim(self) -> float:
        """The SSIM of the grey output."""
        return ssim(self.grey, self.white)

    @property
    def ssim_error_share(self) -> float:
        """The sample's structural error over the mean error of all-white outputs on the set.

        The mean over the samples with text of a set is therefore the share of the set. It is nan for a frame without
        text, where a white page has no error.
        """
        if not self.masks[1].any():
            return float("nan")
        return ssim_error_share(
            self.ssim, all_white_ssim(self.white) if self.all_white_ssim is None else self.all_white_ssim
        )


@dataclass(frozen=True)
class ColourSample:
    """The RGB output of a shadow removal (H, W, 3), the shadow-free image, both in [0, 1], and the shadow's mask."""

    image: Grey
    truth: Grey
    shadow: Mask

    @cached_property
    def lab(self) -> dict[str, tuple[float, float]]:
        """RMSE and MAE in CIELAB: of all pixels, in shadow, and elsewhere."""
        masks = {"all": np.ones_like(self.shadow), "shadow": self.shadow, "rest": ~self.shadow}
        return {part: lab_errors(self.image, self.truth, mask) for part, mask in masks.items()}


@dataclass(frozen=True)
class ReadingSample:
    """The text that a reader returned for a line, and the true text."""

    text: str
    truth: str


@dataclass(frozen=True)
class Metric:
    """A metric: its key in results, its column in tables, and its value for each type of sample that it applies to."""

    key: str
    label: str
    higher_is_better: bool
    binary: Callable[[BinarySample], float] | None = None
    colour: Callable[[ColourSample], float] | None = None
    reading: Callable[[ReadingSample], float] | None = None
    unit: str = ""
    format: str = ".3f"
    for_comparison: bool = False  # shown only beside figures of the paper
    of_blank: bool = False  # defined on frames without text alone; left out of sets that have none


# fmt: off
METRICS: tuple[Metric, ...] = (
    Metric("rmse_lab", "RMSE Lab", False, colour=lambda s: s.lab["all"][0]),
    Metric("rmse_lab_shadow", "RMSE Lab, shadow", False, colour=lambda s: s.lab["shadow"][0]),
    Metric("rmse_lab_rest", "RMSE Lab, rest", False, colour=lambda s: s.lab["rest"][0]),
    Metric("mae_lab", "MAE Lab", False, colour=lambda s: s.lab["all"][1]),
    Metric("mae_lab_shadow", "MAE Lab, shadow", False, colour=lambda s: s.lab["shadow"][1]),
    Metric("mae_lab_rest", "MAE Lab, rest", False, colour=lambda s: s.lab["rest"][1]),
    Metric("psnr", "PSNR", True, unit="dB", binary=lambda s: min(psnr(s.grey, s.white), MAX_PSNR),
           colour=lambda s: min(psnr(s.image, s.truth), MAX_PSNR)),
    Metric("psnr_binary", "PSNR bin.", True, unit="dB", binary=lambda s: psnr_binary(*s.masks)),
    Metric("ssim", "SSIM", True, binary=lambda s: s.ssim, colour=lambda s: ssim(s.image, s.truth)),
    Metric(ERROR_SHARE, "SSIM error share", False, binary=lambda s: s.ssim_error_share),
    Metric("ssim_binary", "SSIM bin.", True, binary=lambda s: ssim(1.0 - s.masks[0], s.white)),
    Metric("f_measure", "F-measure", True, binary=lambda s: f_measure(*s.masks)),
    Metric("pfm_approx", "P-FM approx.", True, binary=lambda s: pseudo_f_measure(*s.masks, s.weights)),
    Metric("drd", "DRD", False, binary=lambda s: drd(*s.masks)),
    Metric("nrm", "NRM", False, binary=lambda s: nrm(*s.masks)),
    Metric("error", "error", False, binary=lambda s: error_rate(*s.masks)),
    Metric(BLANK_INK, "blank ink, %", False, binary=lambda s: blank_ink(*s.masks), of_blank=True),
    Metric(WRAP, "PSNR with the wrap", True, for_comparison=True,
           binary=lambda s: min(psnr_uint8_wrap(s.grey, s.white), MAX_PSNR)),
    Metric("edit distance", "edit distance", False, format=".2f", reading=lambda s: edit_distance(s.text, s.truth)),
    Metric("normalised", "normalised", False, reading=lambda s: normalized_edit_distance(s.text, s.truth)),
    Metric("lines right", "lines right", True, format=".1%", reading=lambda s: not edit_distance(s.text, s.truth)),
)
# fmt: on
BY_KEY = {metric.key: metric for metric in METRICS}
