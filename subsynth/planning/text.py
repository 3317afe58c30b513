"""Text and face: which line a sample shows, and in which face."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.assets import Assets, FaceTable, LineTable
from subsynth.core import rng
from subsynth.core.rng import StreamRange
from subsynth.planning.layout import SHEAR_GRID
from subsynth.spec.sections import Fonts


class LineChoice(NamedTuple):
    """The line of each sample: its index into the lines (n,), its text, source and id."""

    line: NDArray[np.int64]
    text: list[str]
    source: list[str]
    id: list[str]


class FaceChoice(NamedTuple):
    """The face of each sample: its index (n,), its name, and how it looks."""

    face: NDArray[np.int64]
    font: list[str]
    bold: NDArray[np.bool_]
    italic: NDArray[np.bool_]
    shear: NDArray[np.float64]  # tangent of the added slant


def choose_lines(assets: Assets, samples: StreamRange) -> LineChoice:
    """Draw a source by its weight, then one of its lines, or with p_prefer_longer the longer of two lines."""
    table: LineTable = assets.text
    source = rng.categorical(samples, "text.source", list(table.weights))
    sizes = np.array([len(members) for members in table.by_source])
    drawn = []
    for name in ("text.line", "text.other_line"):
        position = rng.randint(samples, name, sizes[source])
        drawn.append(np.array([table.by_source[s][p] for s, p in zip(source, position, strict=True)], dtype=np.int64))
    lengths = table.lines.length
    prefer = rng.bernoulli(samples, "text.longer", assets.spec.text.p_prefer_longer)
    line = np.where(prefer & (lengths[drawn[1]] > lengths[drawn[0]]), drawn[1], drawn[0])
    return LineChoice(
        line,
        text=[table.lines.text[i] for i in line],
        source=[table.lines.sources[table.lines.source[i]] for i in line],
        id=[table.lines.id[i] for i in line],
    )


def choose_faces(assets: Assets, samples: StreamRange, line: NDArray[np.int64]) -> FaceChoice:
    """A face for each line (n,): a family, then one of its faces, both drawn uniformly among those that cover the line.

    Candidates have the drawn weight and slant. If there is none, the other weight, the other slant and then both are
    tried; one of the four combinations has a candidate, because some face covers every line.
    """
    fonts: FaceTable = assets.fonts
    section: Fonts = assets.spec.fonts
    bold = rng.bernoulli(samples, "font.bold", section.p_bold).astype(np.int64)
    italic = rng.bernoulli(samples, "font.italic", section.p_italic).astype(np.int64)
    able = np.zeros((len(line), *fonts.candidates.shape[2:]), np.bool_)
    for swap_bold, swap_italic in ((0, 0), (1, 0), (0, 1), (1, 1)):
        other_bold, other_italic = bold ^ swap_bold, italic ^ swap_italic
        face = fonts.candidates[other_bold, other_italic]
        able_now = (face >= 0) & assets.text.covered[face, line[:, None, None]]
        take = ~able.any(axis=(1, 2)) & able_now.any(axis=(1, 2))
        able[take] = able_now[take]
        bold, italic = np.where(take, other_bold, bold), np.where(take, other_italic, italic)
    able_families: NDArray[np.bool_] = np.asarray(able.any(axis=2))
    family = _draw_true(samples, "font.family", able_families)
    member = _draw_true(samples, "font.face", np.take_along_axis(able, family[:, None, None], axis=1)[:, 0])
    face = fonts.candidates[bold, italic, family, member]
    sheared = fonts.sheared[bold, italic, family]
    slant = round(math.tan(math.radians(section.shear_deg)) * SHEAR_GRID) / SHEAR_GRID
    by_design = np.array([glyphs.face.italic for glyphs in fonts.faces])[face]
    return FaceChoice(
        face,
        font=[fonts.faces[i].face.name for i in face],
        bold=np.array([glyphs.face.bold for glyphs in fonts.faces])[face],
        italic=sheared | by_design,
        shear=np.where(sheared, slant, 0.0),
    )


def _draw_true(samples: StreamRange, stream: str, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row of a mask (n, m), the column of one of its True values, drawn uniformly: int64 (n,)."""
    rank = rng.randint(samples, stream, mask.sum(axis=1))
    return (mask.cumsum(axis=1) == rank[:, None] + 1).argmax(axis=1)
