"""Style: the fill, and an outline, shadow or box around it, chosen so that every line is legible."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.core import pixels, rng
from subsynth.core.rng import StreamRange
from subsynth.planning.grid import to_grid
from subsynth.spec import palette
from subsynth.spec.sections import OUTLINE_COLORS, STYLES, Style
from subsynth.spec.spec import Spec

MID_LUMINANCE = 0.18  # the luminance with equal contrast ratios to black and to white
OUTLINE_CONTRAST = 1.6  # smallest contrast ratio between a fill and an outline of any colour
OPAQUE_ENOUGH = 235  # opacity of a box (0..255) that hides any background


class StyleChoice(NamedTuple):
    """The style of n samples; colours int64 (n, 3). `weak`: only an outline or a box makes the sample legible."""

    weak: NDArray[np.bool_]
    text_color: NDArray[np.int64]
    outline_px: NDArray[np.float64]
    outline_color: NDArray[np.int64]
    shadow_dx: NDArray[np.int64]
    shadow_dy: NDArray[np.int64]
    shadow_blur_px: NDArray[np.int64]
    shadow_opacity: NDArray[np.int64]
    box_color: NDArray[np.int64]
    box_opacity: NDArray[np.int64]
    box_padding_px: NDArray[np.int64]
    opacity: NDArray[np.int64]  # of the subtitle as a whole, 0..255


def choose_style(spec: Spec, samples: StreamRange, levels: NDArray[np.float64]) -> StyleChoice:
    """Fill, outline, shadow and box, given the luma levels (n, 3) of the backgrounds (see `graded_levels`).

    Contrast is measured between the fill and the nearest side of the background. Where it is below the floor, the fill
    is moved half-way to white (a share `fill.p_lighten` of them), plain text and text with a shadow get an outline,
    outlines are at least 1 px wide, and boxes are made opaque enough. A subtitle that would be below the floor as a
    translucent one is opaque.
    """
    section = spec.style
    fill, weak = _fill(spec, samples, levels)
    light = pixels.luminance(fill)
    bright = light > MID_LUMINANCE
    shade = np.rint(rng.uniform(samples, "outline.shade", 0, 36))
    outline_grey = np.where(bright, shade, 255 - shade)

    style = rng.categorical(samples, "dress.kind", [section.kinds.get(name, 0.0) for name in STYLES])
    boxed = style == STYLES.index("box")
    outlined = np.isin(style, [STYLES.index("outline"), STYLES.index("outline_shadow")]) | (weak & ~boxed)
    shadowed = np.isin(style, [STYLES.index("shadow"), STYLES.index("outline_shadow")])
    radius = to_grid(rng.uniform(samples, "outline.radius", *section.outline_range), 16)
    radius = np.where(weak, np.maximum(radius, 1.0), radius)

    opacity = np.rint(rng.uniform(samples, "box.opacity", *section.box_opacity_range) * 255)
    shade = np.rint(rng.uniform(samples, "box.shade", 0, 30))
    box_grey = np.where(bright, 0, 255) + np.where(bright, 1, -1) * shade
    behind = levels + (box_grey[:, None] - levels) * (opacity / 255)[:, None]
    too_close = pixels.contrast_ratio(light, _nearest_side(light, np.rint(behind))) < spec.fill.contrast_floor
    opacity = np.where(too_close, OPAQUE_ENOUGH, opacity)

    return StyleChoice(
        weak=weak,
        text_color=fill,
        outline_px=np.where(outlined, radius, 0.0),
        outline_color=_outline_colors(section, samples, light, _greys(outline_grey)),
        shadow_dx=1 + rng.randint(samples, "shadow.dx", section.max_shadow_offset_px),
        shadow_dy=1 + rng.randint(samples, "shadow.dy", section.max_shadow_offset_px),
        shadow_blur_px=rng.randint(samples, "shadow.soft", section.max_shadow_blur_px + 1),
        shadow_opacity=np.where(shadowed, 128 + rng.randint(samples, "shadow.opacity", 112), 0),
        box_color=_greys(box_grey),
        box_opacity=np.where(boxed, opacity, 0).astype(np.int64),
        box_padding_px=2 + rng.randint(samples, "box.pad", 6),
        opacity=_opacities(spec, samples, fill, levels, weak | boxed),
    )


def _outline_colors(
    section: Style, samples: StreamRange, light: NDArray[np.float64], contrasting: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Outline colours (n, 3): the contrasting greys (n, 3), or any colour that differs enough from the fill."""
    weights = [section.outline_colors.get(name, 0.0) for name in OUTLINE_COLORS]
    if not weights[1]:
        return contrasting
    free = np.stack([rng.randint(samples, f"outline.{channel}", 256) for channel in "rgb"], axis=1)
    distinct = pixels.contrast_ratio(light, pixels.luminance(free)) >= OUTLINE_CONTRAST
    chosen = (rng.categorical(samples, "outline.kind", weights) == OUTLINE_COLORS.index("any")) & distinct
    return np.where(chosen[:, None], free, contrasting)


