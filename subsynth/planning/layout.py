"""Layout: turns lines of text in a face into outlines on the canvas, fitted by their ink, not by advances.

Sizes are multiples of 1/16 px, shears of 1/1024, positions on the canvas of 1/256 px; everything after shaping is
integer arithmetic, so that a layout is the same on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.glyphs import FaceGlyphs
from subsynth.kernels import compilation

SIZE_GRID = 16  # font sizes are multiples of 1/16 px
SHEAR_GRID = 1024  # the tangent of the slant is a multiple of 1/1024
SUBPIXEL = 256  # canvas coordinates are multiples of 1/256 px

Box = tuple[int, int, int, int]


class Line(NamedTuple):
    """A shaped line, in font units (1/4096 em), y upwards; `box` bounds its ink after shearing."""

    glyphs: NDArray[np.int64]  # (n,)
    x: NDArray[np.int64]  # (n,) origins
    y: NDArray[np.int64]
    box: Box  # xmin, ymin, xmax, ymax


@lru_cache(maxsize=2048)  # each line is set twice: in planning and in drawing
def set_line(glyphs: FaceGlyphs, text: str, shear: int) -> Line:
    """Shape `text` and measure its ink. `shear` is in 1/1024; positive values lean right.

    A line without ink has the box (0, 0, 0, 0).
    """
    ids, x, y = glyphs.shape(text)
    return measured(glyphs, Line(ids, x, y, (0, 0, 0, 0)), shear)


def measured(glyphs: FaceGlyphs, line: Line, shear: int) -> Line:
    """A line with the box of its ink."""
    boxes = glyphs.arrays(line.glyphs).boxes
    if compilation.enabled():
        from subsynth.kernels.glyphs import line_box as compiled_line_box  # noqa: PLC0415 - imports numba

        return line._replace(box=compiled_line_box(boxes, line.glyphs, line.x, line.y, shear))
    return line._replace(box=line_box(boxes, line.glyphs, line.x, line.y, shear))


def set_lines(glyphs: FaceGlyphs, text: str, shear: int, dx: int, dy: int) -> tuple[Line, ...]:
    """The lines of `text`, which "\\n" separates: the second one (dx, dy) from the first, to the right and down.

    dx and dy are in font units. The shear does not move the second line against the first.
    """
    first, *others = (set_line(glyphs, part, shear) for part in text.split("\n"))
    return first, *(_moved(line, shear, dx * i, dy * i) for i, line in enumerate(others, 1))


def _moved(line: Line, shear: int, dx: int, dy: int) -> Line:
    """A line moved to the right and down; its shear is about its own baseline."""
    xmin, ymin, xmax, ymax = line.box
    rounded = int(shear != 0)  # the shear of the moved points may be rounded differently
    box = (xmin + dx - rounded, ymin - dy, xmax + dx + rounded, ymax - dy)
    return Line(line.glyphs, line.x + dx + (dy * shear >> 10), line.y - dy, box)


def join_lines(lines: tuple[Line, ...]) -> Line:
    """Lines as one, whose box bounds the ink of all."""
    if len(lines) == 1:
        return lines[0]
    glyphs, x, y = (np.concatenate([line[k] for line in lines]) for k in range(3))
    boxes = [line.box for line in lines if any(line.box)] or [(0, 0, 0, 0)]
    low, high = [min(b[k] for b in boxes) for k in (0, 1)], [max(b[k] for b in boxes) for k in (2, 3)]
    return Line(glyphs, x, y, (low[0], low[1], high[0], high[1]))


def line_box(
    boxes: NDArray[np.int16], glyphs: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64], shear: int
) -> Box:
    """The box of the ink of shaped glyphs after shearing: xmin, ymin, xmax, ymax."""
    own = boxes[glyphs].astype(np.int64)
    inked = own.any(axis=1)
    if not inked.any():
        return 0, 0, 0, 0
    own, left, up = own[inked], x[inked], y[inked]
    ymin, ymax = own[:, 1] + up, own[:, 3] + up
    # Shearing moves a point in proportion to its height, so the corners of a box bound the movement.
    low, high = np.minimum(ymin * shear, ymax * shear), np.maximum(ymin * shear, ymax * shear)
    xmin = own[:, 0] + left + (low // SHEAR_GRID)
    xmax = own[:, 2] + left - (-high // SHEAR_GRID)
    return int(xmin.min()), int(ymin.min()), int(xmax.max()), int(ymax.max())


def largest_size(box: Box, width: int, height: int) -> int:
    """The largest size, in 1/16 px, at which the ink box fits into width x height px."""
    box_width, box_height = max(1, box[2] - box[0]), max(1, box[3] - box[1])
    # One unit at size s is s * SUBPIXEL / (16 * EM) = s / 256 subpixels; one subpixel per side is for rounding.
    room_x, room_y = width * SUBPIXEL - 2, height * SUBPIXEL - 2
    return min(room_x * 256 // box_width, room_y * 256 // box_height)


def ink_box(line: Line, size: int, embolden: tuple[int, int] = (0, 0)) -> Box:
    """The box of the ink: left, top, right, bottom in 1/256 px from the origin, y down.

    size in 1/16 px; `embolden`, across and down in 1/256 px, is added in full to every side, because a corner moves by
    more than half of it.
    """
    xmin, ymin, xmax, ymax = line.box
    left, top, right, bottom = xmin * size >> 8, -ymax * size >> 8, -(-xmax * size >> 8), -(ymin * size >> 8)
    across, down = embolden
    return (left - across, top - down, right + across, bottom + down)


def pixel_bounds(box: Box, x: int, y: int) -> Box:
    """The smallest pixel rectangle (left, top, right, bottom) around a box in 1/256 px with its origin at (x, y)."""
    left, top, right, bottom = box
    return (x + left) >> 8, (y + top) >> 8, -(-(x + right) >> 8), -(-(y + bottom) >> 8)


def edges(
    glyphs: FaceGlyphs, line: Line, size: int, shear: int, x: int, y: int, embolden: tuple[int, int] = (0, 0)
) -> NDArray[np.int64]:
    """The outlines of a line on the canvas: int64 (n, 4) directed edges x0 y0 x1 y1 in 1/256 px, y down.

    size in 1/16 px, shear in 1/1024, (x, y) the origin of the baseline in 1/256 px; strokes are thickened by
    `embolden`, across and down, in 1/256 px, half of it on each side.
    """
    points, pen, normals, starts, _ = glyphs.arrays(line.glyphs)
    first = starts[line.glyphs].astype(np.int64)
    count = starts[line.glyphs + 1] - first
    total = int(count.sum())
    offset = np.cumsum(count) - count
    at = np.arange(total) + np.repeat(first - offset, count)
    px, py = points[at].astype(np.int64).T
    px += np.repeat(line.x, count)
    py += np.repeat(line.y, count)
    px += (py * shear) >> 10
    cx = x + ((px * size + 128) >> 8)
    cy = y - ((py * size + 128) >> 8)
    if any(embolden):
        nx, ny = normals[at].astype(np.int64).T
        cx += (nx * embolden[0] + 64) >> 7
        cy -= (ny * embolden[1] + 64) >> 7
    drawn = pen[at][1:]
    return np.stack((cx[:-1], cy[:-1], cx[1:], cy[1:]), axis=1)[drawn]
