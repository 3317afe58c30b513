"""Plane: a rectangle of font units in perspective, and outlines that are mapped into an image with it.

The mapping is a homography (P. Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989, section 2.2.3).
Arithmetic is limited to + - * / and rounding, which are the same on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.glyphs import FaceGlyphs
from subsynth.core.coverage import coverage
from subsynth.core.pixels import U8
from subsynth.planning import layout
from subsynth.planning.layout import SUBPIXEL, Box, Line

_UNIT_SIZE = 256  # the font size, in 1/16 px, at which a font unit is 1/256 px
FARTHEST = 1 << 22  # 1/256 px; outlines in extreme perspective end there


class Plane(NamedTuple):
    """A plate and the homography that maps it into an image.

    plate: left, top, right, bottom in font units, y down; coefficients: float64 (8,), a to h in x = (a u + b v + c) /
    (g u + h v + 1), y = (d u + e v + f) / (g u + h v + 1), where u and v are 0 to 1 across and down the plate; x and y
    are px.
    """

    plate: Box
    coefficients: NDArray[np.float64]


def plane_of(plate: Box, corners: NDArray[np.float64]) -> Plane:
    """The plane of a plate whose corners are at these positions (4, 2), px, clockwise from the top left one."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners.tolist()
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    area = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area
    return Plane(
        plate,
        np.array(
            (x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h), dtype=np.float64
        ),
    )


def line_coverage_in_plane(glyphs: FaceGlyphs, line: Line, plane: Plane, height: int, width: int) -> U8:
    """The coverage uint8 (height, width) of a line that is mapped to a plane."""
    outlines = layout.edges(glyphs, line, _UNIT_SIZE, 0, 0, 0)
    ends = [map_points(plane, outlines[:, k], outlines[:, k + 1]) for k in (0, 2)]
    return coverage(np.concatenate(ends, axis=1), height, width)


def map_points(plane: Plane, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Points (n,) in font units, y down -> x and y in 1/256 px of the image: int64 (n, 2)."""
    left, top, right, bottom = plane.plate
    a, b, c, d, e, f, g, h = plane.coefficients.tolist()
    u, v = (x - left) / (right - left), (y - top) / (bottom - top)
    scale = SUBPIXEL / (g * u + h * v + 1)
    mapped = np.stack(((a * u + b * v + c) * scale, (d * u + e * v + f) * scale), axis=1)
    return np.clip(np.rint(mapped), -FARTHEST, FARTHEST).astype(np.int64)


def rectangle_edges(plane: Plane, inset: int) -> NDArray[np.int64]:
    """The edges (4, 4) of the plate, or of a smaller one within it, in 1/256 px of the image."""
    left, top, right, bottom = plane.plate
    x = np.array((left + inset, right - inset, right - inset, left + inset))
    y = np.array((top + inset, top + inset, bottom - inset, bottom - inset))
    points = map_points(plane, x, y)
    return np.concatenate((points, points[[1, 2, 3, 0]]), axis=1)
