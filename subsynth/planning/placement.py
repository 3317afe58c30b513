"""Placement: the size and the position of a line."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.assets import Assets
from subsynth.assets.glyph_outlines import EM
from subsynth.core import rng
from subsynth.core.errors import SpecError
from subsynth.core.rng import StreamRange
from subsynth.planning import layout
from subsynth.planning.layout import SHEAR_GRID, SIZE_GRID, SUBPIXEL
from subsynth.planning.text import FaceChoice

MIN_SIZE_PX = 4  # per em; smaller text cannot be read, and a line that fits only below this size is an error


class Placement(NamedTuple):
    """Size, emboldening and origin of each line in px (n,); `left` and `right` bound the columns of its ink."""

    font_size: NDArray[np.float64]
    embolden_x: NDArray[np.float64]
    embolden_y: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


def place_lines(assets: Assets, samples: StreamRange, text: list[str], faces: FaceChoice) -> Placement:
    """A size from the range, or the largest at which the line fits, and a position in the remaining space.

    Raises SpecError for a line that fits only below MIN_SIZE_PX.
    """
    spec = assets.spec
    size_draw, x_draw, y_draw = (rng.uniform(samples, s) for s in ("layout.size", "layout.x", "layout.y"))
    low, high = (round(end * SIZE_GRID) for end in spec.fonts.size_range)
    room_x, room_y = spec.width - 2 * spec.margin_px, spec.height - 2 * spec.margin_px
    min_stroke = spec.fonts.min_stroke_px
    rows, sides = [], []
    for i, (line_text, face, shear) in enumerate(zip(text, faces.face, faces.shear, strict=True)):
        glyphs = assets.fonts.faces[face]
        line = layout.set_line(glyphs, line_text, round(shear * SHEAR_GRID))
        grow_x, grow_y = (
            math.ceil(missing_width(min_stroke, t, min(low, SIZE_GRID * 8)) / SUBPIXEL) for t in glyphs.thin
        )
        fits = layout.largest_size(line.box, room_x - 2 * grow_x, room_y - 2 * grow_y)
        size = min(fits, low + int(size_draw[i] * (min(high, max(low, fits)) - low + 1)))
        if size < MIN_SIZE_PX * SIZE_GRID:
            raise SpecError(
                f"{samples.split} sample {samples.start + i}: {line_text!r} fits {spec.width} x {spec.height} px only "
                f"below {MIN_SIZE_PX} px per em; lower text.max_chars or widen the image"
            )
        grow = (missing_width(min_stroke, glyphs.thin[0], size), missing_width(min_stroke, glyphs.thin[1], size))
        left, top, right, bottom = layout.ink_box(line, size, grow)
        spare_x = max(0, room_x * SUBPIXEL - (right - left))
        spare_y = max(0, room_y * SUBPIXEL - (bottom - top))
        x = spec.margin_px * SUBPIXEL - left + int(x_draw[i] * spare_x)
        y = spec.margin_px * SUBPIXEL - top + int(y_draw[i] * spare_y)
        rows.append((size / SIZE_GRID, grow[0] / SUBPIXEL, grow[1] / SUBPIXEL, x / SUBPIXEL, y / SUBPIXEL))
        sides.append(((x + left) // SUBPIXEL, -(-(x + right) // SUBPIXEL)))
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    columns = np.array(sides, dtype=np.int64).reshape(-1, 2)
    font_size, embolden_x, embolden_y, x_px, y_px = table.T
    return Placement(font_size, embolden_x, embolden_y, x_px, y_px, columns[:, 0], columns[:, 1])


def missing_width(min_stroke_px: float, thin: int, size: int) -> int:
    """The width that thin strokes lack to reach the minimum, in 1/256 px.

    `thin` is the width of a face's thin strokes in units of 1/4096 em, `size` the font size in 1/16 px.
    """
    return max(0, round((min_stroke_px - thin / EM * size / SIZE_GRID) * SUBPIXEL))
