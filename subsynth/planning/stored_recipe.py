"""Recipes from stored rows: every column is checked against its bounds before it is used for drawing."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

from subsynth.core.errors import SpecError
from subsynth.core.pixels import Color
from subsynth.planning.distractor import from_column
from subsynth.planning.layout import SHEAR_GRID
from subsynth.planning.recipe import NOISE_POOL, Recipe, columns_of
from subsynth.spec import sections
from subsynth.spec.spec import Spec
from subsynth.spec.yaml_schema import key_of

MAX_TEXT = 4096  # characters
MAX_INDEX = 2**48
_KINDS = {"int": (int,), "float": (float, int), "bool": (bool,), "str": (str,)}


def _bounds_of(section: type, name: str) -> tuple[float, float]:
    """The bounds that a section of the spec declares for a key."""
    declaration = next(key_of(field) for field in dataclasses.fields(section) if field.name == name)
    assert declaration.low is not None and declaration.high is not None
    return declaration.low, declaration.high


def _or_none(bounds: tuple[float, float]) -> tuple[float, float]:
    """The bounds extended to zero, which means that a step is skipped."""
    return min(0.0, bounds[0]), bounds[1]


_STROKE = _bounds_of(sections.Fonts, "min_stroke_px")[1]
_SHEAR = math.tan(math.radians(_bounds_of(sections.Fonts, "shear_deg")[1])) + 1 / SHEAR_GRID
_LINE_OFFSET = 4096.0  # em
_OFFSET = _bounds_of(sections.Style, "max_shadow_offset_px")[1]
_GAIN = _bounds_of(sections.Background, "gain_range")[1] * (1 + _bounds_of(sections.Background, "tint_range")[1])

# Smallest and largest value of each column that is a number or a colour.
BOUNDS: dict[str, tuple[float, float]] = {
    "index": (0, MAX_INDEX),
    "shear": (-_SHEAR, _SHEAR),
    "font_size_px": _or_none(_bounds_of(sections.Fonts, "size_range")),
    "embolden_x_px": (0, _STROKE),
    "embolden_y_px": (0, _STROKE),
    "text_color": (0, 255),
    "outline_px": _or_none(_bounds_of(sections.Style, "outline_range")),
    "outline_color": (0, 255),
    "shadow_dx": (0, _OFFSET),
    "shadow_dy": (0, _OFFSET),
    "shadow_blur_px": _bounds_of(sections.Style, "max_shadow_blur_px"),
    "shadow_opacity": (0, 255),
    "box_color": (0, 255),
    "box_opacity": (0, 255),
    "box_padding_px": (0, 64),
    "background_level": (0, 64),
    "grade_saturation": (0, 256 * _bounds_of(sections.Background, "saturation_range")[1]),
    "grade_gain": (0, 256 * _GAIN),
    "grade_lift": _bounds_of(sections.Background, "lift_range"),
    "resample": _or_none(_bounds_of(sections.Degrade, "resample_range")),
    "blur_sigma": _or_none(_bounds_of(sections.Degrade, "blur_sigma_range")),
    "noise_sigma": _or_none(_bounds_of(sections.Degrade, "noise_sigma_range")),
    "noise_offset": (0, NOISE_POOL - 1),
    "jpeg_quality": (0, 100),
    "jpeg_dx": (0, 15),
    "jpeg_dy": (0, 15),
    "line_dx_em": (-_LINE_OFFSET, _LINE_OFFSET),
    "line_dy_em": (0, _LINE_OFFSET),
    "opacity": (0, 255),
}


def from_row(spec: Spec, split: str, row: Mapping[str, Any]) -> Recipe:
    """The recipe of a stored row; other columns of the row are ignored.

    Every column is checked against its type and its bounds: a row may come from an untrusted file. Raises
    SpecError that names the first wrong column. Whether the font and the background exist, and whether the crop lies
    in its picture, is checked when it is rendered.
    """
    hints = typing.get_type_hints(Recipe)
    values: dict[str, Any] = {}
    for name in columns_of(spec):
        value = row.get(name)
        if name == "distractors":
            values[name] = from_column(str(_scalar(name, value, str)))
            continue
        value = _color(name, value) if hints[name] == Color else _scalar(name, value, hints[name])
        for number in value if isinstance(value, tuple) else (value,):
            _check(name, number, _bounds(spec, name))
        values[name] = value
    if bool(values["text"]) != bool(values["font"]) or (values["text"] and not values["font_size_px"]):
        raise SpecError(f"column font is {_shown(values['font'])}, where the text is {_shown(values['text'])}")
    lines = values["text"].split("\n")
    if len(lines) > 2 or (len(lines) == 2 and not all(lines)):
        raise SpecError(f"column text is {_shown(values['text'])}; one or two lines with text are needed, or none")
    if 0 < values["resample"] < 1:
        raise SpecError(f"column resample is {values['resample']}; it must be 0, or at least 1")
    return Recipe(spec, split, **values)


def _bounds(spec: Spec, name: str) -> tuple[float, float]:
    if name == "x":  # the ink lies within the image, its origin at most a font size outside
        return -float(spec.width), 2.0 * spec.width
    if name == "y":
        return -float(spec.height), 2.0 * spec.height
    if name in ("background_x", "background_y"):
        return 0, 2**31
    return BOUNDS.get(name, (-math.inf, math.inf))


def _scalar(name: str, value: object, kind: type) -> object:
    if type(value) not in _KINDS[kind.__name__]:
        raise SpecError(f"column {name} is {_shown(value)}; a value of type {kind.__name__} is needed")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise SpecError(f"column {name} has {len(value):,} characters; at most {MAX_TEXT:,} are possible")
    return value


def _color(name: str, value: object) -> Color:
    if not isinstance(value, list | tuple) or len(value) != 3 or any(type(v) is not int for v in value):
        raise SpecError(f"column {name} is {_shown(value)}; three whole numbers are needed")
    red, green, blue = value
    return red, green, blue


def _check(name: str, value: object, bounds: tuple[float, float]) -> None:
    if isinstance(value, int | float) and not bounds[0] <= value <= bounds[1]:
        raise SpecError(f"column {name} is {_shown(value)}; it must lie in {bounds[0]:g}..{bounds[1]:g}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
