"""Distractors: which texts of the scene a sample shows, and where. None of them overlaps the subtitle."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.assets import Assets
from subsynth.assets.glyphs import FaceGlyphs
from subsynth.core import pixels, rng
from subsynth.core.rng import StreamRange
from subsynth.planning import layout
from subsynth.planning.distractor import (
    CORNER_GRID,
    KINDS,
    MAX_BLUR,
    MAX_OUTLINE,
    OUTLINE_GRID,
    Corners,
    Distractor,
    is_convex,
)
from subsynth.planning.layout import Box
from subsynth.planning.placement import Placement
from subsynth.planning.style import StyleChoice
from subsynth.spec.spec import Spec

ATTEMPTS = 4  # positions that are tried for one distractor
CLEARANCE = 4  # px between a distractor and the subtitle, with its outline, shadow or box
DRAWS = 16  # numbers that one attempt may use
COLORS = ((250, 250, 250), (20, 20, 24), (244, 208, 40), (200, 40, 40), (40, 90, 190), (30, 130, 70), (225, 120, 40))
PLATE_CONTRAST = 3.0  # smallest contrast ratio between a plate and its text
WHITE_WATERMARKS = 0.6  # share of the watermarks that are white; the others have any colour
SITE_SUFFIXES = (".com", ".tv", ".net", ".org", ".cn", ".example")
SITE_WORDS = (
    "film", "video", "movie", "cinema", "kino", "channel", "studio", "news", "sport", "music", "anime", "drama",
    "series", "subs", "live", "media", "world", "star", "sky", "one", "plus", "home", "city", "play",
)  # fmt: skip
_SPACES = re.compile(r"\s+")
_NOT_WORD = re.compile(r"[^\w'’\s]+")
_SPACELESS = "\u2e80"  # scripts from here on have no spaces between words


class _Look(NamedTuple):
    """The appearance of a distractor; its corners are relative to its centre, px."""

    opacity: int
    outline: int
    plated: bool
    plate_opacity: int
    padding: int
    frame: int
    blur_px: int
    corners: NDArray[np.float64]  # (4, 2)
    centre: tuple[float, float]


def choose_distractors(
    assets: Assets, samples: StreamRange, placement: Placement, style: StyleChoice
) -> list[tuple[Distractor, ...]]:
    """The distractors of each sample. One that has no room beside the subtitle is left out."""
    chosen: list[list[Distractor]] = [[] for _ in range(samples.stop - samples.start)]
    for kind in KINDS:
        p: float = getattr(assets.spec.distractors, f"p_{kind}")
        if not p:
            continue
        draws = np.stack([rng.uniform(samples, f"distractor.{kind}.{i}") for i in range(ATTEMPTS * DRAWS + 3)], axis=1)
        for i in np.flatnonzero(rng.bernoulli(samples, f"distractor.{kind}", p)):
            protected = _protected(placement, style, int(i))
            item = _choose(assets, kind, draws[i].tolist(), protected)
            if item is not None:
                chosen[i].append(item)
    return [tuple(items) for items in chosen]


def _protected(placement: Placement, style: StyleChoice, sample: int) -> Box | None:
    """The part of the image that belongs to the subtitle: left, top, right, bottom in px; None without text."""
    left, top, right, bottom = placement.bounds[sample].tolist()
    if left >= right:
        return None
    padding = int(style.box_padding_px[sample]) if style.box_opacity[sample] else 0
    around = math.ceil(style.outline_px[sample])
    if style.shadow_opacity[sample]:
        offset = max(int(style.shadow_dx[sample]), int(style.shadow_dy[sample]))
        around += offset + int(style.shadow_blur_px[sample])
    across, down = CLEARANCE + max(around, 2 * padding), CLEARANCE + max(around, padding)
    return left - across, top - down, right + across, bottom + down


def _choose(assets: Assets, kind: str, draws: list[float], protected: Box | None) -> Distractor | None:
    """One distractor; None if no attempt finds room, or if no face covers its text."""
    text = _words(assets, kind, draws[0], draws[1])
    face = _covering_face(assets, text, draws[2])
    if face is None:
        return None
    box = layout.set_line(face, text, 0).box
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    aspect = (box[2] - box[0]) / (box[3] - box[1])
    for start in range(3, len(draws), DRAWS):
        numbers = iter(draws[start : start + DRAWS])
        look = LOOKS[kind](numbers, aspect, assets.spec)
        corners = _rounded(look)
        if is_convex(corners) and not _overlaps(corners, _reach(look), protected):
            color, plate_color = _colors(kind, numbers)
            return Distractor(
                kind,
                text,
                face.face.name,
                color,
                look.opacity,
                look.outline,
                plate_color,
                look.plate_opacity if look.plated else 0,
                look.padding,
                look.frame,
                look.blur_px,
                corners,
            )
    return None


def _words(assets: Assets, kind: str, which: float, how_many: float) -> str:
    """One to three words of a line of the bundled text, or two to five characters in a script without spaces.

    Half of the watermarks are the name of an account, a site or a channel instead.
    """
    if kind == "watermark" and which < 0.5:
        return _name(2 * which, how_many)
    which = 2 * which - 1 if kind == "watermark" else which
    lines = assets.scene_text
    text = _SPACES.sub(" ", _NOT_WORD.sub(" ", lines[int(which * len(lines))])).strip()
    if any(character >= _SPACELESS for character in text):
        return text.replace(" ", "")[: 2 + int(how_many * 4)]
    words = " ".join(text.split()[: 1 + int(how_many * 3)])
    return words.upper() if kind in ("watermark", "sign") else words


def _name(which: float, form: float) -> str:
    """The name of an account (@filmstar), a site (filmstar.com, www.filmstar.tv) or a channel (Film 7)."""
    first, second = divmod(int(which * len(SITE_WORDS) ** 2), len(SITE_WORDS))
    one, two = SITE_WORDS[first], SITE_WORDS[second]
    variants = 24  # of each form, by the fraction of the draw
    kind, variant = divmod(int(form * 4 * variants), variants)
    if kind == 0:
        return f"@{one}{('', '.', '_')[variant % 3]}{two}"
    if kind == 1:
        return f"{('', 'www.')[variant % 2]}{one}{two}{SITE_SUFFIXES[variant % len(SITE_SUFFIXES)]}"
    if kind == 2:
        return f"{one.capitalize()} {variant + 1}"
    return f"{one}{two}".upper() if variant % 2 else f"{one.capitalize()}{two.capitalize()}"


def _covering_face(assets: Assets, text: str, draw: float) -> FaceGlyphs | None:
    """A face that has all characters of a text: the first from a drawn position on."""
    codes, faces = np.array([ord(c) for c in text if c != " "], dtype=np.uint32), assets.fonts.faces
    first = int(draw * len(faces))
    candidates = (faces[(first + step) % len(faces)] for step in range(len(faces)))
    return next((face for face in candidates if len(codes) and face.covers(codes).all()), None)


def _watermark(draws: Iterator[float], aspect: float, spec: Spec) -> _Look:
    """Small, upright and translucent, near a corner or a side."""
    width, height = spec.width, spec.height
    ink = _limited(height * (0.08 + 0.18 * next(draws)), aspect, 0.35 * width)
    corners = _rectangle(ink * aspect, ink)
    # A band is cut from a frame, so that a corner of the frame may lie at any height, and beyond its sides.
    gap = 3 + next(draws) ** 2 * 0.12 * width, 3 + next(draws) ** 2 * 0.5 * height
    right, low = next(draws) < 0.6, next(draws) < 0.4
    centre = (
        width - gap[0] - corners[1, 0] if right else gap[0] + corners[1, 0],
        height - gap[1] - corners[2, 1] if low else gap[1] + corners[2, 1],
    )
    low_opacity, high_opacity = spec.distractors.watermark_opacity_range
    opacity, plated = low_opacity + int((high_opacity - low_opacity) * next(draws)), next(draws) < 0.3
    outlined, radius = next(draws) < 0.4, min(MAX_OUTLINE, int(ink * (0.02 + 0.1 * next(draws)) * OUTLINE_GRID))
    outline = radius if outlined and not plated else 0
    return _Look(opacity, outline, plated, 40 + int(70 * next(draws)), 30, 0, 0, corners, centre)


def _sign(draws: Iterator[float], aspect: float, spec: Spec) -> _Look:
    """On an opaque plate in perspective: one side is shorter than the other, and both lean."""
    width, height = spec.width, spec.height
    ink = _limited(height * (0.12 + 0.4 * next(draws)), aspect, 0.5 * width)
    corners = _rectangle(ink * (aspect + 0.6), ink * 1.6)
    far, lean, slope = 0.45 + 0.4 * next(draws), 0.25 * (next(draws) - 0.5), 0.2 * (next(draws) - 0.5)
    corners[:, 0] *= 0.75 if next(draws) < 0.5 else 0.9  # seen from the side, it is narrower
    side = corners[:, 0] > 0 if next(draws) < 0.5 else corners[:, 0] < 0
    corners[side, 1] *= far
    corners = np.stack((corners[:, 0] + lean * corners[:, 1], corners[:, 1] + slope * corners[:, 0]), axis=1)
    centre = _anywhere(draws, width, height)
    opacity, plate_opacity, blur = 235 + int(20 * next(draws)), 215 + int(40 * next(draws)), int(2 * next(draws))
    return _Look(opacity, 0, True, plate_opacity, 35, 12, blur, corners, centre)


def _patch(draws: Iterator[float], aspect: float, spec: Spec) -> _Look:
    """Tilted by 8 to 38 degrees, on a plate of cloth."""
    width, height = spec.width, spec.height
    ink = _limited(height * (0.1 + 0.25 * next(draws)), aspect, 0.35 * width)
    corners = _rectangle(ink * (aspect + 0.8), ink * 1.8)
    half_tangent = (0.07 + 0.27 * next(draws)) * (1 if next(draws) < 0.5 else -1)
    square = half_tangent * half_tangent
    cosine, sine = (1 - square) / (1 + square), 2 * half_tangent / (1 + square)
    x, y = corners[:, 0].copy(), corners[:, 1].copy()
    corners = np.stack((cosine * x - sine * y, sine * x + cosine * y), axis=1)
    centre = _anywhere(draws, width, height)
    opacity, plate_opacity, blur = 170 + int(70 * next(draws)), 150 + int(90 * next(draws)), int(2 * next(draws))
    return _Look(opacity, 0, True, plate_opacity, 40, 0, blur, corners, centre)


def _credits(draws: Iterator[float], aspect: float, spec: Spec) -> _Look:
    """Upright without a plate: out of focus, or faint and cut off by the upper or lower border."""
    width, height = spec.width, spec.height
    ink = _limited(height * (0.08 + 0.1 * next(draws)), aspect, 0.35 * width)
    x, y = _anywhere(draws, width, height)
    blurred = next(draws) < 0.6
    if blurred:
        ink *= 1.6
        look = 130 + int(90 * next(draws)), min(MAX_BLUR, 2 + int(ink / 12))
    else:
        beyond = ink * 0.5 * (0.1 + 0.5 * next(draws))
        y = height - beyond + ink / 4 if next(draws) < 0.5 else beyond - ink / 4
        look = 70 + int(60 * next(draws)), 0
    return _Look(look[0], 0, False, 0, 0, 0, look[1], _rectangle(ink * aspect, ink), (x, y))


LOOKS: dict[str, Callable[[Iterator[float], float, Spec], _Look]] = {
    "watermark": _watermark,
    "sign": _sign,
    "patch": _patch,
    "credits": _credits,
}


def _limited(ink: float, aspect: float, width: float) -> float:
    """The height of the ink, px, reduced where the text would be wider than `width`."""
    return min(ink, width / aspect)


def _rectangle(width: float, height: float) -> NDArray[np.float64]:
    """The corners (4, 2) of a rectangle around its centre, clockwise from the top left one."""
    x, y = width / 2, height / 2
    return np.array([(-x, -y), (x, -y), (x, y), (-x, y)])


def _anywhere(draws: Iterator[float], width: int, height: int) -> tuple[float, float]:
    return next(draws) * width, next(draws) * height


def _colors(kind: str, draws: Iterator[float]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """The colours of a text and of its plate, which differ."""
    draw = next(draws) if kind != "credits" else 0.0
    if kind == "watermark":
        draw = max(0.0, draw - WHITE_WATERMARKS) / (1 - WHITE_WATERMARKS)
    first = int(draw * len(COLORS))
    color = COLORS[first]
    light = pixels.luminance(np.array(COLORS))
    others = np.flatnonzero(pixels.contrast_ratio(light, light[first]) >= PLATE_CONTRAST)
    return color, COLORS[int(others[int(next(draws) * len(others))])]


def _rounded(look: _Look) -> Corners:
    x, y = look.centre
    numbers = np.rint((look.corners + np.array([x, y])) * CORNER_GRID).astype(int).reshape(-1).tolist()
    x0, y0, x1, y1, x2, y2, x3, y3 = numbers
    return x0, y0, x1, y1, x2, y2, x3, y3


def _reach(look: _Look) -> int:
    """How far a distractor may reach beyond its corners by its blur and its outline, px."""
    return 2 * look.blur_px + 1 + -(-look.outline // OUTLINE_GRID)


def _overlaps(corners: Corners, reach: int, protected: Box | None) -> bool:
    """Whether the bounds of a quadrilateral, grown by `reach` px, overlap the subtitle's part of the image."""
    if protected is None:
        return False
    xs, ys = [x / CORNER_GRID for x in corners[::2]], [y / CORNER_GRID for y in corners[1::2]]
    left, top, right, bottom = protected
    return min(xs) - reach < right and max(xs) + reach > left and min(ys) - reach < bottom and max(ys) + reach > top
