"""Fused: a recipe's pixels by the compiled kernels, bit for bit those of the plain functions in `render`."""

from __future__ import annotations

import numpy as np

from subsynth.assets.assets import materials
from subsynth.core.pixels import U8
from subsynth.kernels.compositing import around, layers
from subsynth.kernels.degradation import losses
from subsynth.kernels.glyphs import letters
from subsynth.planning import layout
from subsynth.planning.layout import SHEAR_GRID, SIZE_GRID, SUBPIXEL, Bounds
from subsynth.planning.recipe import Recipe
from subsynth.rendering import contrast as surround
from subsynth.rendering import lookup_tables
from subsynth.rendering.effects.jpeg import framed
from subsynth.rendering.effects.noise import SPREAD
from subsynth.rendering.styles.outline import weights

_NOTHING = np.zeros((1, 1), np.int64)


def draw(recipe: Recipe) -> tuple[U8, bytes, U8, float]:
    """The image RGB uint8 (H, W, 3), its JPEG file or nothing, the coverage uint8 (H, W), and the contrast."""
    ink_map, bounds = glyph_coverage(recipe)
    planes = composed(recipe, ink_map, bounds)
    contrast = surround.contrast(recipe.text_color, *around(planes, ink_map, surround.light(), surround.REACH))
    return *coded(recipe, degraded(recipe, planes)), ink_map, contrast


def glyph_coverage(r: Recipe) -> tuple[U8, Bounds]:
    """The coverage of the glyphs uint8 (H, W), and the box of their ink: left, top, right, bottom in px."""
    face = materials(r.spec, r.split).face(r.font)
    size, shear = round(r.font_size_px * SIZE_GRID), round(r.shear * SHEAR_GRID)
    x, y = round(r.x * SUBPIXEL), round(r.y * SUBPIXEL)
    across, down = round(r.embolden_x_px * SUBPIXEL), round(r.embolden_y_px * SUBPIXEL)
    line = layout.set_line(face, r.text, shear)
    ink_map: U8 = letters(
        *face.arrays(line.glyphs)[:4], line.glyphs, line.x, line.y,
        size, shear, x, y, across, down, r.spec.height, r.spec.width,
    )  # fmt: skip
    return ink_map, layout.pixels(layout.ink_box(line, size, (across, down)), x, y)


def composed(r: Recipe, ink_map: U8, bounds: Bounds) -> U8:
    """Background, box, shadow, outline, fill: planes uint8 (3, H, W)."""
    level = materials(r.spec, r.split).scene(r.background).levels[r.background_level]
    (left, top, right, bottom), pad = bounds, r.box_padding_px
    rim = weights(r.outline_px) if r.outline_px else _NOTHING
    planes: U8 = layers(
        level.flat, 0, level.planes.shape[2], level.planes.shape[1], r.background_x, r.background_y,
        r.background_flip, r.grade_saturation, r.grade_gain, r.grade_lift,
        ink_map, left - 2 * pad, top - pad, right + 2 * pad, bottom + pad, r.box_opacity, r.box_color,
        len(rim) // 2, rim, r.outline_color,
        r.shadow_dx, r.shadow_dy, r.shadow_blur_px, r.shadow_opacity, r.text_color,
    )  # fmt: skip
    return planes


def degraded(r: Recipe, planes: U8) -> U8:
    """Loss of resolution, blur, noise; overwrites planes. RGB uint8 (H, W, 3), or what `coded` wants."""
    later = bool(r.jpeg_quality)
    height, width = planes.shape[1:]
    image: U8 = losses(
        planes, *lookup_tables.resample(width, height, r.resample), lookup_tables.taps(r.blur_sigma),
        *lookup_tables.grain(), round(r.noise_sigma * 65536 / SPREAD), r.noise_offset,
        r.jpeg_dx if later else 0, r.jpeg_dy if later else 0, later,
    )  # fmt: skip
    return image


def coded(r: Recipe, image: U8) -> tuple[U8, bytes]:
    """What `degraded` gives, through the codec if the recipe has one -> RGB uint8 (H, W, 3), and its file or nothing."""
    return framed(image, r.jpeg_quality, r.jpeg_dx, r.jpeg_dy) if r.jpeg_quality else (image, b"")
