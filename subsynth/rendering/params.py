"""Render parameters: a recipe's numbers as the integers that both backends draw with, decoded once."""

from __future__ import annotations

from dataclasses import dataclass

from subsynth.assets.glyph_outlines import EM
from subsynth.core.pixels import Color
from subsynth.planning.layout import SHEAR_GRID, SIZE_GRID, SUBPIXEL
from subsynth.planning.recipe import Recipe

NOISE_DEVIATION = 209  # standard deviation of the noise pool, i.e. of the sum of eight uniform bytes


@dataclass(frozen=True, slots=True)
class RenderParams:
    """What a backend needs from a recipe in addition to its face, line and background level.

    size is in 1/16 px per em, shear in 1/1024, x, y and embolden in 1/256 px; noise_gain is the factor of the noise
    pool in 1/65536, line_dx and line_dy in 1/4096 em; everything else is as in Recipe.
    """

    height: int
    width: int
    size: int
    shear: int
    x: int
    y: int
    embolden: tuple[int, int]
    text_color: Color
    outline_px: float
    outline_color: Color
    shadow_dx: int
    shadow_dy: int
    shadow_blur_px: int
    shadow_opacity: int
    box_color: Color
    box_opacity: int
    box_padding_px: int
    crop_x: int
    crop_y: int
    flip: bool
    saturation: int
    gain: Color
    lift: int
    resample: float
    blur_sigma: float
    noise_gain: int
    noise_offset: int
    jpeg_quality: int
    jpeg_dx: int
    jpeg_dy: int
    keeps_jpeg: bool  # whether the codec's file is wanted
    line_dx: int
    line_dy: int
    opacity: int

    @staticmethod
    def decode(recipe: Recipe) -> RenderParams:
        """The parameters of a recipe."""
        return RenderParams(
            recipe.spec.height,
            recipe.spec.width,
            round(recipe.font_size_px * SIZE_GRID),
            round(recipe.shear * SHEAR_GRID),
            round(recipe.x * SUBPIXEL),
            round(recipe.y * SUBPIXEL),
            (round(recipe.embolden_x_px * SUBPIXEL), round(recipe.embolden_y_px * SUBPIXEL)),
            recipe.text_color,
            recipe.outline_px,
            recipe.outline_color,
            recipe.shadow_dx,
            recipe.shadow_dy,
            recipe.shadow_blur_px,
            recipe.shadow_opacity,
            recipe.box_color,
            recipe.box_opacity,
            recipe.box_padding_px,
            recipe.background_x,
            recipe.background_y,
            recipe.background_flip,
            recipe.grade_saturation,
            recipe.grade_gain,
            recipe.grade_lift,
            recipe.resample,
            recipe.blur_sigma,
            round(recipe.noise_sigma * 65536 / NOISE_DEVIATION),
            recipe.noise_offset,
            recipe.jpeg_quality,
            recipe.jpeg_dx,
            recipe.jpeg_dy,
            recipe.spec.image_format == "jpeg",
            round(recipe.line_dx_em * EM),
            round(recipe.line_dy_em * EM),
            recipe.opacity,
        )
