"""Outputs of the systems that are not trained: classical methods, an all-white page, the images unchanged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from dbram_baseline.arrays import U8, Images, Mask, Outputs, as_unit
from dbram_baseline.classical.thresholds import METHODS, Method, to_grey
from dbram_baseline.evaluation.eval_set import EvalSet
from dbram_baseline.evaluation.metrics import f_measure

ALL_WHITE = "all-white"
UNCHANGED = "images as they are"
# Subtitles are as often lighter than their background as darker. Classical methods are therefore evaluated twice: on
# the image ("raw"), and on whichever of the image and its negative fits the ground truth better ("oracle polarity"),
# which no method can know.
RAW = ", raw"
ORACLE = ", oracle polarity"


def untrained_outputs(system: str, eval_set: EvalSet) -> Outputs:
    """The outputs of "all-white", "images as they are" or a classical method, as `classical_masks` takes it."""
    if system == ALL_WHITE:
        return [np.ones(t.shape, np.float32) for t in eval_set.truths]
    if system == UNCHANGED:
        return [as_unit(image) for image in eval_set.images]
    masks = classical_masks(system, eval_set.images, eval_set.truths)
    return [np.float32(1) - m for m in tqdm(masks, desc=system, total=len(eval_set), disable=eval_set.quiet)]


def classical_masks(system: str, images: Images, truths: Images) -> Iterator[Mask]:
    """The masks of a method for each image. `system` is "otsu" or "otsu, raw", or "otsu, oracle polarity"."""
    method = METHODS[system.removesuffix(RAW).removesuffix(ORACLE)]
    for image, truth in zip(images, truths, strict=True):
        grey = to_grey(image)
        yield best_polarity(method, grey, truth < 128) if system.endswith(ORACLE) else method(grey)


def best_polarity(method: Method, grey: U8, truth: Mask) -> Mask:
    """The mask of the method for the grey image or for its negative, whichever has the higher F-measure.

    On a frame without text, which has no F-measure, it is the one with less ink.
    """
    masks = method(grey), method(255 - grey)
    if not truth.any():
        return min(masks, key=np.count_nonzero)
    return max(masks, key=lambda mask: f_measure(mask, truth))