def _opacities(
    spec: Spec, samples: StreamRange, fill: NDArray[np.int64], levels: NDArray[np.float64], opaque: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The opacity 0..255 of each subtitle (n,): full for `opaque` samples, and where the contrast floor needs it."""
    section = spec.style
    if not section.p_fade:
        return np.full(len(fill), 255, np.int64)
    opacity = np.rint(rng.uniform(samples, "fade.opacity", *section.fade_opacity_range) * 255)
    enough = np.ones(len(fill), np.bool_)
    for side in range(levels.shape[1]):  # against the mean, the dark and the bright side of the background
        behind = levels[:, side][:, None]
        mixed = np.rint(behind + (fill - behind) * (opacity / 255)[:, None]).astype(np.int64)
        ratio = pixels.contrast_ratio(pixels.luminance(mixed), pixels.luminance(_greys(levels[:, side])))
        enough &= ratio >= spec.fill.contrast_floor
    fades = rng.bernoulli(samples, "fade", section.p_fade) & enough & ~opaque
    return np.where(fades, opacity, 255).astype(np.int64)


def choose_hard_fill(spec: Spec, samples: StreamRange, mean: NDArray[np.float64]) -> NDArray[np.int64]:
    """Fills (n, 3), lighter or darker than the crop's mean luma (n,) by a contrast ratio that is drawn."""
    ground = pixels.luminance(_greys(mean))
    ratio = to_grid(rng.uniform(samples, "hard.contrast", *spec.hard.contrast_range), 256)
    above, below = ratio * (ground + 0.05) - 0.05, (ground + 0.05) / ratio - 0.05
    lighter = (rng.bernoulli(samples, "hard.lighter", 0.7) | (below < 0)) & (above <= 1)
    greys = pixels.luminance(_greys(np.arange(256)))
    code = np.clip(np.searchsorted(greys, np.where(lighter, above, below)), 0, 255)
    deviation = np.rint((_color_draws(samples) * 2 - 1) * palette.DEVIATION)
    return np.clip(code[:, None] + deviation, 0, 255).astype(np.int64)


def without_surroundings(style: StyleChoice, fill: NDArray[np.int64]) -> StyleChoice:
    """The style with another fill, opaque and without outline, shadow and box; all samples count as weak."""
    zero = np.zeros(len(fill), np.int64)
    return style._replace(
        weak=np.ones(len(fill), np.bool_),
        text_color=fill,
        outline_px=zero.astype(np.float64),
        shadow_opacity=zero,
        box_opacity=zero,
        opacity=zero + 255,
    )


def without_text(style: StyleChoice, shown: NDArray[np.bool_]) -> StyleChoice:
    """The style with zeros for samples without text; `shown` (n,) is True where there is text."""
    colors = ("text_color", "outline_color", "box_color")
    numbers = (name for name in style._fields if name not in colors)
    values = {name: getattr(style, name) * shown for name in numbers}  # a product keeps the type
    return StyleChoice(**values, **{name: getattr(style, name) * shown[:, None] for name in colors})


def _fill(spec: Spec, samples: StreamRange, levels: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Fills (n, 3), and which of them are below the contrast floor; a share of these is moved towards white."""
    name = rng.categorical(samples, "fill.color", [spec.fill.colors.get(name, 0.0) for name in palette.NAMES])
    fill = palette.fills(name, _color_draws(samples))
    light = pixels.luminance(fill)
    weak = pixels.contrast_ratio(light, _nearest_side(light, levels)) < spec.fill.contrast_floor
    lightened = weak if spec.fill.p_lighten == 1 else weak & rng.bernoulli(samples, "fill.lighten", spec.fill.p_lighten)
    return np.where(lightened[:, None], fill + (255 - fill) // 2, fill), weak


def _color_draws(samples: StreamRange) -> NDArray[np.float64]:
    """Draws in [0, 1) for the channels of a fill: (n, 3)."""
    return np.stack([rng.uniform(samples, f"fill.stray.{channel}") for channel in "rgb"], axis=1)


def _greys(levels: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Grey levels (n,) as colours (n, 3)."""
    return np.repeat(levels.astype(np.int64)[:, None], 3, axis=1)


def _nearest_side(light: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The luminance (n,) of the side of the background nearest to the fill: the bright side for light text."""
    grey = pixels.luminance(np.repeat(levels.astype(np.int64)[:, :, None], 3, axis=2))
    return np.where(light >= grey[:, 0], np.minimum(grey[:, 2], light), np.maximum(grey[:, 1], light))
