"""Plan: decide a range of samples, and draw nothing. Chance enters here and nowhere else.

All draws are vectorised over the range; what needs the font or the picture is looked up row by row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.assets import Materials, materials
from subsynth.assets.backgrounds import Level, Scene
from subsynth.assets.glyphs import EM
from subsynth.core import pixels, rng
from subsynth.core.errors import SpecError
from subsynth.planning import layout
from subsynth.planning.layout import SHEAR_GRID, SIZE_GRID, SUBPIXEL
from subsynth.planning.recipe import COLUMNS, NOISE_POOL, Recipe
from subsynth.spec import palette
from subsynth.spec.sections import STYLES
from subsynth.spec.spec import Spec

FURTHEST = 2**48  # indices end here
SMALLEST = 4  # px an em: below it no line is readable, and a line that needs it is an error
HARD = "test_hard"
BUSY = 1.25  # standard deviations of the crop's luma that contrast is measured against


Columns = dict[str, Any]  # a name of COLUMNS -> array (n,) or (n, 3), or list of n strings


def plan(spec: Spec, split: str, start: int, stop: int) -> list[Recipe]:
    """Decide the samples start..stop-1 of a split. Each is a function of (spec, seed, split, index) alone.

    Indices may lie beyond the split's size: those are the samples that a larger set would have.
    Raises SpecError for an unknown split or a bad range, MaterialError for unusable material.
    """
    return recipes(spec, split, decide(spec, split, start, stop))


def recipes(spec: Spec, split: str, columns: Columns) -> list[Recipe]:
    """Decided columns row by row."""
    lists = [_values(columns[name]) for name in COLUMNS]
    return [Recipe(spec, split, *values) for values in zip(*lists, strict=True)]


def _values(column: Any) -> list[Any]:
    """A column as plain values; colours as tuples."""
    if isinstance(column, list):
        return column
    plain: list[Any] = column.tolist()
    return [tuple(color) for color in plain] if column.ndim == 2 else plain


def decide(spec: Spec, split: str, start: int, stop: int) -> Columns:
    """The plan as columns, all of COLUMNS, for those who need no row of it. Raises as `plan` does."""
    if not 0 <= start <= stop <= FURTHEST:
        raise SpecError(f"range {start}..{stop}: 0 <= start <= stop <= {FURTHEST} is needed")
    stock = materials(spec, split)
    at = rng.StreamRange(spec.seed, split, start, stop)
    columns: dict[str, Any] = {"index": np.arange(start, stop)}
    columns |= _text(spec, stock, at)
    columns |= _face(spec, stock, at, columns["line"])
    columns |= _layout(spec, stock, at, columns)
    columns |= _background(spec, stock, at) if split != HARD else _busiest(spec, stock, at, columns)
    columns |= _grade(spec, at)
    columns |= _dress(spec, at, _surround(columns))
    if split == HARD:
        columns |= _close(spec, at, _surround(columns)[:, 0])
    columns |= _degrade(spec, at, columns["font_size_px"], columns["weak"])
    return {name: columns[name] for name in COLUMNS}


def _grid(values: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Round to multiples of 1 / steps."""
    return np.asarray(np.rint(values * steps) / steps)


def _text(spec: Spec, stock: Materials, at: rng.StreamRange) -> dict[str, Any]:
    source = rng.categorical(at, "text.source", list(stock.weights))
    sizes = np.array([len(m) for m in stock.by_source])
    drawn = []
    for stream in ("text.line", "text.other_line"):
        which = rng.randint(at, stream, sizes[source])
        drawn.append(np.array([stock.by_source[s][w] for s, w in zip(source, which, strict=True)], dtype=np.int64))
    lengths = stock.lines.length
    longer = rng.bernoulli(at, "text.longer", spec.text.p_prefer_longer) & (lengths[drawn[1]] > lengths[drawn[0]])
    line = np.where(longer, drawn[1], drawn[0])
    return {
        "line": line,
        "text": [stock.lines.text[i] for i in line],
        "text_source": [stock.lines.sources[stock.lines.source[i]] for i in line],
        "text_id": [stock.lines.id[i] for i in line],
    }


