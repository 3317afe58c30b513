"""Render: a recipe becomes pixels. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from subsynth.assets.assets import materials, prepare
from subsynth.core import pixels
from subsynth.core.coverage import coverage
from subsynth.core.pixels import U8
from subsynth.kernels import compilation
from subsynth.planning import layout
from subsynth.planning.layout import SHEAR_GRID, SIZE_GRID, SUBPIXEL, Bounds
from subsynth.planning.planner import plan
from subsynth.planning.recipe import Recipe
from subsynth.rendering import contrast as surround
from subsynth.rendering.effects.blur import blur
from subsynth.rendering.effects.grade import grade
from subsynth.rendering.effects.jpeg import coded
from subsynth.rendering.effects.noise import noise
from subsynth.rendering.effects.resample import resample
from subsynth.rendering.styles.box import box
from subsynth.rendering.styles.outline import outline
from subsynth.rendering.styles.shadow import shadow
from subsynth.spec.spec import Spec

BATCH = 256  # samples that `pairs` plans at a time


@dataclass(frozen=True)
class Pair:
    """One sample: image RGB uint8 (H, W, 3); ground_truth uint8 (H, W), text 0 and background 255.

    contrast is that of the line against what surrounds it before degradation (`surround`), 1 to 21.
    jpeg is the file that the image was decoded from, if the recipe ends with a codec, else empty. Where
    (jpeg_dx, jpeg_dy) is not (0, 0), it shows that much more at the left and the top.
    """

    image: U8
    ground_truth: U8
    recipe: Recipe
    contrast: float
    jpeg: bytes = b""


Keep = Callable[[str, U8], None]


def render(recipe: Recipe) -> Pair:
    """Make the pixels of a recipe."""
    if compilation.enabled():
        from subsynth.rendering import numba_backend  # noqa: PLC0415 - imports numba

        image, file, ink_map, contrast = numba_backend.draw(recipe)
        return Pair(image, pixels.ground_truth(ink_map), recipe, contrast, file)
    return plainly(recipe)


def plainly(recipe: Recipe) -> Pair:
    """Make the pixels of a recipe without compiled kernels: the same bits, and the definition of them."""
    ink_map, bounds = letters(recipe)
    planes = _compose(recipe, ink_map, bounds, _forget)
    contrast = surround.contrast(recipe.text_color, *surround.around(planes, ink_map))
    image, file = _degrade(recipe, _interleave(planes), _forget)
    return Pair(image, pixels.ground_truth(ink_map), recipe, contrast, file)


def pairs(spec: Spec, split: str, start: int = 0, stop: int | None = None) -> Iterator[Pair]:
    """Render the samples start..stop-1 of a split in order; `stop` is the split's size where it is not given.

    A long range is prepared for first, as `subsynth prepare` does.
    """
    end = spec.size(split) if stop is None else stop
    prepare(spec, end - start)
    for first in range(start, end, BATCH):
        for recipe in plan(spec, split, first, min(first + BATCH, end)):
            yield render(recipe)


def layers(recipe: Recipe) -> list[tuple[str, U8]]:
    """The steps of one sample in order, named: RGB uint8 (H, W, 3) each, the ground truth last."""
    found: list[tuple[str, U8]] = []
    ink_map, bounds = letters(recipe)
    planes = _compose(recipe, ink_map, bounds, lambda name, p: found.append((name, _interleave(p))))
    _degrade(recipe, _interleave(planes), lambda name, image: found.append((name, image)))
    for name, plane in (("coverage", ink_map), ("ground truth", pixels.ground_truth(ink_map))):
        found.append((name, np.repeat(plane[:, :, None], 3, axis=2)))
    return found


def letters(recipe: Recipe) -> tuple[U8, Bounds]:
    """The coverage of the glyphs uint8 (H, W), and the box of their ink: left, top, right, bottom in px."""
    spec = recipe.spec
    face = materials(spec, recipe.split).face(recipe.font)
    size, shear = round(recipe.font_size_px * SIZE_GRID), round(recipe.shear * SHEAR_GRID)
    x, y = round(recipe.x * SUBPIXEL), round(recipe.y * SUBPIXEL)
    line = layout.set_line(face, recipe.text, shear)
    embolden = (round(recipe.embolden_x_px * SUBPIXEL), round(recipe.embolden_y_px * SUBPIXEL))
    edges = layout.edges(face, line, size, shear, x, y, embolden)
    bounds = layout.pixels(layout.ink_box(line, size, embolden), x, y)
    return coverage(edges, spec.height, spec.width), bounds


def _forget(_name: str, _image: U8) -> None:
    """Keep nothing."""


def _interleave(planes: U8) -> U8:
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _compose(recipe: Recipe, ink_map: U8, bounds: Bounds, keep: Keep) -> U8:
    """Background, box, shadow, outline, fill, in this order -> planes uint8 (3, H, W)."""
    planes = _background(recipe)
    keep("background", planes)
    if recipe.box_opacity:
        left, top, right, bottom = bounds
        pad, (height, width) = recipe.box_padding_px, ink_map.shape
        area = box(left - 2 * pad, top - pad, right + 2 * pad, bottom + pad, height, width)
        planes = pixels.blend(planes, recipe.box_color, pixels.scale_alpha(area, recipe.box_opacity))
        keep("box", planes)
    rim = outline(ink_map, recipe.outline_px) if recipe.outline_px else ink_map
    if recipe.shadow_opacity:
        cast = shadow(rim, recipe.shadow_dx, recipe.shadow_dy, recipe.shadow_blur_px)
        planes = pixels.blend(planes, (0, 0, 0), pixels.scale_alpha(cast, recipe.shadow_opacity))
        keep("shadow", planes)
    if recipe.outline_px:
        planes = pixels.blend(planes, recipe.outline_color, rim)
        keep("outline", planes)
    planes = pixels.blend(planes, recipe.text_color, ink_map)
    keep("fill", planes)
    return planes


def _background(recipe: Recipe) -> U8:
    """The graded crop: planes uint8 (3, H, W)."""
    spec = recipe.spec
    level = materials(spec, recipe.split).scene(recipe.background).levels[recipe.background_level]
    x, y = recipe.background_x, recipe.background_y
    crop = level.planes[:, y : y + spec.height, x : x + spec.width]
    if recipe.background_flip:
        crop = crop[:, :, ::-1]
    return grade(crop, recipe.grade_saturation, recipe.grade_gain, recipe.grade_lift)


def _degrade(recipe: Recipe, image: U8, keep: Keep) -> tuple[U8, bytes]:
    """Loss of resolution, blur, noise, codec, in this order -> RGB uint8 (H, W, 3), and the codec's file."""
    file = b""
    if recipe.resample:
        image = resample(image, recipe.resample)
        keep("resample", image)
    if recipe.blur_sigma:
        image = blur(image, recipe.blur_sigma)
        keep("blur", image)
    if recipe.noise_sigma:
        image = noise(image, recipe.noise_sigma, recipe.noise_offset)
        keep("noise", image)
    if recipe.jpeg_quality:
        image, file = coded(image, recipe.jpeg_quality, recipe.jpeg_dx, recipe.jpeg_dy)
        keep("jpeg", image)
    return image, file
