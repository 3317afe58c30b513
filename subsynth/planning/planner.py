"""Planner: decides a range of samples and draws nothing. All randomness enters here.

Draws are vectorised over the range; decisions that depend on the font or the picture are made row by row. The names of
the random streams ("text.line", "dress.kind", ...) key the draws. They must never change, or every sample would change,
so they keep their spelling even if a column is renamed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from subsynth.assets.assets import Assets, shared_assets
from subsynth.core.errors import SpecError
from subsynth.core.rng import StreamRange
from subsynth.planning.background import choose_busiest_crops, choose_crops, choose_grade, graded_levels
from subsynth.planning.columns import Column, Columns
from subsynth.planning.degradation import choose_degradation
from subsynth.planning.distractors import choose_distractors
from subsynth.planning.placement import place_lines
from subsynth.planning.recipe import COLUMNS, Recipe, columns_of
from subsynth.planning.style import choose_hard_fill, choose_style, without_surroundings, without_text
from subsynth.planning.text import choose_faces, choose_lines
from subsynth.spec.spec import Spec

MAX_INDEX = 2**48
HARD = "test_hard"


def plan(spec: Spec, split: str, start: int, stop: int) -> list[Recipe]:
    """Decide the samples from `start` to `stop` (exclusive) of a split.

    Each sample depends only on the spec (with its seed), the split and the index. Indices may exceed the split's size:
    those are the samples that a larger set would have. Raises SpecError for an unknown split or a bad range,
    MaterialError for unusable assets.
    """
    _check_range(start, stop)
    return plan_recipes(shared_assets(spec, split), start, stop)


def plan_recipes(assets: Assets, start: int, stop: int) -> list[Recipe]:
    """`plan` for open assets."""
    return recipes_of(assets, plan_columns(assets, start, stop))


def recipes_of(assets: Assets, columns: Columns) -> list[Recipe]:
    """Planned columns as recipes, row by row."""
    lists = [_values(columns[name]) for name in columns_of(assets.spec)]  # the others, which are last, have defaults
    return [Recipe(assets.spec, assets.split, *values) for values in zip(*lists, strict=True)]


def plan_columns(assets: Assets, start: int, stop: int) -> Columns:
    """The plan as all columns in COLUMNS. Raises the same errors as `plan`."""
    _check_range(start, stop)
    spec, split = assets.spec, assets.split
    samples = StreamRange(spec.seed, f"{spec.name}/{split}", start, stop)
    lines = choose_lines(assets, samples)
    faces = choose_faces(assets, samples, lines)
    placement = place_lines(assets, samples, lines.text, faces)
    crops = choose_busiest_crops(assets, samples, placement) if split == HARD else choose_crops(assets, samples)
    grade = choose_grade(spec.background, samples)
    levels = graded_levels(crops, grade)
    style = choose_style(spec, samples, levels)
    if split == HARD:
        style = without_surroundings(style, choose_hard_fill(spec, samples, levels[:, 0]))
    if "" in lines.text:
        style = without_text(style, np.array([text != "" for text in lines.text], dtype=np.bool_))
    distractors = choose_distractors(assets, samples, placement, style)
    degradation = choose_degradation(spec, samples, placement.font_size, style.weak)
    columns: dict[str, Column] = {
        "index": np.arange(start, stop),
        "text": lines.text,
        "text_source": lines.source,
        "text_id": lines.id,
        "font": faces.font,
        "bold": faces.bold,
        "italic": faces.italic,
        "shear": faces.shear,
        "font_size_px": placement.font_size,
        "embolden_x_px": placement.embolden_x,
        "embolden_y_px": placement.embolden_y,
        "x": placement.x,
        "y": placement.y,
        "line_dx_em": placement.line_dx,
        "line_dy_em": placement.line_dy,
        "clipped": placement.clipped,
        "background": crops.scene,
        "background_level": crops.level,
        "background_x": crops.x,
        "background_y": crops.y,
        "background_flip": crops.flip,
        "grade_saturation": grade.saturation,
        "grade_gain": grade.gain,
        "grade_lift": grade.lift,
        "distractors": distractors,
        **style._asdict(),
        **degradation._asdict(),
    }
    return {name: columns[name] for name in COLUMNS}


def _check_range(start: int, stop: int) -> None:
    if not 0 <= start <= stop <= MAX_INDEX:
        raise SpecError(f"range {start}..{stop}: 0 <= start <= stop <= {MAX_INDEX} is needed")


def _values(column: Column) -> list[Any]:
    """A column as plain values; colours as tuples."""
    if isinstance(column, list):
        return list(column)
    plain: list[Any] = column.tolist()
    return [tuple(color) for color in plain] if column.ndim == 2 else plain
