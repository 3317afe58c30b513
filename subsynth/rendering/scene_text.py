"""Scene text: distractors, drawn into the background. A plate around the ink is mapped to the distractor's corners."""

from __future__ import annotations

import numpy as np

from subsynth.assets.assets import Assets
from subsynth.core import pixels
from subsynth.core.pixels import U8
from subsynth.planning import layout
from subsynth.planning.distractor import CORNER_GRID, OUTLINE_GRID, Distractor
from subsynth.planning.layout import Box, Line
from subsynth.rendering.backend import Backend
from subsynth.rendering.plane import plane_of, rectangle_edges
from subsynth.rendering.styles.outline import outline
from subsynth.rendering.styles.shadow import shadow


def draw_distractor(planes: U8, distractor: Distractor, assets: Assets, backend: Backend) -> None:
    """Draw a distractor over planes uint8 (3, H, W), in place."""
    glyphs = assets.face(distractor.font)
    line = layout.set_line(glyphs, distractor.text, 0)
    x0, y0, x1, y1 = _bounds(distractor, planes.shape[2], planes.shape[1])
    if x0 >= x1 or y0 >= y1:
        return
    height, width, part = y1 - y0, x1 - x0, planes[:, y0:y1, x0:x1]
    plate, frame = _plate(line, distractor)
    plane = plane_of(plate, np.array(distractor.corners).reshape(4, 2) / CORNER_GRID - (x0, y0))
    if distractor.plate_opacity:
        colors = [(distractor.plate_color, distractor.plate_opacity)]
        if frame:
            colors.insert(0, (distractor.color, distractor.opacity))
        for inset, (color, opacity) in zip((0, frame), colors, strict=False):
            alpha = backend.rasterize(rectangle_edges(plane, inset), height, width)
            _blend(part, alpha, distractor.blur_px, color, opacity)
    alpha = backend.line_coverage_in_plane(glyphs, line, plane, height, width)
    if distractor.outline:  # beside the text, which stays translucent
        around = outline(alpha, distractor.outline / OUTLINE_GRID) - alpha
        _blend(part, around, distractor.blur_px, distractor.plate_color, distractor.opacity)
    _blend(part, alpha, distractor.blur_px, distractor.color, distractor.opacity)


def _blend(part: U8, alpha: U8, blur_px: int, color: pixels.Color, opacity: int) -> None:
    """Blend a colour over a part of the image, through an alpha that is blurred first."""
    for _ in range(2 * bool(blur_px)):  # twice: close to a Gaussian
        alpha = shadow(alpha, 0, 0, blur_px)
    part[:] = pixels.blend(part, color, pixels.scale_alpha(alpha, opacity))


def _plate(line: Line, distractor: Distractor) -> tuple[Box, int]:
    """The plate around a line's ink, in font units, y down; and the width of its frame."""
    left, bottom, right, top = line.box
    padding, frame = (max(1, (top - bottom) * part // 100) for part in (distractor.padding, distractor.frame))
    return (left - padding, -top - padding, right + padding, -bottom + padding), frame if distractor.frame else 0


def _bounds(distractor: Distractor, width: int, height: int) -> Box:
    """The part of the image that a distractor may change: left, top, right, bottom in px."""
    reach = 2 * distractor.blur_px + 1 + -(-distractor.outline // OUTLINE_GRID)
    xs, ys = distractor.corners[::2], distractor.corners[1::2]
    return (
        max(0, min(xs) // CORNER_GRID - reach),
        max(0, min(ys) // CORNER_GRID - reach),
        min(width, -(-max(xs) // CORNER_GRID) + reach),
        min(height, -(-max(ys) // CORNER_GRID) + reach),
    )
