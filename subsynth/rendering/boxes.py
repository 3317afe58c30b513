"""Boxes: where the ink of lines and characters is, measured on their coverage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.glyphs import FaceGlyphs
from subsynth.core.pixels import U8
from subsynth.planning import layout
from subsynth.planning.layout import SUBPIXEL, Box, Line
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
        boxes.append(backend.ink_bounds(coverage if apart else backend.coverage(glyphs, line, params), area))
    return tuple(filter(any, boxes))


def char_boxes(
    backend: Backend, glyphs: FaceGlyphs, text: str, lines: tuple[Line, ...], params: RenderParams
) -> tuple[Box, ...]:
    """The boxes of all characters of `text` in reading order, as in `line_boxes`; those that share a glyph share a box.

    A character without ink in the image, such as a space, has none.
    """
    numbered = zip(lines, map(glyphs.characters, text.split("\n")), strict=True)
    parts = (part for line, characters in numbered for part in _by_character(line, characters))
    return tuple(filter(any, (_own_box(backend, glyphs, part, params) for part in parts)))


def _by_character(line: Line, characters: NDArray[np.int64]) -> Iterator[Line]:
    """The glyphs of each character, or of several characters that were shaped as one."""
    for character in np.unique(characters):
        own = characters == character
        yield line._replace(glyphs=line.glyphs[own], x=line.x[own], y=line.y[own])


def _own_box(backend: Backend, glyphs: FaceGlyphs, part: Line, params: RenderParams) -> Box:
    """The box of some glyphs of a line; zeros without ink in the image. Only pixels that they may touch are drawn."""
    across, down = params.embolden
    line = layout.measured(glyphs, part, params.shear)
    bounds = layout.pixel_bounds(layout.ink_box(line, params.size, (across, down)), params.x, params.y)
    left, top = max(0, bounds[0]), max(0, bounds[1])
    width, height = min(params.width, bounds[2]) - left, min(params.height, bounds[3]) - top
    if width <= 0 or height <= 0 or not any(line.box):
        return 0, 0, 0, 0
    window = replace(params, x=params.x - left * SUBPIXEL, y=params.y - top * SUBPIXEL, width=width, height=height)
    x0, y0, x1, y1 = backend.ink_bounds(backend.coverage(glyphs, part, window), (0, 0, width, height))
    return (left + x0, top + y0, left + x1, top + y1) if x1 else (0, 0, 0, 0)


def _pixel_bounds(line: Line, params: RenderParams) -> Box:
    box = layout.ink_box(line, params.size, params.embolden)
    return layout.pixel_bounds(box, params.x, params.y)
