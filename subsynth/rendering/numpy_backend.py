"""The plain backend: NumPy and OpenCV, one function per effect and style. It defines the pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.glyphs import FaceGlyphs
from subsynth.assets.pyramids import Level
from subsynth.core import pixels
from subsynth.core.coverage import coverage as rasterize
from subsynth.core.pixels import U8
from subsynth.planning import layout
from subsynth.planning.layout import Box, Line
from subsynth.rendering import contrast
from subsynth.rendering.effects.blur import blur
from subsynth.rendering.effects.grade import grade
from subsynth.rendering.effects.jpeg import encode_and_decode
from subsynth.rendering.effects.noise import noise
from subsynth.rendering.effects.resample import resample
from subsynth.rendering.ink import ink_bounds
from subsynth.rendering.params import RenderParams
from subsynth.rendering.plane import Plane, line_coverage_in_plane
from subsynth.rendering.styles.box import box
from subsynth.rendering.styles.outline import outline
from subsynth.rendering.styles.shadow import shadow

Observer = Callable[[str, U8], None]  # receives the name of a layer and its image, RGB uint8 (H, W, 3)


def ignore(_name: str, _image: U8) -> None:
    """Observe nothing."""


class NumpyBackend:
    """Draws by the plain functions. `observe` is called with every intermediate image."""

    def __init__(self, observe: Observer = ignore):
        self._observe = observe

    def coverage(self, glyphs: FaceGlyphs, line: Line, params: RenderParams) -> U8:  # noqa: D102 - see Backend
        p = params
        edges = layout.edges(glyphs, line, p.size, p.shear, p.x, p.y, p.embolden)
        return rasterize(edges, p.height, p.width)

    def rasterize(self, edges: NDArray[np.int64], height: int, width: int) -> U8:  # noqa: D102 - see Backend
        return rasterize(edges, height, width)

    def line_coverage_in_plane(  # noqa: D102 - see Backend
        self, glyphs: FaceGlyphs, line: Line, plane: Plane, height: int, width: int
    ) -> U8:
        return line_coverage_in_plane(glyphs, line, plane, height, width)

    def ink_bounds(self, coverage: U8, area: Box) -> Box:  # noqa: D102 - see Backend
        return ink_bounds(coverage, area)

    def background(self, level: Level, params: RenderParams) -> U8:  # noqa: D102 - see Backend
        p = params
        crop = level.planes[:, p.crop_y : p.crop_y + p.height, p.crop_x : p.crop_x + p.width]
        if p.flip:
            crop = crop[:, :, ::-1]
        return grade(crop, p.saturation, p.gain, p.lift)

    def compose(  # noqa: D102 - see Backend
        self, planes: U8, coverage: U8, ink: Box, params: RenderParams, touched: U8 | None
    ) -> U8:
        p = params
        touched = np.zeros_like(coverage) if touched is None else touched
        if p.box_opacity:
            left, top, right, bottom = ink
            pad = p.box_padding_px
            area = box(left - 2 * pad, top - pad, right + 2 * pad, bottom + pad, p.height, p.width)
            alpha = pixels.scale_alpha(area, p.box_opacity)
            planes = self._layer("box", pixels.blend(planes, p.box_color, alpha))
            touched |= alpha
        silhouette = outline(coverage, p.outline_px) if p.outline_px else coverage
        if p.shadow_opacity:
            alpha = pixels.scale_alpha(shadow(silhouette, p.shadow_dx, p.shadow_dy, p.shadow_blur_px), p.shadow_opacity)
            planes = self._layer("shadow", pixels.blend(planes, (0, 0, 0), alpha))
            touched |= alpha
        if p.outline_px:
            planes = self._layer("outline", pixels.blend(planes, p.outline_color, silhouette))
        touched |= np.maximum(silhouette, coverage)
        return self._layer("fill", pixels.blend(planes, p.text_color, coverage))

    def surrounding_light(self, planes: U8, coverage: U8) -> tuple[int, int]:  # noqa: D102 - see Backend
        return contrast.surrounding_light(planes, coverage)

    def degrade(self, planes: U8, params: RenderParams) -> tuple[U8, bytes]:  # noqa: D102 - see Backend
        p, image, file = params, interleaved(planes), b""
        if p.resample:
            image = resample(image, p.resample)
            self._observe("resample", image)
        if p.blur_sigma:
            image = blur(image, p.blur_sigma)
            self._observe("blur", image)
        if p.noise_gain:
            image = noise(image, p.noise_gain, p.noise_offset)
            self._observe("noise", image)
        if p.jpeg_quality:
            image, file = encode_and_decode(image, p.jpeg_quality, p.jpeg_dx, p.jpeg_dy)
            self._observe("jpeg", image)
        return image, file if p.keeps_jpeg else b""

    def _layer(self, name: str, planes: U8) -> U8:
        if self._observe is not ignore:
            self._observe(name, interleaved(planes))
        return planes


def interleaved(planes: U8) -> U8:
    """Planes (3, H, W) as an image (H, W, 3)."""
    return np.ascontiguousarray(planes.transpose(1, 2, 0))
