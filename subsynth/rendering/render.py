"""Render: turns a recipe into pixels. This module decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from subsynth.assets.assets import Assets, shared_assets
from subsynth.assets.glyphs import FaceGlyphs
from subsynth.assets.preparation import prepare
from subsynth.assets.pyramids import Level
from subsynth.core import pixels
from subsynth.core.errors import SpecError
from subsynth.core.pixels import U8
from subsynth.planning import layout
from subsynth.planning.layout import Box, Line
from subsynth.planning.planner import plan_recipes
from subsynth.planning.recipe import Recipe
from subsynth.rendering import boxes, contrast
from subsynth.rendering.backend import Backend, select_backend
from subsynth.rendering.numpy_backend import NumpyBackend, Observer, ignore, interleaved
from subsynth.rendering.params import RenderParams
from subsynth.rendering.scene_text import draw_distractor
from subsynth.spec.spec import Spec

BATCH = 256  # samples that `pairs` plans at a time
BOX_COLOR = (255, 0, 80)  # of the boxes that `layers` draws


class _Text(NamedTuple):
    """The text of a sample: its face, lines, ink (left, top, right, bottom, px) and coverage; without text, no face."""

    glyphs: FaceGlyphs | None
    lines: tuple[Line, ...]
    ink: Box
    coverage: U8


@dataclass(frozen=True)
class Pair:
    """One sample: an image, its ground truth, and the recipe that they were drawn from.

    Boxes are left, top, right, bottom in px, right and bottom exclusive. Labels that the spec does not ask for are None
    or empty.
    """

    image: U8  #: RGB uint8 (H, W, 3)
    ground_truth: U8  #: uint8 (H, W): text 0, background 255
    recipe: Recipe  #: every decision about the sample
    #: Luminance ratio, 1 to 21, between the fill and its surroundings, before degradation; 1 without text.
    contrast: float
    #: The JPEG file that the image was decoded from, if the spec's image_format is jpeg and the recipe ends with JPEG
    #: compression, else empty. The file shows jpeg_dx more columns at the left and jpeg_dy more rows at the top.
    jpeg: bytes = b""
    erase_mask: U8 | None = None  #: uint8 (H, W): 0 where fill, outline, shadow or box are, 255 elsewhere
    coverage: U8 | None = None  #: uint8 (H, W): how much of each pixel the fill covers, 255 is all of it
    line_boxes: tuple[Box, ...] = ()  #: the ink of each line
    char_boxes: tuple[Box, ...] = ()  #: the ink of each character, in reading order


class Renderer:
    """Draws the recipes of one split from its open assets. `observe` is called with images before degradation."""

    def __init__(self, assets: Assets, backend: Backend | None = None, observe: Observer = ignore):
        self.assets = assets
        self.backend = backend or select_backend()
        self._observe = observe

    def render(self, recipe: Recipe) -> Pair:
        """The pixels of a recipe.

        Raises SpecError if its font or its background is not among the assets, or its crop is not within the picture.
        """
        params, labels = RenderParams.decode(recipe), recipe.spec.labels
        background = self._background(recipe, params)
        text = self._text(recipe, params)
        touched = np.zeros_like(text.coverage) if labels.erase_mask else None
        planes, ratio = self._subtitle(background, text, params, touched)
        image, file = self.backend.degrade(planes, params)
        return Pair(
            image,
            pixels.ground_truth(text.coverage),
            recipe,
            ratio,
            file,
            None if touched is None else pixels.erase_mask(touched),
            text.coverage if labels.coverage else None,
            boxes.line_boxes(self.backend, text.glyphs, text.lines, text.coverage, params)
            if labels.line_boxes and text.glyphs
            else (),
            boxes.char_boxes(self.backend, text.glyphs, recipe.text, text.lines, params)
            if labels.char_boxes and text.glyphs
            else (),
        )

    def coverage(self, recipe: Recipe) -> U8:
        """The coverage of a recipe's glyphs, uint8 (H, W), 255 on text.

        The ground truth is computed from the coverage alone.
        """
        return self._text(recipe, RenderParams.decode(recipe)).coverage

    def _text(self, recipe: Recipe, params: RenderParams) -> _Text:
        """The lines of a recipe, and their coverage."""
        if not recipe.text:
            return _Text(None, (), (0, 0, 0, 0), np.zeros((params.height, params.width), np.uint8))
        glyphs = self.assets.face(recipe.font)
        lines = layout.set_lines(glyphs, recipe.text, params.shear, params.line_dx, params.line_dy)
        joined = layout.join_lines(lines)
        ink = layout.pixel_bounds(layout.ink_box(joined, params.size, params.embolden), params.x, params.y)
        return _Text(glyphs, lines, ink, self.backend.coverage(glyphs, joined, params))

    def _background(self, recipe: Recipe, params: RenderParams) -> U8:
        """The graded crop with the recipe's distractors: planes uint8 (3, H, W)."""
        planes = self.backend.background(self._level(recipe), params)
        self._show("background", planes)
        for distractor in recipe.distractors:
            draw_distractor(planes, distractor, self.assets, self.backend)
        if recipe.distractors:
            self._show("distractors", planes)
        return planes

    def _subtitle(self, planes: U8, text: _Text, params: RenderParams, touched: U8 | None) -> tuple[U8, float]:
        """The subtitle over planes, which may be overwritten, and the contrast of its fill."""
        if text.glyphs is None:
            return planes, 1.0
        opaque, color = params.opacity == 255, params.text_color
        below = planes if opaque else planes.copy()
        planes = self.backend.compose(planes, text.coverage, text.ink, params, touched)
        if not opaque:
            planes = pixels.mix(below, planes, params.opacity)
            self._show("fade", planes)
            color = contrast.mean_color(planes, text.coverage)
        return planes, contrast.contrast_ratio(color, *self.backend.surrounding_light(planes, text.coverage))

    def _show(self, name: str, planes: U8) -> None:
        if self._observe is not ignore:
            self._observe(name, interleaved(planes))

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
        """The steps of one sample in order, named, RGB uint8 (H, W, 3) each; ending with its labels."""
        steps: list[tuple[str, U8]] = []

        def observe(name: str, image: U8) -> None:
            steps.append((name, image))

        plain = Renderer(self.assets, NumpyBackend(observe), observe)
        pair = plain.render(recipe)
        for name, label_boxes in (("line boxes", pair.line_boxes), ("character boxes", pair.char_boxes)):
            if label_boxes:
                steps.append((name, _with_boxes(pair.image, label_boxes)))
        masks = {"erase mask": pair.erase_mask, "coverage": plain.coverage(recipe), "ground truth": pair.ground_truth}
        for name, plane in masks.items():
            if plane is not None:
                steps.append((name, np.repeat(plane[:, :, None], 3, axis=2)))
        return steps


def _with_boxes(image: U8, label_boxes: tuple[Box, ...]) -> U8:
    """An image with the outlines of boxes."""
    marked = image.copy()
    for left, top, right, bottom in label_boxes:
        marked[top:bottom, [left, right - 1]] = BOX_COLOR
        marked[[top, bottom - 1], left:right] = BOX_COLOR
    return marked


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
