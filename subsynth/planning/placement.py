"""Placement: the size and the position of the lines."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.assets import Assets
from subsynth.assets.glyph_outlines import EM
from subsynth.assets.glyphs import FaceGlyphs
from subsynth.core import rng
from subsynth.core.errors import SpecError
from subsynth.core.rng import StreamRange
from subsynth.planning import layout
from subsynth.planning.layout import SHEAR_GRID, SIZE_GRID, SUBPIXEL, Box, Line
from subsynth.planning.text import FaceChoice
from subsynth.spec.sections import ALIGNMENTS, Layout
from subsynth.spec.spec import Spec

MIN_SIZE_PX = 4  # per em; smaller text cannot be read, and a line that fits only below this size is an error
LINE_GAP = EM * 3 // 16  # font units between the ink of two lines; more than a pixel from 12 px per em on
MAX_INDENT = 0.15  # of the free width, between aligned text and the border
SIDES = ("left", "right", "top", "bottom")
SIDE_WEIGHTS = [0.4, 0.4, 0.1, 0.1]  # of the sides where text is clipped
CLIPPED_SHARE = (0.05, 0.4)  # of the ink's width or height that is outside the image


class Placement(NamedTuple):
    """Size, emboldening and origin of the lines in px (n,), the second line's offset in em (n,), and the ink's bounds.

    `bounds` int64 (n, 4) is left, top, right and bottom of the ink in px, cut off at the image; zero without text.
    """

    font_size: NDArray[np.float64]
    embolden_x: NDArray[np.float64]
    embolden_y: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    line_dx: NDArray[np.float64]
    line_dy: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    bounds: NDArray[np.int64]


class _Draws(NamedTuple):
    """The draws of one sample, each in [0, 1) or an index."""

    size: float
    x: float
    y: float
    spacing: float = 1.0
    alignment: int = 0
    clipped: bool = False
    side: int = 0
    share: float = 0.0


def place_lines(assets: Assets, samples: StreamRange, text: list[str], faces: FaceChoice) -> Placement:
    """A size from the range, or the largest at which the lines fit, and a position in the remaining space.

    Raises SpecError for a line that fits only below MIN_SIZE_PX.
    """
    spec, draws = assets.spec, _draws(assets.spec, samples)
    rows, bounds = [], []
    for i, (lines_text, face, shear) in enumerate(zip(text, faces.face, faces.shear, strict=True)):
        if lines_text:
            row, box = _place(spec, assets.fonts.faces[face], lines_text, round(shear * SHEAR_GRID), draws[i])
            if row[0] < MIN_SIZE_PX:
                raise SpecError(
                    f"{assets.split} sample {samples.start + i}: {lines_text!r} fits {spec.width} x {spec.height} px "
                    f"only below {MIN_SIZE_PX} px per em; lower text.max_chars, or make the image larger"
                )
        else:
            row, box = (0.0,) * 8, (0, 0, 0, 0)
        rows.append(row)
        bounds.append(box)
    table = np.array(rows, dtype=np.float64).reshape(-1, 8)
    font_size, embolden_x, embolden_y, x, y, line_dx, line_dy, clipped = table.T
    box_table = np.array(bounds, dtype=np.int64).reshape(-1, 4)
    return Placement(font_size, embolden_x, embolden_y, x, y, line_dx, line_dy, clipped > 0, box_table)


def _draws(spec: Spec, samples: StreamRange) -> list[_Draws]:
    """The draws of each sample."""
    usual = (rng.uniform(samples, stream).tolist() for stream in ("layout.size", "layout.x", "layout.y"))
    if spec.is_plain and spec.layout == Layout():  # saves draws
        return list(map(_Draws, *usual))
    align = [spec.layout.align.get(name, 0.0) for name in ALIGNMENTS]
    columns = (
        rng.uniform(samples, "layout.spacing", *spec.layout.line_spacing_range),
        rng.categorical(samples, "layout.align", align),
        rng.bernoulli(samples, "layout.clipped", spec.layout.p_clipped),
        rng.categorical(samples, "layout.clipped_side", SIDE_WEIGHTS),
        rng.uniform(samples, "layout.clipped_share", *CLIPPED_SHARE),
    )
    return list(map(_Draws, *usual, *(column.tolist() for column in columns)))


def _place(spec: Spec, glyphs: FaceGlyphs, text: str, shear: int, draws: _Draws) -> tuple[tuple[float, ...], Box]:
    """The values of a row of Placement, and the bounds of the ink."""
    alignment, side = ALIGNMENTS[draws.alignment], SIDES[draws.side] if draws.clipped else ""
    if "\n" in text:
        dx, dy = _second_line(glyphs, text, shear, alignment, draws.spacing)
        line = layout.join_lines(layout.set_lines(glyphs, text, shear, dx, dy))
    else:
        dx, dy, line = 0, 0, layout.set_line(glyphs, text, shear)
    size = _size(spec, glyphs, line, draws.size, 1 - draws.share if side in ("left", "right") else 1.0)
    grow_x, grow_y = (missing_width(spec.fonts.min_stroke_px, thin, size) for thin in glyphs.thin)
    box = layout.ink_box(line, size, (grow_x, grow_y))
    x, y = _origin(spec, box, alignment, draws)
    if side:
        x, y = _clipped_origin(spec, box, side, draws.share, (x, y))
    left, top, right, bottom = layout.pixel_bounds(box, x, y)
    row = (
        size / SIZE_GRID, grow_x / SUBPIXEL, grow_y / SUBPIXEL, x / SUBPIXEL, y / SUBPIXEL,
        dx / EM, dy / EM, float(side != ""),
    )  # fmt: skip
    return row, (max(0, left), max(0, top), min(spec.width, right), min(spec.height, bottom))


def _second_line(glyphs: FaceGlyphs, text: str, shear: int, alignment: str, spacing: float) -> tuple[int, int]:
    """The offset of the second line from the first, in font units to the right and down.

    The ink of the lines does not touch, so that each has a box of its own.
    """
    first, second = (layout.set_line(glyphs, part, shear).box for part in text.split("\n"))
    dy = max(round(spacing * EM), second[3] - first[1] + LINE_GAP)
    left, right = first[0] - second[0], first[2] - second[2]
    return {"left": left, "right": right}.get(alignment, (left + right) // 2), dy


def _size(spec: Spec, glyphs: FaceGlyphs, line: Line, draw: float, visible: float) -> int:
    """The font size in 1/16 px: from the range, or the largest at which the `visible` share of the width fits."""
    low, high = round(spec.fonts.size_range[0] * SIZE_GRID), round(spec.fonts.size_range[1] * SIZE_GRID)
    min_stroke, smallest, (thin_x, thin_y) = spec.fonts.min_stroke_px, min(low, SIZE_GRID * 8), glyphs.thin
    grow_x = math.ceil(missing_width(min_stroke, thin_x, smallest) / SUBPIXEL)
    grow_y = math.ceil(missing_width(min_stroke, thin_y, smallest) / SUBPIXEL)
    room_x, room_y = spec.width - 2 * spec.margin_px - 2 * grow_x, spec.height - 2 * spec.margin_px - 2 * grow_y
    fits = layout.largest_size(line.box, int(room_x / visible), room_y)
    return min(fits, low + int(draw * (min(high, max(low, fits)) - low + 1)))


def _origin(spec: Spec, box: Box, alignment: str, draws: _Draws) -> tuple[int, int]:
    """Where the first baseline starts, in 1/256 px, for an ink box around its origin."""
    left, top, right, bottom = box
    spare_x = max(0, (spec.width - 2 * spec.margin_px) * SUBPIXEL - (right - left))
    spare_y = max(0, (spec.height - 2 * spec.margin_px) * SUBPIXEL - (bottom - top))
    indent = draws.x
    if alignment != "anywhere":
        indent = {"left": indent * MAX_INDENT, "centre": 0.5, "right": 1 - indent * MAX_INDENT}[alignment]
    return (
        spec.margin_px * SUBPIXEL - left + int(indent * spare_x),
        spec.margin_px * SUBPIXEL - top + int(draws.y * spare_y),
    )


def _clipped_origin(spec: Spec, box: Box, side: str, share: float, origin: tuple[int, int]) -> tuple[int, int]:
    """The origin at which a share of the ink is beyond one side of the image."""
    left, top, right, bottom = box
    x, y = origin
    if side == "left":
        x = -left - int(share * (right - left))
    elif side == "right":
        x = spec.width * SUBPIXEL - right + int(share * (right - left))
    elif side == "top":
        y = -top - int(share * (bottom - top))
    else:
        y = spec.height * SUBPIXEL - bottom + int(share * (bottom - top))
    return x, y


def missing_width(min_stroke_px: float, thin: int, size: int) -> int:
    """The width that thin strokes lack to reach the minimum, in 1/256 px.

    `thin` is the width of a face's thin strokes in units of 1/4096 em, `size` the font size in 1/16 px.
    """
    return max(0, round((min_stroke_px - thin / EM * size / SIZE_GRID) * SUBPIXEL))
