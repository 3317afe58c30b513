"""Text and face: which lines a sample shows, and in which face."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.assets import Assets, FaceTable, LineTable
from subsynth.core import rng
from subsynth.core.rng import StreamRange
from subsynth.planning.layout import SHEAR_GRID
from subsynth.spec.sections import LINE_COUNTS, Fonts

CUE_SHARE = 4  # share of cues among the samples of two lines, relative to their share of the corpus


class LineChoice(NamedTuple):
    """The lines of each sample: the indices of the first and the second one (n,), and text, source and id.

    Where there is one line, the second index is the first again; where there is none, `text` is "".
    """

    line: NDArray[np.int64]
    second: NDArray[np.int64]
    text: list[str]  # two lines are separated by "\n"
    source: list[str]
    id: list[str]


class FaceChoice(NamedTuple):
    """The face of each sample: its index (n,), its name ("" without text), and how it looks."""

    face: NDArray[np.int64]
    font: list[str]
    bold: NDArray[np.bool_]
    italic: NDArray[np.bool_]
    shear: NDArray[np.float64]  # tangent of the added slant


def choose_lines(assets: Assets, samples: StreamRange) -> LineChoice:
    """Draw a source by its weight, then one of its lines, or with p_prefer_longer the longer of two lines.

    Single lines may be replaced by short ones of the same source. A second line is drawn independently; where a user's
    file has cues of two lines, both come from a cue, the more often the more such cues there are.
    """
    table: LineTable = assets.text
    section = assets.spec.text
    source, line = _draw_line(assets, samples, "")
    weights = [section.lines.get(count, 0.0) for count in LINE_COUNTS]
    if weights == [0.0, weights[1], 0.0] and not section.p_short:  # saves draws
        texts = [table.lines.text[i] for i in line]
        sources = [table.lines.sources[table.lines.source[i]] for i in line]
        return LineChoice(line, line, texts, sources, [table.lines.id[i] for i in line])
    count = rng.categorical(samples, "text.lines", weights)
    short = rng.bernoulli(samples, "text.short", section.p_short) & (count == 1)
    line = np.where(short, _draw_short(table, samples, source, line), line)
    _, second = _draw_line(assets, samples, ".second")
    if len(table.cues):
        from_cue = rng.uniform(samples, "text.from_cue") < CUE_SHARE * len(table.cues) / len(table.lines.text)
        first, other = table.cues[rng.randint(samples, "text.cue", len(table.cues))].T
        line, second = np.where(from_cue & (count == 2), first, line), np.where(from_cue, other, second)
    both = (table.covered[:, line] & table.covered[:, second]).any(axis=0)
    count = np.where((count == 2) & ~both, 1, count)  # no face has the characters of both
    return _line_choice(table, line, np.where(count == 2, second, line), count)


def _draw_line(assets: Assets, samples: StreamRange, suffix: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A source (an index into `by_source`) and the index of a line for each sample: (n,), (n,).

    `suffix` distinguishes the streams of several draws.
    """
    table: LineTable = assets.text
    source = rng.categorical(samples, f"text.source{suffix}", list(table.weights))
    sizes = np.array([len(members) for members in table.by_source])
    drawn = []
    for name in ("text.line", "text.other_line"):
        position = rng.randint(samples, name + suffix, sizes[source])
        drawn.append(np.array([table.by_source[s][p] for s, p in zip(source, position, strict=True)], dtype=np.int64))
    lengths = table.lines.length
    prefer = rng.bernoulli(samples, f"text.longer{suffix}", assets.spec.text.p_prefer_longer)
    return source, np.where(prefer & (lengths[drawn[1]] > lengths[drawn[0]]), drawn[1], drawn[0])


def _draw_short(
    table: LineTable, samples: StreamRange, source: NDArray[np.int64], line: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A short form of the source of each sample (n,), or its line (n,) where the source has none."""
    sizes = np.array([len(members) for members in table.short])
    position = rng.randint(samples, "text.short_line", sizes[source])
    rows = zip(source, position, line, strict=True)
    return np.array([table.short[s][p] if sizes[s] else whole for s, p, whole in rows], dtype=np.int64)


def _line_choice(
    table: LineTable, line: NDArray[np.int64], second: NDArray[np.int64], count: NDArray[np.int64]
) -> LineChoice:
    """The choice of `count` lines (n,): none, the first, or both."""
    lines, columns = table.lines, []
    for first, other, number in zip(line.tolist(), second.tolist(), count.tolist(), strict=True):
        indices = (first, other)[:number]
        sources = dict.fromkeys(lines.sources[lines.source[i]] for i in indices)
        ids = (lines.id[i] for i in indices)
        columns.append(("\n".join(lines.text[i] for i in indices), "+".join(sources), "+".join(ids)))
    text, source, identity = ([row[k] for row in columns] for k in range(3))
    return LineChoice(line, second, text, source, identity)


def choose_faces(assets: Assets, samples: StreamRange, lines: LineChoice) -> FaceChoice:
    """A face for each sample: a family, then one of its faces, both drawn uniformly among those that cover its lines.

    Candidates have the drawn weight and slant. If there is none, the other weight, the other slant and then both are
    tried; one of the four combinations has a candidate, because some face covers the lines of every sample.
    """
    fonts: FaceTable = assets.fonts
    section: Fonts = assets.spec.fonts
    bold = rng.bernoulli(samples, "font.bold", section.p_bold).astype(np.int64)
    italic = rng.bernoulli(samples, "font.italic", section.p_italic).astype(np.int64)
    line = lines.line[:, None, None]
    second = None if lines.second is lines.line else lines.second[:, None, None]
    able = np.zeros((len(lines.text), *fonts.candidates.shape[2:]), np.bool_)
    for swap_bold, swap_italic in ((0, 0), (1, 0), (0, 1), (1, 1)):
        other_bold, other_italic = bold ^ swap_bold, italic ^ swap_italic
        face = fonts.candidates[other_bold, other_italic]
        able_now = (face >= 0) & assets.text.covered[face, line]
        if second is not None:
            able_now &= assets.text.covered[face, second]
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
    choice = FaceChoice(
        face,
        font=[fonts.faces[i].face.name for i in face],
        bold=np.array([glyphs.face.bold for glyphs in fonts.faces])[face],
        italic=sheared | by_design,
        shear=np.where(sheared, slant, 0.0),
    )
    return _without_text(choice, lines.text) if "" in lines.text else choice


def _without_text(choice: FaceChoice, text: list[str]) -> FaceChoice:
    """The choice with an empty name and no properties for samples without text."""
    shown = np.array([line != "" for line in text], dtype=np.bool_)
    return FaceChoice(
        choice.face,
        [name if line else "" for name, line in zip(choice.font, text, strict=True)],
        choice.bold & shown,
        choice.italic & shown,
        choice.shear * shown,
    )


def _draw_true(samples: StreamRange, stream: str, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row of a mask (n, m), the column of one of its True values, drawn uniformly: int64 (n,)."""
    rank = rng.randint(samples, stream, mask.sum(axis=1))
    return (mask.cumsum(axis=1) == rank[:, None] + 1).argmax(axis=1)
