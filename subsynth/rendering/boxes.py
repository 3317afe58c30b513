"""Boxes: where the ink of lines and characters is, measured on their coverage."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

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
    area = 0, 0, params.width, params.height
    return tuple(filter(any, (backend.ink_bounds(backend.coverage(glyphs, part, params), area) for part in parts)))


def _by_character(line: Line, characters: NDArray[np.int64]) -> Iterator[Line]:
    """The glyphs of each character, or of several characters that were shaped as one."""
    for character in np.unique(characters):
        own = characters == character
        yield line._replace(glyphs=line.glyphs[own], x=line.x[own], y=line.y[own])


def _pixel_bounds(line: Line, params: RenderParams) -> Box:
    box = layout.ink_box(line, params.size, params.embolden)
    return layout.pixel_bounds(box, params.x, params.y)
