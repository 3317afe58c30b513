"""Texts that return in one place of a film while subtitles have other places: signs and logos, which are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.films import Subtitle
from subsynth.binarization.result import Box

Made = TypeVar("Made")

TIMES = 3  # how often a text returns in its place, at least
ALIKE = 0.75  # intersection over union of two boxes from which on they are the same place
MIN_SUBTITLES = 10  # with fewer others, their places say nothing
MAX_SHARE = 0.1  # of the others that have the same rows: in the usual place, even a word that returns is a subtitle


def split_returning(subtitles: Sequence[Subtitle[Made]]) -> tuple[list[Subtitle[Made]], list[Subtitle[Made]]]:
    """The subtitles without texts that return in an unusual place, and these."""
    kept: list[Subtitle[Made]] = []
    returning: list[Subtitle[Made]] = []
    boxes = np.array([subtitle.box for subtitle in subtitles]).reshape(-1, 4)
    for subtitle in subtitles:
        same = _shares_of_union(subtitle.box, boxes) >= ALIKE
        others = boxes[~same]
        near = np.count_nonzero((others[:, 1] < subtitle.box.y1) & (subtitle.box.y0 < others[:, 3]))
        unusual = len(others) >= MIN_SUBTITLES and near <= MAX_SHARE * len(others)
        (returning if unusual and np.count_nonzero(same) >= TIMES else kept).append(subtitle)
    return kept, returning


def _shares_of_union(box: Box, boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of a box with each of `boxes` (n, 4)."""
    x0, y0, x1, y1 = boxes.T
    widths, heights = np.minimum(x1, box.x1) - np.maximum(x0, box.x0), np.minimum(y1, box.y1) - np.maximum(y0, box.y0)
    shared = np.maximum(0, widths) * np.maximum(0, heights)
    return np.asarray(shared / (box.width * box.height + (x1 - x0) * (y1 - y0) - shared))
