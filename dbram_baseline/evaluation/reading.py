"""What a text reader makes of subtitles before and after binarization.

Sets of strips are read one line per image. In a film set, a frame has none, one or two lines: frames without text are
left out and counted, the reader finds the lines of the others itself, and both texts are compared as one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from dbram_baseline.arrays import U8, Mask, Outputs
from dbram_baseline.data.pairs import load_texts
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.eval_set import EvalSet
from dbram_baseline.evaluation.metrics import METRICS, ReadingSample
from dbram_baseline.evaluation.readers import Reader, has_hanzi
from dbram_baseline.evaluation.systems import ORACLE, RAW, UNCHANGED, classical_masks
from dbram_baseline.evaluation.values import MetricValues

CHECKPOINT, TRUTH = "binarized by the checkpoint", "ground truth"
# What is read: the images, and text black on white. The ground truth is the ceiling, a perfect binarization.
VERSIONS = (
    UNCHANGED, CHECKPOINT, TRUTH, f"otsu{RAW}", f"otsu{ORACLE}", f"sauvola{RAW}", f"sauvola{ORACLE}",
)  # fmt: skip
SPLITS = ("test", "test_hard")


@dataclass(frozen=True)
class ReadingSet:
    """Images with text, and their true texts as one line each, in their order."""

    eval_set: EvalSet
    texts: tuple[str, ...]
    chinese: bool
    find_lines: bool  # whether it is a film set, so that a reader has to find the lines of an image
    blank: int  # images without text, which are left out

    @classmethod
    def of(cls, eval_set: EvalSet, texts: Sequence[str]) -> ReadingSet:
        """The images that have text. `texts` are those of the whole split, which has at least as many images.

        The split is of films if any of its texts has no line, or several: it must not depend on the number of images.
        """
        find_lines, texts = any(len(text.splitlines()) != 1 for text in texts), texts[: len(eval_set)]
        chinese, with_text = any(map(has_hanzi, texts)), [i for i, text in enumerate(texts) if text.strip()]
        blank = len(texts) - len(with_text)
        lines = tuple(join_lines(texts[i], chinese) if find_lines else texts[i] for i in with_text)
        if blank:
            images, truths = np.asarray(eval_set.images), np.asarray(eval_set.truths)
            eval_set = EvalSet(images[with_text], truths[with_text], quiet=eval_set.quiet)
        return cls(eval_set, lines, chinese, find_lines, blank)


def load_reading_set(ref: DataRef, split: str, eval_set: EvalSet) -> ReadingSet:
    """The images of `eval_set`, the first ones of a split, with their texts. Raises BaselineError if none has text."""
    result = ReadingSet.of(eval_set, load_texts(ref, split))
    if not result.texts:
        raise BaselineError(
            f"--data {ref.name}: none of the first {len(eval_set)} images of {split} has text to read; raise the "
            "number of images, or name another split"
        )
    return result


def join_lines(text: str, chinese: bool) -> str:
    """The lines of a text as one line: with a space between them, or in Chinese with nothing."""
    return ("" if chinese else " ").join(text.splitlines())


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


def evaluate_reading(reader: Reader, images: Sequence[U8], reading_set: ReadingSet, description: str = "",
                     quiet: bool = True) -> MetricValues:  # fmt: skip
    """Read each image and compare with its true text. Raises BaselineError without rapidfuzz."""
    texts = [reader(image) for image in tqdm(images, desc=description, disable=quiet, leave=False)]
    if reading_set.find_lines:
        texts = [join_lines(text, reading_set.chinese) for text in texts]
    return reading_values(texts, reading_set.texts)


def reading_values(texts: Sequence[str], truths: Sequence[str]) -> MetricValues:
    """The edit distance, the normalised one and whether the line is right, for each text."""
    metrics = [(m.key, m.reading) for m in METRICS if m.reading]
    samples = [ReadingSample(text, truth) for text, truth in zip(texts, truths, strict=True)]
    return MetricValues.of_rows([key for key, _ in metrics], [[f(sample) for _, f in metrics] for sample in samples])
