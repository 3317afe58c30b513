"""Texts of a film that are no subtitles, and left out: watermarks, and signs, which return in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.films import Subtitle
from subsynth.binarization.masks import SAME, similarity
from subsynth.binarization.result import Box

Made = TypeVar("Made")

TIMES = 3  # how often a text returns in its place, at least
ALIKE = 0.75  # intersection over union of two boxes from which on they are the same place
SAME_BOX, SAME_INK = 0.9, 0.45  # boxes as equal and ink as alike as this: one text, found in parts
MIN_SUBTITLES = 10  # others; with fewer, their places say nothing
MAX_SHARE = 0.1  # of the others that have the same rows: in the usual place, even a word that returns is a subtitle


def split_others(subtitles: Sequence[Subtitle[Made]]) -> tuple[list[Subtitle[Made]], list[Subtitle[Made]]]:
    """The subtitles, and the other texts: watermarks, and texts that return in an unusual place."""
    kept: list[Subtitle[Made]] = []
    left_out: list[Subtitle[Made]] = []
    boxes = np.array([subtitle.box for subtitle in subtitles]).reshape(-1, 4)
    for subtitle in subtitles:
        shares = _shares_of_union(subtitle.box, boxes)
        same: list[int] = []
        if _is_unusual(subtitle.box, boxes[shares < ALIKE], len(boxes)):
            mask = subtitle.mask.unpacked()
            for i in map(int, np.flatnonzero(shares >= ALIKE)):
                if similarity(mask, subtitles[i].mask.unpacked()) >= (SAME_INK if shares[i] >= SAME_BOX else SAME):
                    same.append(i)
        others = np.delete(boxes, same, axis=0)
        returns = len(same) >= TIMES and _is_unusual(subtitle.box, others, len(others))
        (left_out if returns or subtitle.is_watermark else kept).append(subtitle)
    return kept, left_out


def _is_unusual(box: Box, others: NDArray[np.int64], count: int) -> bool:
    """Whether few of `others` (n, 4), as a share of `count`, have rows of a box."""
    near = np.count_nonzero((others[:, 1] < box.y1) & (box.y0 < others[:, 3]))
    return count >= MIN_SUBTITLES and bool(near <= MAX_SHARE * count)


def _shares_of_union(box: Box, boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of a box with each of `boxes` (n, 4)."""
    x0, y0, x1, y1 = boxes.T
    widths, heights = np.minimum(x1, box.x1) - np.maximum(x0, box.x0), np.minimum(y1, box.y1) - np.maximum(y0, box.y0)
    shared = np.maximum(0, widths) * np.maximum(0, heights)
    return np.asarray(shared / (box.width * box.height + (x1 - x0) * (y1 - y0) - shared))
