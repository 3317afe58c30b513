"""Boxes: where the ink of lines and characters is, measured on their coverage."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from subsynth.assets.glyphs import FaceGlyphs
from subsynth.core.pixels import U8
from subsynth.planning import layout
from subsynth.planning.layout import Box, Line
from subsynth.rendering.backend import Backend
from subsynth.rendering.params import RenderParams


def line_boxes(
    backend: Backend, glyphs: FaceGlyphs, lines: tuple[Line, ...], coverage: U8, params: RenderParams
) -> tuple[Box, ...]:
    """The boxes of lines whose joint coverage is uint8 (H, W): left, top, right, bottom in px, the last two exclusive.

    A line without ink in the image has none.
    """
    bounds = [_pixel_bounds(line, params) for line in lines]
    apart = all(one[3] <= other[1] for one, other in pairwise(bounds))
    boxes = []
    for line, area in zip(lines, bounds, strict=True):
        boxes.append(_ink(coverage if apart else backend.coverage(glyphs, line, params), area))
    return tuple(box for box in boxes if box is not None)


def char_boxes(backend: Backend, glyphs: FaceGlyphs, lines: tuple[Line, ...], params: RenderParams) -> tuple[Box, ...]:
    """The boxes of all characters in reading order, as in `line_boxes`; characters that share a glyph share a box.

    A character without ink in the image, such as a space, has none.
    """
    parts = (part for line in lines for part in _characters(line))
    boxes = (_ink(backend.coverage(glyphs, part, params), (0, 0, params.width, params.height)) for part in parts)
    return tuple(box for box in boxes if box is not None)


def _characters(line: Line) -> Iterator[Line]:
    """The glyphs of each character, or of several characters that were shaped as one."""
    for character in np.unique(line.characters):
        own = line.characters == character
        yield line._replace(glyphs=line.glyphs[own], x=line.x[own], y=line.y[own], characters=line.characters[own])


def _pixel_bounds(line: Line, params: RenderParams) -> Box:
    box = layout.ink_box(line, params.size, params.embolden)
    return layout.pixel_bounds(box, params.x, params.y)


def _ink(coverage: U8, area: Box) -> Box | None:
    """The bounds of all pixels with ink in an area; None if there are none."""
    left, top = max(0, area[0]), max(0, area[1])
    part = coverage[top : max(0, area[3]), left : max(0, area[2])]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return None
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1