def _face(spec: Spec, stock: Materials, at: rng.StreamRange, line: NDArray[np.int64]) -> dict[str, Any]:
    """A family, evenly among those that have a face of the slant and cover the line.

    Where none does, the other slant and the other weight are tried in turn: one of the four will, since
    every line is covered by some face.
    """
    bold = rng.bernoulli(at, "font.bold", spec.fonts.p_bold).astype(np.int64)
    italic = rng.bernoulli(at, "font.italic", spec.fonts.p_italic).astype(np.int64)
    able = np.zeros((len(line), len(stock.families)), np.bool_)
    for swap_bold, swap_italic in ((0, 0), (1, 0), (0, 1), (1, 1)):
        other_bold, other_italic = bold ^ swap_bold, italic ^ swap_italic
        face = stock.face_of[other_bold, other_italic]
        now = (face >= 0) & stock.covered[face, line[:, None]]
        take = ~able.any(axis=1) & now.any(axis=1)
        able[take] = now[take]
        bold, italic = np.where(take, other_bold, bold), np.where(take, other_italic, italic)
    rank = rng.randint(at, "font.family", able.sum(axis=1))
    family = (able.cumsum(axis=1) == rank[:, None] + 1).argmax(axis=1)
    face = stock.face_of[bold, italic, family]
    slant = round(math.tan(math.radians(spec.fonts.shear_deg)) * SHEAR_GRID) / SHEAR_GRID
    sheared = stock.sheared[bold, italic, family]
    by_design = np.array([o.face.italic for o in stock.faces])[face]
    return {
        "face": face,
        "font": [stock.faces[i].face.name for i in face],
        "bold": np.array([o.face.bold for o in stock.faces])[face],
        "italic": sheared | by_design,
        "shear": np.where(sheared, slant, 0.0),
    }


