"""Scene text: distractors, drawn into the background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.assets import Assets
from subsynth.core import pixels
from subsynth.core.pixels import U8
from subsynth.planning import layout
from subsynth.planning.distractor import CORNER_GRID, Distractor
from subsynth.planning.layout import SUBPIXEL
from subsynth.rendering.backend import Backend
from subsynth.rendering.styles.shadow import shadow

_UNIT_SIZE = 256  # the font size, in 1/16 px, at which a font unit is 1/256 px
_FARTHEST = 1 << 22  # 1/256 px; outlines in extreme perspective are cut off there


def draw_distractor(planes: U8, distractor: Distractor, assets: Assets, backend: Backend) -> None:
    """Draw a distractor over planes uint8 (3, H, W), in place.

    The plate is the rectangle around the text's ink in font units. Its corners, and the outlines of the glyphs with
    them, are mapped to the corners of the distractor by a homography (P. Heckbert, Fundamentals of Texture Mapping and
    Image Warping, 1989, section 2.2.3). Arithmetic is limited to + - * /, which is the same on every machine.
    """
    glyphs = assets.face(distractor.font)
    line = layout.set_line(glyphs, distractor.text, 0)
    left, bottom, right, top = line.box
    padding, frame = (max(1, (top - bottom) * part // 100) for part in (distractor.padding, distractor.frame))
    outwards = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    ink = np.array([(left, -top), (right, -top), (right, -bottom), (left, -bottom)], np.int64)
    plate = ink + padding * outwards
    framed = distractor.frame and distractor.plate_opacity
    area = _bounds(distractor, planes.shape[2], planes.shape[1])
    x0, y0, x1, y1 = area
    if x0 >= x1 or y0 >= y1:
        return
    corners = np.array(distractor.corners, np.float64).reshape(4, 2) / CORNER_GRID - (x0, y0)
    outlines = layout.edges(glyphs, line, _UNIT_SIZE, 0, 0, 0)
    part = planes[:, y0:y1, x0:x1]
    for shape, color, opacity in (
        (_polygon(plate), distractor.color, distractor.opacity * bool(framed)),
        (_polygon(plate - frame * outwards * bool(framed)), distractor.plate_color, distractor.plate_opacity),
        (outlines, distractor.color, distractor.opacity),
    ):
        if opacity and len(shape):
            alpha = backend.rasterize(_mapped(shape, plate, corners), y1 - y0, x1 - x0)
            for _ in range(2 * bool(distractor.blur_px)):  # twice: close to a Gaussian
                alpha = shadow(alpha, 0, 0, distractor.blur_px)
            part[:] = pixels.blend(part, color, pixels.scale_alpha(alpha, opacity))


def _polygon(corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """The edges (n, 4) of a polygon with these corners (n, 2)."""
    return np.concatenate((corners, np.roll(corners, -1, axis=0)), axis=1)


def _bounds(distractor: Distractor, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of the image that a distractor may change: left, top, right, bottom in px."""
    reach = 2 * distractor.blur_px + 1
    xs, ys = distractor.corners[::2], distractor.corners[1::2]
    return (
        max(0, min(xs) // CORNER_GRID - reach),
        max(0, min(ys) // CORNER_GRID - reach),
        min(width, -(-max(xs) // CORNER_GRID) + reach),
        min(height, -(-max(ys) // CORNER_GRID) + reach),
    )


def _mapped(edges: NDArray[np.int64], plate: NDArray[np.int64], corners: NDArray[np.float64]) -> NDArray[np.int64]:
    """Edges (n, 4) in the coordinates of a plate -> the same in 1/256 px, for the plate's corners (4, 2) in px."""
    (left, top), (right, bottom) = plate[0].tolist(), plate[2].tolist()
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners.tolist()
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    area = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area
    mapped = []
    for k in (0, 2):  # the first and the second end of each edge
        u = (edges[:, k] - left) / (right - left)
        v = (edges[:, k + 1] - top) / (bottom - top)
        scale = SUBPIXEL / (g * u + h * v + 1)
        mapped.append(((x1 - x0 + g * x1) * u + (x3 - x0 + h * x3) * v + x0) * scale)
        mapped.append(((y1 - y0 + g * y1) * u + (y3 - y0 + h * y3) * v + y0) * scale)
    return np.clip(np.rint(np.stack(mapped, axis=1)), -_FARTHEST, _FARTHEST).astype(np.int64)
