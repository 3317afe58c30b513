"""Distractor: one text of the scene, which is drawn into the background and is not part of the ground truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from subsynth.core.documents import parse_json, shown
from subsynth.core.errors import SpecError
from subsynth.core.pixels import Color

KINDS = ("watermark", "sign", "patch", "credits")
CORNER_GRID = 16  # corners are multiples of 1/16 px
MAX_CORNER = 1 << 17  # 1/16 px
MAX_BLUR = 16  # px
OUTLINE_GRID = 16  # the radius of an outline is a multiple of 1/16 px
MAX_OUTLINE = 16 * OUTLINE_GRID
MAX_TEXT = 200  # characters
MAX_COUNT = 16  # of one sample

Corners = tuple[int, int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Distractor:
    """A line of text on a plate, which is mapped to a quadrilateral. Opacities are 0..255; 0 is no plate.

    outline: radius of an outline in 1/16 px of the image; 0 is none. It has the colour of the plate and the opacity of
    the text.

    corners: x and y of the plate's corners in 1/16 px of the image, clockwise from the top left one; padding: distance
    between the text's ink and the edge of the plate; frame: width of a frame along this edge, in the text's colour.
    Both are in percent of the ink's height.
    """

    kind: str
    text: str
    font: str
    color: Color
    opacity: int
    outline: int
    plate_color: Color
    plate_opacity: int
    padding: int
    frame: int
    blur_px: int
    corners: Corners


def to_column(distractors: tuple[Distractor, ...]) -> str:
    """The distractors of a sample as the JSON text of the column `distractors`."""
    plain = [{name: getattr(item, name) for name in Distractor.__slots__} for item in distractors]
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def from_column(text: str) -> tuple[Distractor, ...]:
    """The distractors in a column of a row, which may come from an untrusted file. Raises SpecError."""
    try:
        values = parse_json(text)
    except ValueError as error:
        raise SpecError(f"column distractors is {shown(text)}, which is not JSON") from error
    if not isinstance(values, list) or len(values) > MAX_COUNT or not all(isinstance(v, dict) for v in values):
        raise SpecError(f"column distractors is {shown(text)}; a list of at most {MAX_COUNT} objects is needed")
    return tuple(_checked(value) for value in values)


def _checked(value: Mapping[str, object]) -> Distractor:
    if tuple(value) != Distractor.__slots__:
        raise SpecError(f"a distractor has the keys {shown(list(value))}; {', '.join(Distractor.__slots__)} are needed")
    corners = _numbers(value, "corners", 8, -MAX_CORNER, MAX_CORNER)
    if not is_convex(corners):
        raise SpecError(f"a distractor has the corners {shown(list(corners))}; a convex quadrilateral is needed")
    if not value["text"] or _number(value, "frame", 0, 1000) > _number(value, "padding", 0, 1000):
        raise SpecError("a distractor has no text, or a frame that is wider than its padding, which is not possible")
    red, green, blue = _numbers(value, "color", 3, 0, 255)
    plate_red, plate_green, plate_blue = _numbers(value, "plate_color", 3, 0, 255)
    x0, y0, x1, y1, x2, y2, x3, y3 = corners
    return Distractor(
        kind=_text(value, "kind", KINDS),
        text=_text(value, "text"),
        font=_text(value, "font"),
        color=(red, green, blue),
        opacity=_number(value, "opacity", 0, 255),
        outline=_number(value, "outline", 0, MAX_OUTLINE),
        plate_color=(plate_red, plate_green, plate_blue),
        plate_opacity=_number(value, "plate_opacity", 0, 255),
        padding=_number(value, "padding", 0, 1000),
        frame=_number(value, "frame", 0, 1000),
        blur_px=_number(value, "blur_px", 0, MAX_BLUR),
        corners=(x0, y0, x1, y1, x2, y2, x3, y3),
    )


def is_convex(corners: tuple[int, ...]) -> bool:
    """Whether x, y, x, y ... are the corners of a convex quadrilateral with an area, clockwise (y down)."""
    points = list(zip(corners[::2], corners[1::2], strict=True))
    turns = []
    for i in range(4):
        (ax, ay), (bx, by), (cx, cy) = points[i], points[(i + 1) % 4], points[(i + 2) % 4]
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    return all(turn > 0 for turn in turns)


def _text(value: Mapping[str, object], name: str, choices: tuple[str, ...] = ()) -> str:
    text = value[name]
    if not isinstance(text, str) or len(text) > MAX_TEXT or "\n" in text or (choices and text not in choices):
        raise SpecError(f"a distractor has the {name} {shown(text)}, which is not possible")
    return text


def _number(value: Mapping[str, object], name: str, low: int, high: int) -> int:
    number = value[name]
    if type(number) is not int or not low <= number <= high:
        raise SpecError(f"a distractor has the {name} {shown(number)}; it must lie in {low}..{high}")
    return number


def _numbers(value: Mapping[str, object], name: str, count: int, low: int, high: int) -> tuple[int, ...]:
    numbers = value[name]
    if not isinstance(numbers, list) or len(numbers) != count:
        raise SpecError(f"a distractor has the {name} {shown(numbers)}; {count} whole numbers are needed")
    return tuple(_number({name: number}, name, low, high) for number in numbers)
