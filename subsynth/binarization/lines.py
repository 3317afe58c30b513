"""Lines of text found in a map of probabilities, by cutting it at empty rows and at wide gaps between columns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.masks import Mask
from subsynth.binarization.result import Box, Line
from subsynth.core.pixels import U8

GAP = 2.5  # heights of a line: a wider gap between columns separates two lines
WEAK = 0.06  # share of the ink of the fullest row: rows with less do not connect lines
LOW = 0.4  # heights of a line: rows with ink that are not as high, and not apart from it, are a part of it
REACH = 0.5  # heights of a line that ascenders and descenders reach beyond its full rows
MIN_HEIGHT, MIN_INK = 5, 12  # px; less is not a line of text
MIN_CONFIDENCE = 0.82  # on strips of a film, text has at least .93, and texture at most .8; faint text has .8 to .9
MAX_BOXES = 300  # of a picture; the largest are kept
THIN_STROKE = 0.2  # share of the height of a character: strokes of one character without others are not higher
MAX_CHARACTER = 64  # px in height, at the size at which the network reads text
STROKE = 0.3  # share of the height of a character: parts that are lower belong to the line above or below


def find_lines(coverage: U8) -> tuple[Line, ...]:
    """The lines of text in a map of probabilities (H, W), 255 certain, from top to bottom."""
    mask = coverage >= 128
    lines = []
    for box in _join_strokes(list(_cut(mask, Box(0, 0, mask.shape[1], mask.shape[0])))):
        area = slice(box.y0, box.y1), slice(box.x0, box.x1)
        ink = coverage[area][mask[area]]
        confidence = _confidence(ink)
        if box.height >= MIN_HEIGHT and ink.size >= MIN_INK and confidence >= MIN_CONFIDENCE:
            lines.append(Line(box, round(confidence, 4)))
    return tuple(sorted(lines, key=lambda line: (line.box.y0, line.box.x0)))


def ink_of_lines(coverage: U8, lines: tuple[Line, ...]) -> U8:
    """The map without the ink outside of all lines, such as single specks."""
    kept = np.zeros_like(coverage)
    for box, _ in lines:
        # Antialiased borders reach a pixel beyond the box.
        area = slice(max(0, box.y0 - 1), box.y1 + 1), slice(max(0, box.x0 - 1), box.x1 + 1)
        kept[area] = coverage[area]
    return kept


def _confidence(ink: U8) -> float:
    """The mean probability of the more certain half of the ink: borders of strokes are covered in part, and less."""
    return float(np.sort(ink)[len(ink) // 2 :].mean()) / 255 if ink.size else 0.0


def _cut(mask: Mask, box: Box) -> Iterator[Box]:
    """The boxes of ink inside of a box, none of which can be cut further."""
    ink = mask[box.y0 : box.y1, box.x0 : box.x1]
    rows = np.count_nonzero(ink, axis=1)
    for first, last in _rows_of_lines(rows):
        for left, right in _runs(np.any(ink[first:last], axis=0), max(2, round(GAP * (last - first)))):
            part = Box(box.x0 + left, box.y0 + first, box.x0 + right, box.y0 + last)
            if part == box:
                yield box
            else:
                yield from _cut(mask, part)


def _rows_of_lines(rows: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """First row and end of each line, from the ink of each row.

    Rows with far less ink than others separate lines, although they are not empty: specks of noise lie between any two
    lines of a frame, and descenders reach the accents of the line below. There, two lines part at the emptiest row.
    """
    if not rows.any():
        return
    strong = _without_parts(list(_runs(rows > WEAK * rows.max(initial=0), 1)), rows)
    borders = [below[0] - 1 - int(np.argmin(rows[above[1] : below[0]][::-1])) for above, below in pairwise(strong)]
    for (top, bottom), above, below in zip(strong, [0, *borders], [*borders, len(rows)], strict=True):
        reach = round(REACH * (bottom - top))
        first = _end_of_ink(rows, top - 1, max(above, top - reach) - 1, -1) + 1
        yield first, _end_of_ink(rows, bottom, min(below, bottom + reach), 1)


def _without_parts(runs: list[tuple[int, int]], rows: NDArray[Any]) -> list[tuple[int, int]]:
    """Runs of rows, where a low one, such as one of descenders, is joined to a line that its ink is connected with."""
    runs = list(runs)
    for i in sorted(range(len(runs)), key=lambda i: runs[i][1] - runs[i][0]):
        (top, bottom), neighbours = runs[i], []
        for j in (_next_kept(runs, i, -1), _next_kept(runs, i, 1)):
            if j is not None:
                start, end = min(bottom, runs[j][1]), max(top, runs[j][0])
                if bottom - top < LOW * (runs[j][1] - runs[j][0]) and rows[start:end].all():
                    neighbours.append((end - start, j))
        if neighbours:
            j = min(neighbours)[1]
            runs[j] = min(top, runs[j][0]), max(bottom, runs[j][1])
            runs[i] = (0, 0)
    return [run for run in runs if run[1]]


def _next_kept(runs: list[tuple[int, int]], i: int, step: int) -> int | None:
    """The place of the next run before or after the place `i` that is not joined to another one yet."""
    i += step
    while 0 <= i < len(runs) and not runs[i][1]:
        i += step
    return i if 0 <= i < len(runs) else None


def _end_of_ink(rows: NDArray[Any], start: int, stop: int, step: int) -> int:
    """The first row from `start` to before `stop` that has no ink, or `stop`."""
    return next((row for row in range(start, stop, step) if not rows[row]), stop)


def _runs(filled: NDArray[Any], gap: int) -> Iterator[tuple[int, int]]:
    """Start and end of each run of filled places; runs with fewer than `gap` empty places between them are one."""
    places = np.flatnonzero(filled)
    if not len(places):
        return
    breaks = np.flatnonzero(np.diff(places) > gap)
    starts, ends = [0, *(breaks + 1)], [*breaks, len(places) - 1]
    for first, last in zip(starts, ends, strict=True):
        yield int(places[first]), int(places[last]) + 1


def _join_strokes(boxes: list[Box]) -> list[Box]:
    """Join boxes that are parts of one line, such as the dots of "...", accents, or the strokes of 二."""
    boxes = sorted(sorted(boxes, key=lambda box: box.width * box.height)[-MAX_BOXES:])
    count = len(boxes) + 1
    while len(boxes) < count:  # a joined box may be beside others
        count, rest, boxes = len(boxes), boxes, []
        while rest:
            one, others = rest[0], []
            for other in rest[1:]:
                if _is_one_line(one, other):
                    one = _union(one, other)
                else:
                    others.append(other)
            boxes.append(one)
            rest = others
    return boxes


def _is_one_line(one: Box, other: Box) -> bool:
    """Whether two boxes are beside each other, or above each other as the parts of a character are."""
    both = _union(one, other)
    low, high = sorted((one.height, other.height))
    shared_rows = min(one.y1, other.y1) - max(one.y0, other.y0)
    shared_columns = min(one.x1, other.x1) - max(one.x0, other.x0)
    if shared_rows > 0.5 * low:
        return both.height <= 1.3 * high and -shared_columns <= GAP * high
    if shared_columns <= 0 or low > STROKE * both.height:
        return False
    if high > STROKE * both.height:  # a dot or an accent above or below a line
        return both.height <= 1.6 * high
    # Strokes of one character, such as 二: both are low, and about as wide as they are apart; lines of text are higher.
    if high > THIN_STROKE * both.height or both.height > MAX_CHARACTER:
        return False
    return both.height <= 1.3 * min(one.width, other.width) and both.width <= 2 * both.height


def _union(one: Box, other: Box) -> Box:
    return Box(min(one.x0, other.x0), min(one.y0, other.y0), max(one.x1, other.x1), max(one.y1, other.y1))