def _layout(spec: Spec, stock: Materials, at: rng.StreamRange, columns: dict[str, Any]) -> dict[str, Any]:
    """A size in the range, or what the line needs to fit, and a place in the room that is left.

    `left` and `right` are the columns of pixels that hold the ink.
    """
    want, across, down = (rng.uniform(at, s) for s in ("layout.size", "layout.x", "layout.y"))
    low, high = (round(end * SIZE_GRID) for end in spec.fonts.size_range)
    room_x, room_y = spec.width - 2 * spec.margin_px, spec.height - 2 * spec.margin_px
    rows, sides = [], []
    for i, (text, face, shear) in enumerate(zip(columns["text"], columns["face"], columns["shear"], strict=True)):
        line = layout.set_line(stock.faces[face], text, round(shear * SHEAR_GRID))
        thin = stock.faces[face].thin
        most_x, most_y = (math.ceil(_missing(spec, t, min(low, SIZE_GRID * 8)) / SUBPIXEL) for t in thin)
        fits = layout.largest_size(line.box, room_x - 2 * most_x, room_y - 2 * most_y)
        size = min(fits, low + int(want[i] * (min(high, max(low, fits)) - low + 1)))
        if size < SMALLEST * SIZE_GRID:
            raise SpecError(
                f"{at.split} sample {at.start + i}: {text!r} fits {spec.width} x {spec.height} px only below "
                f"{SMALLEST} px an em; lower text.max_chars or widen the image"
            )
        grow = (_missing(spec, thin[0], size), _missing(spec, thin[1], size))
        left, top, right, bottom = layout.ink_box(line, size, grow)
        spare_x = max(0, room_x * SUBPIXEL - (right - left))
        spare_y = max(0, room_y * SUBPIXEL - (bottom - top))
        x = spec.margin_px * SUBPIXEL - left + int(across[i] * spare_x)
        y = spec.margin_px * SUBPIXEL - top + int(down[i] * spare_y)
        rows.append((size / SIZE_GRID, grow[0] / SUBPIXEL, grow[1] / SUBPIXEL, x / SUBPIXEL, y / SUBPIXEL))
        sides.append(((x + left) // SUBPIXEL, -(-(x + right) // SUBPIXEL)))
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    held = np.array(sides, dtype=np.int64).reshape(-1, 2)
    names = ("font_size_px", "embolden_x_px", "embolden_y_px", "x", "y")
    return dict(zip(names, table.T, strict=True)) | {"left": held[:, 0], "right": held[:, 1]}


def _missing(spec: Spec, thin: int, size: int) -> int:
    """What thin strokes of a face lack of the thickness that the spec asks for, at a size in 1/16 px: in 1/256 px."""
    return max(0, round((spec.fonts.min_stroke_px - thin / EM * size / SIZE_GRID) * SUBPIXEL))


def _busiest(spec: Spec, stock: Materials, at: rng.StreamRange, columns: dict[str, Any]) -> dict[str, Any]:
    """Of several crops, the busiest: fine structure counts for it, and large against it, since that hides whole words.

    `moments` are those of the part that the line lies on.
    """
    drawn = [_background(spec, stock, at, f".{i}") for i in range(spec.hard.crops)]
    rows: list[dict[str, Any]] = []
    for i, (left, right) in enumerate(zip(columns["left"], columns["right"], strict=True)):
        crops = [{name: one[name][i] for name in one} for one in drawn]
        levels = [stock.scene(c["background"]).levels[c["background_level"]] for c in crops]
        scores = []
        for crop, level in zip(crops, levels, strict=True):
            start = spec.width - right if crop["background_flip"] else left
            place = crop["background_x"] + start, crop["background_y"], right - left, spec.height
            fine, coarse = level.texture(*place, max(1, (right - left) // spec.height))
            scores.append(fine - coarse)
            crop["moments"] = level.moments(*place)
        rows.append(crops[int(np.argmax(scores))])
    found: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else drawn[0]
    return found | {"background": [row["background"] for row in rows]}


def _background(spec: Spec, stock: Materials, at: rng.StreamRange, turn: str = "") -> dict[str, Any]:
    """A scene, a scale and a crop; `moments` (n, 2) are the mean and the spread of its luma."""
    drawn = rng.bernoulli(at, f"background.procedural{turn}", spec.background.p_procedural)
    flip = rng.bernoulli(at, f"background.flip{turn}", spec.background.p_flip)
    streams = ("background.scene", "background.level", "background.x", "background.y")
    scene_at, level_at, x_at, y_at = (rng.uniform(at, s + turn) for s in streams)
    names, places, moments = [], [], []
    for i, procedural in enumerate(drawn):
        scenes: tuple[Scene, ...] = stock.procedural if procedural else stock.photographs
        scene = scenes[int(scene_at[i] * len(scenes))]
        number = int(level_at[i] * len(scene.levels))
        level: Level = scene.levels[number]
        height, width = level.planes.shape[1:]
        x = int(x_at[i] * (width - spec.width + 1))
        y = int(y_at[i] * (height - spec.height + 1))
        names.append(scene.name)
        places.append((number, x, y))
        moments.append(level.moments(x, y, spec.width, spec.height))
    table = np.array(places, dtype=np.int64).reshape(-1, 3)
    return {
        "background": names,
        "background_level": table[:, 0],
        "background_x": table[:, 1],
        "background_y": table[:, 2],
        "background_flip": flip,
        "moments": np.array(moments, dtype=np.float64).reshape(-1, 2),
    }


def _grade(spec: Spec, at: rng.StreamRange) -> dict[str, Any]:
    part = spec.background
    gain = rng.uniform(at, "grade.gain", *part.gain_range)
    tint = rng.uniform(at, "grade.tint", *part.tint_range)
    gains = np.stack((gain * (1 + tint), gain, gain * (1 - tint)), axis=1)
    return {
        "grade_saturation": np.rint(rng.uniform(at, "grade.saturation", *part.saturation_range) * 256).astype(int),
        "grade_gain": np.maximum(0, np.rint(gains * 256)).astype(int),
        "grade_lift": np.rint(rng.uniform(at, "grade.lift", *part.lift_range)).astype(int),
    }


def _surround(columns: dict[str, Any]) -> NDArray[np.float64]:
    """Luma levels (n, 3) of the graded crop: its mean, and its dark and its bright side."""
    mean, spread = columns["moments"].T
    gain = columns["grade_gain"] @ np.array([77, 150, 29]) / (256 * 256)
    mean, spread = mean * gain + columns["grade_lift"], spread * gain
    levels = np.stack((mean, mean - BUSY * spread, mean + BUSY * spread), axis=1)
    return np.clip(np.rint(levels), 0, 255)


def _dress(spec: Spec, at: rng.StreamRange, levels: NDArray[np.float64]) -> dict[str, Any]:
    """Fill and what surrounds it, so that every line can be read.

    Contrast is that of the fill to the side of the background that comes nearest to it. Where it is below
    the floor, the fill is taken half the way to white, plain text and text with a shadow are given an
    outline, outlines are at least 1 px, and boxes are made opaque enough.
    """
    part = spec.style
    count = at.stop - at.start
    kind = rng.categorical(at, "fill.color", [spec.fill.colors.get(name, 0.0) for name in palette.NAMES])
    stray = np.stack([rng.uniform(at, f"fill.stray.{c}") for c in "rgb"], axis=1)
    fill = palette.fills(kind, stray)
    light = pixels.luminance(fill)
    weak = pixels.contrast_ratio(light, _nearest(light, levels)) < spec.fill.contrast_floor
    fill = np.where(weak[:, None], fill + (255 - fill) // 2, fill)
    light = pixels.luminance(fill)
    dark_rim = light > 0.18  # the luminance that stands equally far from black and from white
    shade = np.rint(rng.uniform(at, "outline.shade", 0, 36))
    rim = np.where(dark_rim, shade, 255 - shade)[:, None].repeat(3, axis=1)

    style = rng.categorical(at, "dress.kind", [part.kinds.get(name, 0.0) for name in STYLES])
    boxed = style == STYLES.index("box")
    outlined = np.isin(style, [STYLES.index("outline"), STYLES.index("outline_shadow")]) | (weak & ~boxed)
    shadowed = np.isin(style, [STYLES.index("shadow"), STYLES.index("outline_shadow")])
    radius = _grid(rng.uniform(at, "outline.radius", *part.outline_range), 16)
    radius = np.where(weak, np.maximum(radius, 1.0), radius)

    opacity = np.rint(rng.uniform(at, "box.opacity", *part.box_opacity_range) * 255)
    shade = np.where(dark_rim, 0, 255) + np.where(dark_rim, 1, -1) * np.rint(rng.uniform(at, "box.shade", 0, 30))
    behind = levels + (shade[:, None] - levels) * (opacity / 255)[:, None]
    veiled = pixels.contrast_ratio(light, _nearest(light, np.rint(behind))) < spec.fill.contrast_floor
    opacity = np.where(veiled, 235, opacity)

    reach = part.max_shadow_offset_px
    return {
        "weak": weak,
        "text_color": fill,
        "outline_px": np.where(outlined, radius, 0.0),
        "outline_color": rim.astype(np.int64),
        "shadow_dx": 1 + rng.randint(at, "shadow.dx", reach),
        "shadow_dy": 1 + rng.randint(at, "shadow.dy", reach),
        "shadow_blur_px": rng.randint(at, "shadow.soft", part.max_shadow_blur_px + 1),
        "shadow_opacity": np.where(shadowed, 128 + rng.randint(at, "shadow.opacity", 112), 0),
        "box_color": np.repeat(shade.astype(np.int64)[:, None], 3, axis=1),
        "box_opacity": np.where(boxed, opacity, 0).astype(np.int64),
        "box_padding_px": np.full(count, 2) + rng.randint(at, "box.pad", 6),
    }


def _close(spec: Spec, at: rng.StreamRange, mean: NDArray[np.float64]) -> dict[str, Any]:
    """A plain fill whose luminance stands in a drawn ratio to that of the crop's mean (n,): lighter or darker."""
    ground = pixels.luminance(np.repeat(mean.astype(np.int64)[:, None], 3, axis=1))
    ratio = _grid(rng.uniform(at, "hard.contrast", *spec.hard.contrast_range), 256)
    above, below = ratio * (ground + 0.05) - 0.05, (ground + 0.05) / ratio - 0.05
    light = (rng.bernoulli(at, "hard.lighter", 0.7) | (below < 0)) & (above <= 1)
    greys = pixels.luminance(np.repeat(np.arange(256)[:, None], 3, axis=1))
    code = np.clip(np.searchsorted(greys, np.where(light, above, below)), 0, 255)
    stray = np.stack([rng.uniform(at, f"fill.stray.{c}") for c in "rgb"], axis=1)
    zero = np.zeros_like(code)
    return {
        "text_color": np.clip(code[:, None] + np.rint((stray * 2 - 1) * palette.STRAY), 0, 255).astype(np.int64),
        "outline_px": zero.astype(np.float64), "shadow_opacity": zero, "box_opacity": zero,
        "weak": np.ones(len(code), np.bool_),
    }  # fmt: skip


def _nearest(light: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The luminance of the background's side that a fill is nearest to: its bright one for light text."""
    grey = pixels.luminance(np.repeat(levels.astype(np.int64)[:, :, None], 3, axis=2))
    return np.where(light >= grey[:, 0], np.minimum(grey[:, 2], light), np.maximum(grey[:, 1], light))


def _degrade(spec: Spec, at: rng.StreamRange, size: NDArray[np.float64], weak: NDArray[np.bool_]) -> dict[str, Any]:
    """What follows after compositing. Where only an outline tells text from background, at half strength."""
    part = spec.degrade
    strength = np.where(weak, 0.5, 1.0)

    def spread(stream: str, ends: tuple[float, float]) -> NDArray[np.float64]:
        return np.asarray(ends[0] + (ends[1] - ends[0]) * strength * rng.uniform(at, stream))

    def maybe(name: str, p: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(rng.bernoulli(at, f"{name}.happens", p), values, 0.0)

    low, high = part.blur_sigma_range
    # Small letters have thin strokes: what only softens 20 px text would wipe out 14 px text.
    most = np.clip(size * 0.05, low, high)
    sigma = low + (most - low) * strength * rng.uniform(at, "blur.sigma")
    quality = rng.uniform(at, "jpeg.quality", part.jpeg_quality_range[0], part.jpeg_quality_range[1] + 1)
    return {
        "resample": maybe("resample", part.p_resample, _grid(spread("resample.factor", part.resample_range), 64)),
        "blur_sigma": maybe("blur", part.p_blur, np.maximum(_grid(sigma, 64), 1 / 64)),
        "noise_sigma": maybe("noise", part.p_noise, _grid(spread("noise.sigma", part.noise_sigma_range), 16)),
        "noise_offset": rng.randint(at, "noise.place", NOISE_POOL),
        "jpeg_quality": maybe("jpeg", part.p_jpeg, np.floor(quality)).astype(np.int64),
        # A file that is kept as it is shows the sample alone: its first macroblock begins with it.
        "jpeg_dx": rng.randint(at, "jpeg.dx", 1 if spec.image_format == "jpeg" else 16),
        "jpeg_dy": rng.randint(at, "jpeg.dy", 1 if spec.image_format == "jpeg" else 16),
    }
