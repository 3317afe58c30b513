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
INSIDE = 0.8  # share of a text that lies inside of a watermark's box, from which on it is a part of it
ALIKE = 0.75  # intersection over union of two boxes from which on they are the same place
SAME_BOX, SAME_INK = 0.9, 0.45  # boxes as equal and ink as alike as this: one text, found in parts
MIN_SUBTITLES = 10  # others; with fewer, their places say nothing
MAX_SHARE = 0.1  # of the others that have its rows, or reach into it: in the usual place, a text is a subtitle


def split_others(subtitles: Sequence[Subtitle[Made]]) -> tuple[list[Subtitle[Made]], list[Subtitle[Made]]]:
    """The subtitles, and the other texts: watermarks, and texts that return in an unusual place."""
    kept: list[Subtitle[Made]] = []
    left_out: list[Subtitle[Made]] = []
    boxes = np.array([subtitle.box for subtitle in subtitles]).reshape(-1, 4)
    marks = boxes[[subtitle.is_watermark for subtitle in subtitles]] if subtitles else boxes
    in_marks = np.array([(_shares_inside(subtitle.box, marks) >= INSIDE).any() for subtitle in subtitles], bool)
    for subtitle, in_mark in zip(subtitles, in_marks.tolist(), strict=True):
        shares = _shares_of_union(subtitle.box, boxes)
        same: list[int] = []
        if _is_unusual(subtitle.box, boxes[shares < ALIKE], len(boxes)):
            mask = subtitle.mask.unpacked()
            for i in map(int, np.flatnonzero(shares >= ALIKE)):
                if similarity(mask, subtitles[i].mask.unpacked()) >= (SAME_INK if shares[i] >= SAME_BOX else SAME):
                    same.append(i)
        others = np.delete(boxes, same, axis=0)
        returns = len(same) >= TIMES and _is_unusual(subtitle.box, others, len(others))
        # A part of a watermark is found alone where the rest of it cannot be seen.
        is_part = in_mark and _is_free(subtitle.box, boxes[~in_marks])
        (left_out if returns or is_part or subtitle.is_watermark else kept).append(subtitle)
    return kept, left_out


def _is_unusual(box: Box, others: NDArray[np.int64], count: int) -> bool:
    """Whether few of `others` (n, 4), as a share of `count`, have rows of a box."""
    near = np.count_nonzero((others[:, 1] < box.y1) & (box.y0 < others[:, 3]))
    return count >= MIN_SUBTITLES and bool(near <= MAX_SHARE * count)


def _is_free(box: Box, others: NDArray[np.int64]) -> bool:
    """Whether few of `others` (n, 4) reach into a box."""
    return len(others) >= MIN_SUBTITLES and bool(np.count_nonzero(_shared(box, others)) <= MAX_SHARE * len(others))


def _shares_inside(box: Box, boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of a box that lies inside of each of `boxes` (n, 4)."""
    return np.asarray(_shared(box, boxes) / (box.width * box.height))


def _shares_of_union(box: Box, boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of a box with each of `boxes` (n, 4)."""
    x0, y0, x1, y1 = boxes.T
    shared = _shared(box, boxes)
    return np.asarray(shared / (box.width * box.height + (x1 - x0) * (y1 - y0) - shared))


def _shared(box: Box, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The area that a box shares with each of `boxes` (n, 4), px."""
    x0, y0, x1, y1 = boxes.T
    widths, heights = np.minimum(x1, box.x1) - np.maximum(x0, box.x0), np.minimum(y1, box.y1) - np.maximum(y0, box.y0)
    return np.asarray(np.maximum(0, widths) * np.maximum(0, heights))
