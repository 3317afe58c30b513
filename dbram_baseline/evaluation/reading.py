"""What a text reader makes of lines before and after binarization."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from dbram_baseline.arrays import U8, Mask, Outputs
from dbram_baseline.evaluation.eval_set import EvalSet
from dbram_baseline.evaluation.metrics import METRICS, ReadingSample
from dbram_baseline.evaluation.readers import Reader
from dbram_baseline.evaluation.systems import ORACLE, RAW, UNCHANGED, classical_masks
from dbram_baseline.evaluation.values import MetricValues

CHECKPOINT, TRUTH = "binarized by the checkpoint", "ground truth"
# What is read: the images, and text black on white. The ground truth is the ceiling, a perfect binarization.
VERSIONS = (
    UNCHANGED, CHECKPOINT, TRUTH, f"otsu{RAW}", f"otsu{ORACLE}", f"sauvola{RAW}", f"sauvola{ORACLE}",
)  # fmt: skip
SPLITS = ("test", "test_hard")


def images_to_read(version: str, eval_set: EvalSet, greys: Outputs | None = None) -> list[U8]:
    """The images (H, W, 3) of one of VERSIONS; CHECKPOINT needs `greys`, the outputs of a network."""
    if version == UNCHANGED:
        return list(eval_set.images)
    if version == CHECKPOINT:
        assert greys is not None, f"{CHECKPOINT}: no outputs"
        return [_black_on_white(grey < 0.5) for grey in greys]
    if version == TRUTH:
        return [_black_on_white(truth < 128) for truth in eval_set.truths]
    return [_black_on_white(mask) for mask in classical_masks(version, eval_set.images, eval_set.truths)]


def _black_on_white(mask: Mask) -> U8:
    return np.repeat(np.where(mask, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def evaluate_reading(reader: Reader, images: Sequence[U8], truths: Sequence[str], description: str = "",
                     quiet: bool = True) -> MetricValues:  # fmt: skip
    """Read each image and compare with its true text. Raises BaselineError without rapidfuzz."""
    texts = [reader(image) for image in tqdm(images, desc=description, disable=quiet, leave=False)]
    return reading_values(texts, truths)


def reading_values(texts: Sequence[str], truths: Sequence[str]) -> MetricValues:
    """The edit distance, the normalised one and whether the line is right, for each text."""
    metrics = [(m.key, m.reading) for m in METRICS if m.reading]
    samples = [ReadingSample(text, truth) for text, truth in zip(texts, truths, strict=True)]
    return MetricValues.of_rows([key for key, _ in metrics], [[f(sample) for _, f in metrics] for sample in samples])
