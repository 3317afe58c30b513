"""Coverage: the exact share of each pixel that unhinted outlines cover.

Signed areas are summed edge by edge and integrated along the rows (the method of FreeType's smooth rasteriser and of
font-rs), in integers throughout: only the crossing of an edge with a pixel border is rounded, to 1/256 px. Contours
that overlap in the same direction add up and are capped, as with the non-zero rule.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8

ONE = 256  # subpixels per pixel


def coverage(edges: NDArray[np.int64], height: int, width: int) -> U8:
    """Directed edges int64 (n, 4), x0 y0 x1 y1 in 1/256 px, y down -> coverage uint8 (height, width).

    255 is fully covered. Parts outside the canvas are ignored; contours must be closed.
    """
    x0, y0, x1, y1, sign = _downwards(edges, height)
    row, top, left, bottom, right, sign = _by_row(x0, y0, x1, y1, sign)
    column, row, drop, middle = _by_column(row, top, left, bottom, right, sign, width)
    # An edge in a cell covers the part of that cell to its right, and all cells further right.
    near = drop * (2 * ONE - middle)
    cells = height * (width + 1)
    at = row * (width + 1) + column
    area = np.bincount(at, near, cells) + np.bincount(at + 1, drop * middle, cells + 1)[:cells]
    total = np.abs(np.cumsum(area.reshape(height, width + 1)[:, :width], axis=1).astype(np.int64))
    full = 2 * ONE * ONE
    return ((np.minimum(total, full) * 255 + full // 2) // full).astype(np.uint8)


def _downwards(edges: NDArray[np.int64], height: int) -> tuple[NDArray[np.int64], ...]:
    """Direct every edge downwards, keep its sign, and clip it to the rows of the canvas."""
    swap = edges[:, 1] > edges[:, 3]
    x0, y0, x1, y1 = (np.where(swap, edges[:, (i + 2) % 4], edges[:, i]) for i in range(4))
    keep = (y0 != y1) & (y1 > 0) & (y0 < height * ONE)
    x0, y0, x1, y1, sign = (a[keep] for a in (x0, y0, x1, y1, np.where(swap, -1, 1)))
    low, high = np.maximum(y0, 0), np.minimum(y1, height * ONE)
    slope, run = x1 - x0, y1 - y0
    return x0 + slope * (low - y0) // run, low, x0 + slope * (high - y0) // run, high, sign


def _by_row(
    x0: NDArray[np.int64],
    y0: NDArray[np.int64],
    x1: NDArray[np.int64],
    y1: NDArray[np.int64],
    sign: NDArray[np.int64],
) -> tuple[NDArray[np.int64], ...]:
    """Cut every edge at the row borders -> row, y and x of the upper end, y and x of the lower end, sign."""
    first = y0 // ONE
    count = (y1 - 1) // ONE - first + 1
    edge = np.repeat(np.arange(len(x0)), count)
    row = np.arange(len(edge)) - (np.cumsum(count) - count - first)[edge]
    x0, y0, x1, y1 = x0[edge], y0[edge], x1[edge], y1[edge]
    top, bottom = np.maximum(y0, row * ONE), np.minimum(y1, (row + 1) * ONE)
    slope, run = x1 - x0, y1 - y0
    return row, top, x0 + slope * (top - y0) // run, bottom, x0 + slope * (bottom - y0) // run, sign[edge]


def _by_column(
    row: NDArray[np.int64],
    top: NDArray[np.int64],
    left: NDArray[np.int64],
    bottom: NDArray[np.int64],
    right: NDArray[np.int64],
    sign: NDArray[np.int64],
    width: int,
) -> tuple[NDArray[np.int64], ...]:
    """Cut every piece at the column borders -> column, row, signed height, sum of the x of both ends in the cell."""
    # Outside the canvas only the height counts: an edge to the left covers the whole row, one to the right nothing.
    left, right = np.clip(left, 0, width * ONE), np.clip(right, 0, width * ONE)
    drop = bottom - top
    back = left > right
    start, end = np.where(back, right, left), np.where(back, left, right)
    first = start // ONE
    count = np.maximum((end - 1) // ONE, first) - first + 1
    piece = np.repeat(np.arange(len(row)), count)
    column = np.arange(len(piece)) - (np.cumsum(count) - count - first)[piece]
    start, end, drop = start[piece], end[piece], drop[piece]
    xa, xb = np.maximum(start, column * ONE), np.minimum(end, (column + 1) * ONE)
    run = np.maximum(end - start, 1)
    upright = start == end
    ya = np.where(upright, 0, drop * (xa - start) // run)
    yb = np.where(upright, drop, drop * (xb - start) // run)
    return column, row[piece], (yb - ya) * sign[piece], xa + xb - 2 * ONE * column
