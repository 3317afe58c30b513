"""The compiled backend: a few large kernels, bit for bit equal to the plain one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.glyphs import FaceGlyphs
from subsynth.assets.pyramids import Level
from subsynth.core.pixels import U8
from subsynth.kernels import compositing, degradation
from subsynth.kernels import glyphs as glyph_kernels
from subsynth.planning.layout import Box, Line
from subsynth.rendering import contrast, lookup_tables
from subsynth.rendering.effects.jpeg import encode_and_decode_frame
from subsynth.rendering.params import RenderParams
from subsynth.rendering.plane import Plane
from subsynth.rendering.styles.outline import neighbour_weights

_NO_OUTLINE = np.zeros((1, 1), np.int64)
_NOTHING = np.zeros((0, 0), np.uint8)


class NumbaBackend:
    """Draws by compiled kernels."""

    def coverage(self, glyphs: FaceGlyphs, line: Line, params: RenderParams) -> U8:  # noqa: D102 - see Backend
        p = params
        result: U8 = glyph_kernels.line_coverage(
            *glyphs.arrays(line.glyphs)[:4], line.glyphs, line.x, line.y,
            p.size, p.shear, p.x, p.y, *p.embolden, p.height, p.width,
        )  # fmt: skip
        return result

    def rasterize(self, edges: NDArray[np.int64], height: int, width: int) -> U8:  # noqa: D102 - see Backend
        result: U8 = glyph_kernels.edges_coverage(edges, height, width)
        return result

    def line_coverage_in_plane(  # noqa: D102 - see Backend
        self, glyphs: FaceGlyphs, line: Line, plane: Plane, height: int, width: int
    ) -> U8:
        points, pen, _, starts, _ = glyphs.arrays(line.glyphs)
        result: U8 = glyph_kernels.line_coverage_in_plane(
            points, pen, starts, line.glyphs, line.x, line.y, *plane.plate, plane.coefficients, height, width
        )
        return result

    def ink_bounds(self, coverage: U8, area: Box) -> Box:  # noqa: D102 - see Backend
        left, top, right, bottom = glyph_kernels.ink_bounds(coverage, *area)
        return left, top, right, bottom

    def background(self, level: Level, params: RenderParams) -> U8:  # noqa: D102 - see Backend
        p = params
        planes: U8 = compositing.background(
            level.flat, level.planes.shape[2], level.planes.shape[1], p.crop_x, p.crop_y,
            p.flip, p.saturation, p.gain, p.lift, p.height, p.width,
        )  # fmt: skip
        return planes

    def compose(  # noqa: D102 - see Backend
        self, planes: U8, coverage: U8, ink: Box, params: RenderParams, touched: U8 | None
    ) -> U8:
        p = params
        (left, top, right, bottom), pad = ink, p.box_padding_px
        weights = neighbour_weights(p.outline_px) if p.outline_px else _NO_OUTLINE
        compositing.compose(
            planes, coverage, left - 2 * pad, top - pad, right + 2 * pad, bottom + pad, p.box_opacity, p.box_color,
            len(weights) // 2, weights, p.outline_color,
            p.shadow_dx, p.shadow_dy, p.shadow_blur_px, p.shadow_opacity, p.text_color,
            _NOTHING if touched is None else touched,
        )  # fmt: skip
        return planes

    def surrounding_light(self, planes: U8, coverage: U8) -> tuple[int, int]:  # noqa: D102 - see Backend
        light, count = compositing.surrounding_light(planes, coverage, contrast.weighted_light(), contrast.REACH)
        return light, count

    def degrade(self, planes: U8, params: RenderParams) -> tuple[U8, bytes]:  # noqa: D102 - see Backend
        p = params
        height, width = planes.shape[1:]
        writes = p.jpeg_quality > 0 and p.keeps_jpeg  # then the kernel returns the codec's input: BGR with its border
        image: U8 = degradation.degrade(
            planes, *lookup_tables.resample(width, height, p.resample), lookup_tables.blur_taps(p.blur_sigma),
            *lookup_tables.noise_pools(), p.noise_gain, p.noise_offset,
            lookup_tables.jpeg_steps(0 if writes else p.jpeg_quality), p.jpeg_dx, p.jpeg_dy, writes,
        )  # fmt: skip
        return encode_and_decode_frame(image, p.jpeg_quality, p.jpeg_dx, p.jpeg_dy) if writes else (image, b"")
