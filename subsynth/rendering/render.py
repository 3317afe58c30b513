"""Render: turns a recipe into pixels. This module decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from subsynth.assets.assets import Assets, shared_assets
from subsynth.assets.preparation import prepare
from subsynth.assets.pyramids import Level
from subsynth.core import pixels
from subsynth.core.errors import SpecError
from subsynth.core.pixels import U8
from subsynth.planning import layout
from subsynth.planning.layout import Box
from subsynth.planning.planner import plan_recipes
from subsynth.planning.recipe import Recipe
from subsynth.rendering import contrast
from subsynth.rendering.backend import Backend, select_backend
from subsynth.rendering.numpy_backend import NumpyBackend
from subsynth.rendering.params import RenderParams
from subsynth.spec.spec import Spec

BATCH = 256  # samples that `pairs` plans at a time


@dataclass(frozen=True)
class Pair:
    """One sample: an image, its ground truth, and the recipe that they were drawn from."""

    image: U8  #: RGB uint8 (H, W, 3)
    ground_truth: U8  #: uint8 (H, W): text 0, background 255
    recipe: Recipe  #: every decision about the sample
    contrast: float  #: luminance ratio, 1 to 21, between the fill and its surroundings, before degradation
    #: The JPEG file that the image was decoded from, if the recipe ends with JPEG compression, else empty. The file
    #: shows jpeg_dx more columns at the left and jpeg_dy more rows at the top.
    jpeg: bytes = b""


class Renderer:
    """Draws the recipes of one split from its open assets."""

    def __init__(self, assets: Assets, backend: Backend | None = None):
        self.assets = assets
        self.backend = backend or select_backend()

    def render(self, recipe: Recipe) -> Pair:
        """The pixels of a recipe.

        Raises SpecError if its font or its background is not among the assets, or its crop is not within the picture.
        """
        params = RenderParams.decode(recipe)
        coverage, ink = self.coverage(recipe, params)
        level = self._level(recipe)
        planes = self.backend.compose(level, coverage, ink, params)
        ratio = contrast.contrast_ratio(params.text_color, *self.backend.surrounding_light(planes, coverage))
        image, file = self.backend.degrade(planes, params)
        return Pair(image, pixels.ground_truth(coverage), recipe, ratio, file)

    def coverage(self, recipe: Recipe, params: RenderParams | None = None) -> tuple[U8, Box]:
        """The coverage of a recipe's glyphs, uint8 (H, W), 255 on text, and the pixel bounds of its ink.

        The ground truth is computed from the coverage alone.
        """
        params = params or RenderParams.decode(recipe)
        glyphs = self.assets.face(recipe.font)
        line = layout.set_line(glyphs, recipe.text, params.shear)
        ink = layout.pixel_bounds(layout.ink_box(line, params.size, params.embolden), params.x, params.y)
        return self.backend.coverage(glyphs, line, params), ink

    def _level(self, recipe: Recipe) -> Level:
        """The level that the background is cropped from."""
        levels = self.assets.scene(recipe.background).levels
        if not 0 <= recipe.background_level < len(levels):
            raise SpecError(
                f"background {recipe.background!r} has {len(levels)} levels, but the recipe refers to number "
                f"{recipe.background_level}"
            )
        level = levels[recipe.background_level]
        height, width = level.planes.shape[1:]
        spec, x, y = recipe.spec, recipe.background_x, recipe.background_y
        if not (0 <= x <= width - spec.width and 0 <= y <= height - spec.height):
            raise SpecError(
                f"background {recipe.background!r}, level {recipe.background_level}, has {width} x {height} px: a crop "
                f"at ({x}, {y}) is not within it"
            )
        return level

    def layers(self, recipe: Recipe) -> list[tuple[str, U8]]:
        """The steps of one sample in order, named, RGB uint8 (H, W, 3) each; ending with coverage and ground truth."""
        steps: list[tuple[str, U8]] = []
        plain = Renderer(self.assets, NumpyBackend(lambda name, image: steps.append((name, image))))
        coverage, _ = plain.coverage(recipe)
        plain.render(recipe)
        for name, plane in (("coverage", coverage), ("ground truth", pixels.ground_truth(coverage))):
            steps.append((name, np.repeat(plane[:, :, None], 3, axis=2)))
        return steps


def render(recipe: Recipe) -> Pair:
    """The pixels of a recipe. Opens the assets of its spec and split once per process."""
    return Renderer(shared_assets(recipe.spec, recipe.split)).render(recipe)


def pairs(spec: Spec, split: str, start: int = 0, stop: int | None = None) -> Iterator[Pair]:
    """Render the samples from `start` to `stop` (exclusive) of a split, in order; `stop` defaults to the split's size.

    For a long range, the cache is filled first, as by `subsynth prepare`.
    """
    end = spec.size(split) if stop is None else stop
    prepare(spec, end - start)
    renderer = Renderer(shared_assets(spec, split))
    for first in range(start, end, BATCH):
        for recipe in plan_recipes(renderer.assets, first, min(first + BATCH, end)):
            yield renderer.render(recipe)
