"""Fused: a recipe's pixels by the compiled kernels, bit for bit those of the plain functions in `render`."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from subsynth import layout
from subsynth.effects.jpeg import flags
from subsynth.effects.noise import SPREAD
from subsynth.ink import U8
from subsynth.kernels import tables
from subsynth.kernels.layers import layers
from subsynth.kernels.letters import letters
from subsynth.kernels.losses import losses
from subsynth.layout import SHEAR_GRID, SIZE_GRID, SUBPIXEL
from subsynth.materials import materials
from subsynth.recipe import Recipe
from subsynth.styles.outline import weights

_NOTHING = np.zeros((1, 1), np.int64)


def draw(recipe: Recipe) -> tuple[U8, U8]:
    """The image RGB uint8 (H, W, 3) and the coverage of the glyphs uint8 (H, W)."""
    spec, r = recipe.spec, recipe
    stock = materials(spec, r.split)
    height, width = spec.height, spec.width
    face, level = stock.face(r.font), stock.scene(r.background).levels[r.background_level]
    size, shear = round(r.font_size * SIZE_GRID), round(r.shear * SHEAR_GRID)
    x, y = round(r.x * SUBPIXEL), round(r.y * SUBPIXEL)
    across, down = round(r.embolden_x * SUBPIXEL), round(r.embolden_y * SUBPIXEL)
    line = layout.set_line(face, r.text, shear)
    ink_map = letters(
        *face.arrays(line.glyphs)[:4], line.glyphs, line.x, line.y,
        size, shear, x, y, across, down, height, width,
    )  # fmt: skip
    left, top, right, bottom = layout.pixels(layout.ink_box(line, size, (across, down)), x, y)
    reach, soft = (weights(r.outline_px).shape[0] // 2, weights(r.outline_px)) if r.outline_px else (0, _NOTHING)
    planes = layers(
        level.flat, 0, level.planes.shape[2], level.planes.shape[1], r.background_x, r.background_y,
        r.background_flip, r.grade_saturation, r.grade_gain, r.grade_lift,
        ink_map, left - 2 * r.box_pad, top - r.box_pad, right + 2 * r.box_pad, bottom + r.box_pad,
        r.box_opacity, r.box_color, reach, soft, r.outline_color,
        r.shadow_dx, r.shadow_dy, r.shadow_soft, r.shadow_opacity, r.text_color,
    )  # fmt: skip
    return _degraded(recipe, planes), ink_map


def _degraded(r: Recipe, planes: U8) -> U8:
    coded = bool(r.jpeg_quality)
    height, width = planes.shape[1:]
    dx, dy = (r.jpeg_dx, r.jpeg_dy) if coded else (0, 0)
    strength = round(r.noise_sigma * 65536 / SPREAD)
    image: Any = losses(
        planes, *tables.resample(width, height, r.resample), tables.taps(r.blur_sigma),
        *tables.grain(), strength, r.noise_place, dx, dy, coded,
    )  # fmt: skip
    if coded:
        coded_bytes = cv2.imencode(".jpg", image, flags(r.jpeg_quality))[1]
        image = cv2.imdecode(coded_bytes, cv2.IMREAD_COLOR_RGB)
        if dx or dy:
            image = np.ascontiguousarray(image[dy:, dx:])
    return image
