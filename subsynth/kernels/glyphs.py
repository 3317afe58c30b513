"""Glyph kernels: the coverage of a line from its packed outlines (`layout.edges`, `coverage.coverage`), or of edges;
and the box of a line.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64, types, uint8

from subsynth.kernels.jit import kernel, readonly

ONE = 256  # subpixels per pixel
FULL = 2 * ONE * ONE  # twice the area of a pixel
FARTHEST = float(1 << 22)  # 1/256 px; outlines in extreme perspective end there

_INTS = types.Array(types.int64, 1, "C", readonly=True)


@kernel(None)
def _cell(area, at, left, right, drop, column):
    """Add one piece of an edge that stays in one pixel; `drop` is its signed height."""
    middle = left + right - 2 * ONE * column
    area[at] += drop * (2 * ONE - middle)
    area[at + 1] += drop * middle


@kernel(None)
def _row(area, base, left, right, drop, sign, width):
    """Add one piece of an edge that stays in one row of pixels, cell by cell."""
    left, right = min(max(left, 0), width * ONE), min(max(right, 0), width * ONE)
    start, end = min(left, right), max(left, right)
    first = start >> 8
    last = max((end - 1) >> 8, first)
    if first == last:
        _cell(area, base + first, start, end, drop * sign, first)
        return
    run = end - start
    above = int64(0)
    for column in range(first, last + 1):
        xa, xb = max(start, column * ONE), min(end, (column + 1) * ONE)
        below = drop * (xb - start) // run
        _cell(area, base + column, xa, xb, (below - above) * sign, column)
        above = below


@kernel(None)
def _edge(area, x0, y0, x1, y1, height, width):
    """Add a directed edge: downwards, clipped to the canvas, cut at the borders of rows."""
    if y0 == y1:
        return
    sign = 1
    if y0 > y1:
        x0, y0, x1, y1, sign = x1, y1, x0, y0, -1
    if y1 <= 0 or y0 >= height * ONE:
        return
    low, high = max(y0, 0), min(y1, height * ONE)
    slope, run = x1 - x0, y1 - y0
    if high != y1:
        x1 = x0 + slope * (high - y0) // run
    if low != y0:
        x0 = x0 + slope * (low - y0) // run
    first, last = low >> 8, (high - 1) >> 8
    slope, run = x1 - x0, high - low
    top, left = low, x0
    for row in range(first, last + 1):
        bottom = min(high, (row + 1) * ONE)
        right = x1 if bottom == high else x0 + slope * (bottom - low) // run
        _row(area, row * (width + 1), left, right, bottom - top, sign, width)
        top, left = bottom, right


@kernel(None)
def _accumulated(area, first, last, height, width):
    """Integrate the rows first..last-1 of signed areas into coverage uint8 (height, width)."""
    out = np.zeros((height, width), np.uint8)
    total = np.empty(width, np.int32)
    for row in range(first, last):
        line, cells = out[row], area[row * (width + 1) : row * (width + 1) + width]
        sum_ = np.int32(0)
        for column in range(width):  # a separate loop, so that the next one is vectorised
            sum_ += cells[column]
            total[column] = sum_
        for column in range(width):
            share = min(np.int32(abs(total[column])), np.int32(FULL))
            line[column] = np.uint8(np.int32(share * 255 + FULL // 2) >> 17)
    return out


@kernel(
    uint8[:, ::1](
        readonly(types.int16, 2), readonly(types.boolean, 1), readonly(types.int8, 2), readonly(types.int32, 1),
        _INTS, _INTS, _INTS, int64, int64, int64, int64, int64, int64, int64, int64,
    )
)  # fmt: skip
def line_coverage(points, pen, normals, starts, glyphs, gx, gy, size, shear, x, y, across, down, height, width):
    """The coverage uint8 (height, width) of a line; arguments as in `layout.edges` and `coverage`."""
    area = np.zeros(height * (width + 1) + 1, np.int32)
    longest, highest, lowest = 0, int64(1) << 40, -(int64(1) << 40)
    for k in range(len(glyphs)):
        longest = max(longest, starts[glyphs[k] + 1] - starts[glyphs[k]])
    xs, ys = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for k in range(len(glyphs)):
        first, last = starts[glyphs[k]], starts[glyphs[k] + 1]
        part, count = points[first:last], last - first
        right, up = gx[k], gy[k]
        for i in range(count):
            py = part[i, 1] + up
            px = part[i, 0] + right + ((py * shear) >> 10)
            xs[i] = x + ((px * size + 128) >> 8)
            ys[i] = y - ((py * size + 128) >> 8)
        if across or down:
            normal = normals[first:last]
            for i in range(count):
                xs[i] += (normal[i, 0] * across + 64) >> 7
                ys[i] -= (normal[i, 1] * down + 64) >> 7
        for i in range(count):
            highest, lowest = min(highest, ys[i]), max(lowest, ys[i])
        drawn = pen[first:last]
        for i in range(1, count):
            if drawn[i]:
                x0, y0, x1, y1 = xs[i - 1], ys[i - 1], xs[i], ys[i]
                row, column = y0 >> 8, x0 >> 8
                if y1 >> 8 == row and x1 >> 8 == column and 0 <= row < height and 0 <= column < width:
                    at, drop, middle = row * (width + 1) + column, y1 - y0, x0 + x1 - 2 * ONE * column
                    area[at] += drop * (2 * ONE - middle)
                    area[at + 1] += drop * middle
                else:
                    _edge(area, x0, y0, x1, y1, height, width)
    return _accumulated(area, max(highest >> 8, 0), min((lowest >> 8) + 1, height), height, width)


@kernel(uint8[:, ::1](readonly(types.int64, 2), int64, int64))
def edges_coverage(edges, height, width):
    """`coverage.coverage`: directed edges int64 (n, 4) -> coverage uint8 (height, width)."""
    area = np.zeros(height * (width + 1) + 1, np.int32)
    for i in range(edges.shape[0]):
        _edge(area, edges[i, 0], edges[i, 1], edges[i, 2], edges[i, 3], height, width)
    return _accumulated(area, 0, height, height, width)


@kernel(None)
def _mapped(x, y, left, top, width, height, c):
    """`plane.map_points` for one point: x and y of the plane in 1/256 px."""
    u, v = (x - left) / width, (y - top) / height
    scale = ONE / (c[6] * u + c[7] * v + 1.0)
    px, py = np.rint((c[0] * u + c[1] * v + c[2]) * scale), np.rint((c[3] * u + c[4] * v + c[5]) * scale)
    return int64(min(max(px, -FARTHEST), FARTHEST)), int64(min(max(py, -FARTHEST), FARTHEST))


@kernel(
    uint8[:, ::1](
        readonly(types.int16, 2), readonly(types.boolean, 1), readonly(types.int32, 1), _INTS, _INTS, _INTS,
        int64, int64, int64, int64, readonly(types.float64, 1), int64, int64,
    )
)  # fmt: skip
def line_coverage_in_plane(points, pen, starts, glyphs, gx, gy, left, top, right, bottom, c, height, width):
    """The coverage uint8 (height, width) of a line that is mapped to a plane: `plane.line_coverage_in_plane`."""
    area = np.zeros(height * (width + 1) + 1, np.int32)
    across, down = float64(right - left), float64(bottom - top)
    for k in range(len(glyphs)):
        part, drawn = points[starts[glyphs[k]] : starts[glyphs[k] + 1]], pen[starts[glyphs[k]] : starts[glyphs[k] + 1]]
        x0, y0 = int64(0), int64(0)
        for i in range(len(part)):
            x1, y1 = _mapped(
                float64(part[i, 0] + gx[k]),
                float64(-(part[i, 1] + gy[k])),
                float64(left),
                float64(top),
                across,
                down,
                c,
            )
            if i and drawn[i]:
                _edge(area, x0, y0, x1, y1, height, width)
            x0, y0 = x1, y1
    return _accumulated(area, 0, height, height, width)


@kernel(types.UniTuple(int64, 4)(readonly(types.uint8, 2), int64, int64, int64, int64))
def ink_bounds(coverage, left, top, right, bottom):
    """`ink.ink_bounds`: the bounds of all pixels with ink in an area; zeros if there are none."""
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, coverage.shape[1]), min(bottom, coverage.shape[0])
    xmin, ymin, xmax, ymax = right, bottom, int64(0), int64(0)
    columns = np.zeros(coverage.shape[1], np.uint8)
    for row in range(top, bottom):
        line, found = coverage[row], np.uint8(0)
        for i in range(left, right):
            found |= line[i]
            columns[i] |= line[i]
        if found:
            ymin, ymax = min(ymin, row), row + 1
    for i in range(left, right):
        if columns[i]:
            xmin, xmax = min(xmin, i), i + 1
    if not xmax:
        return int64(0), int64(0), int64(0), int64(0)
    return xmin, ymin, xmax, ymax


@kernel(types.UniTuple(int64, 4)(readonly(types.int16, 2), _INTS, _INTS, _INTS, int64))
def line_box(boxes, glyphs, x, y, shear):
    """The box of a line's ink after shearing, xmin ymin xmax ymax: `layout.line_box`."""
    xmin = ymin = int64(1) << 40
    xmax = ymax = -xmin
    for k in range(len(glyphs)):
        left, low, right, high = boxes[glyphs[k], 0], boxes[glyphs[k], 1], boxes[glyphs[k], 2], boxes[glyphs[k], 3]
        if left == 0 and low == 0 and right == 0 and high == 0:
            continue
        bottom, top = low + y[k], high + y[k]
        ymin, ymax = min(ymin, bottom), max(ymax, top)
        xmin = min(xmin, left + x[k] + (min(bottom * shear, top * shear) >> 10))
        xmax = max(xmax, right + x[k] - (-max(bottom * shear, top * shear) >> 10))
    if xmin > xmax:
        return int64(0), int64(0), int64(0), int64(0)
    return xmin, ymin, xmax, ymax
