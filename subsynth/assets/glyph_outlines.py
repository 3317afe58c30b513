"""Glyph outlines: extracted from a font by HarfBuzz and flattened to polylines, with normals for emboldening.

All lengths are in units of 1/4096 em (`EM`), y upwards from the baseline, regardless of the font's own units.
Outlines are unhinted; curves are flattened to within `TOLERANCE` units, which is 0.02 px at the largest size of the
default presets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

EM = 4096
TOLERANCE = 2.5
MAX_REACH = int(np.iinfo(np.int16).max)  # 8 em


class GlyphArrays(NamedTuple):
    """The outlines of the glyphs of a face.

    points: int16 (N, 2), polylines of all glyphs; pen: bool (N,), True where a line connects the previous point to this
    one; normals: int8 (N, 2), the displacement of a point, in 1/64 unit, when the outline grows by one unit;
    starts: int32 (G + 1,), the points of glyph g are starts[g]:starts[g + 1];
    boxes: int16 (G, 4), xmin ymin xmax ymax of the ink, all zero for a blank glyph.
    """

    points: NDArray[np.int16]
    pen: NDArray[np.bool_]
    normals: NDArray[np.int8]
    starts: NDArray[np.int32]
    boxes: NDArray[np.int16]


class _Pen:
    """Collects the segments that HarfBuzz draws as cubics: x0 y0 x1 y1 x2 y2 x3 y3, and 1 where a contour starts."""

    def __init__(self) -> None:
        self.cubics: list[tuple[float, ...]] = []
        self.at = self.start = (0.0, 0.0)
        self.new_contour = 1.0

    def move_to(self, x: float, y: float, _: Any = None) -> None:
        self.at = self.start = (x, y)
        self.new_contour = 1.0

    def line_to(self, x: float, y: float, _: Any = None) -> None:
        self.cubic_to(*self.at, x, y, x, y)

    def quadratic_to(self, cx: float, cy: float, x: float, y: float, _: Any = None) -> None:
        x0, y0 = self.at
        first = x0 + (cx - x0) * 2 / 3, y0 + (cy - y0) * 2 / 3
        self.cubic_to(*first, x + (cx - x) * 2 / 3, y + (cy - y) * 2 / 3, x, y)

    def cubic_to(self, x1: float, y1: float, x2: float, y2: float, x: float, y: float, _: Any = None) -> None:
        self.cubics.append((*self.at, x1, y1, x2, y2, x, y, self.new_contour))
        self.at, self.new_contour = (x, y), 0.0

    def close(self, _: Any = None) -> None:
        if self.at != self.start:
            self.line_to(*self.start)

    def functions(self) -> Any:
        """The callbacks in the form that HarfBuzz expects."""
        functions = hb.DrawFuncs()
        functions.set_move_to_func(self.move_to)
        functions.set_line_to_func(self.line_to)
        functions.set_quadratic_to_func(self.quadratic_to)
        functions.set_cubic_to_func(self.cubic_to)
        functions.set_close_path_func(self.close)
        return functions


def extract_glyphs(font: Any, glyphs: Iterable[int]) -> GlyphArrays:
    """Extract and flatten the outlines of the given glyphs (in ascending order); all others are left blank.

    A glyph that reaches further than MAX_REACH units from the origin is left blank too, as it would fit no line.
    """
    count = font.face.glyph_count
    cubics, first_cubic = _extract_cubics(font, glyphs, count)
    points, pen, owner = _flatten(cubics)
    moved = np.concatenate(([True], (points[1:] != points[:-1]).any(axis=1)))[: len(points)] | ~pen
    points, pen, owner = points[moved], pen[moved], owner[moved]
    # The cubics of glyph g are first_cubic[g]:first_cubic[g + 1]; `owner` is the cubic that produced a point.
    starts = np.searchsorted(owner, first_cubic).astype(np.int32)
    normals = _normals(points, pen, starts)
    packed = points.astype(np.int16)
    return GlyphArrays(packed, pen, normals, starts, _boxes(packed, starts))


def merge_glyphs(one: GlyphArrays, other: GlyphArrays) -> GlyphArrays:
    """The glyphs of both arguments; each glyph must be blank in at least one of them."""
    counts = np.diff(one.starts) + np.diff(other.starts)
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    total = int(starts[-1])
    merged = GlyphArrays(
        np.empty((total, 2), np.int16), np.empty(total, np.bool_), np.empty((total, 2), np.int8), starts,
        np.where(one.boxes.any(axis=1, keepdims=True), one.boxes, other.boxes),
    )  # fmt: skip
    for part in (one, other):
        lengths = np.diff(part.starts)
        target = np.repeat(starts[:-1] - part.starts[:-1], lengths) + np.arange(len(part.points))
        merged.points[target], merged.pen[target], merged.normals[target] = part.points, part.pen, part.normals
    return merged


def _extract_cubics(font: Any, glyphs: Iterable[int], count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Outlines as cubics (M, 9), see _Pen, and the first cubic of each glyph (G + 1,); oversized glyphs are blank."""
    pen = _Pen()
    functions = pen.functions()
    first = np.zeros(count + 1, np.int64)
    for glyph in glyphs:
        before = len(pen.cubics)
        font.draw_glyph(glyph, functions, None)
        first[glyph + 1] = len(pen.cubics) - before
    cubics = np.array(pen.cubics, dtype=np.float64).reshape(-1, 9)
    too_far = (np.abs(cubics[:, :8]) > MAX_REACH).any(axis=1)
    if too_far.any():
        owner = np.repeat(np.arange(count), first[1:])
        left_out = np.unique(owner[too_far])
        cubics = cubics[~np.isin(owner, left_out)]
        first[left_out + 1] = 0
    np.cumsum(first, out=first)
    return cubics, first


def _boxes(points: NDArray[np.int16], starts: NDArray[np.int32]) -> NDArray[np.int16]:
    """The ink box of each glyph: int16 (G, 4)."""
    boxes = np.zeros((len(starts) - 1, 4), np.int16)
    inked = np.flatnonzero(starts[1:] > starts[:-1])
    if len(inked):
        boxes[inked, :2] = np.minimum.reduceat(points, starts[inked])
        boxes[inked, 2:] = np.maximum.reduceat(points, starts[inked])
    return boxes


def _flatten(
    cubics: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int64]]:
    """Cubics (M, 9) -> points (N, 2), pen (N,), owner (N,): the cubic that each point came from.

    A cubic divided into n equal steps deviates from its chords by at most 0.75 * d / n**2, where d is the larger of its
    two second differences.
    """
    p0, p1, p2, p3 = (cubics[:, i : i + 2] for i in (0, 2, 4, 6))
    bend = np.maximum(np.abs(p0 - 2 * p1 + p2).sum(axis=1), np.abs(p1 - 2 * p2 + p3).sum(axis=1))
    straight = (p1 == p0).all(axis=1) & (p2 == p3).all(axis=1)
    steps = np.where(straight, 1, np.maximum(1, np.ceil(np.sqrt(0.75 * bend / TOLERANCE)))).astype(np.int64)
    starts_contour = cubics[:, 8] == 1
    per_cubic = steps + starts_contour  # a contour's first point is added as well
    owner = np.repeat(np.arange(len(cubics)), per_cubic)
    first = np.cumsum(per_cubic) - per_cubic
    step = np.arange(len(owner)) - first[owner] + 1 - starts_contour[owner]
    t = (step / steps[owner])[:, None]
    s = 1 - t
    o = owner
    xy = s**3 * p0[o] + 3 * s**2 * t * p1[o] + 3 * s * t**2 * p2[o] + t**3 * p3[o]
    return np.rint(xy).astype(np.int32), step > 0, owner


def _normals(points: NDArray[np.int32], pen: NDArray[np.bool_], starts: NDArray[np.int32]) -> NDArray[np.int8]:
    """The displacement of each point, in 1/64 unit, when its outline grows outwards by one unit: int8 (N, 2).

    A point moves along the bisector of the two edges that meet there, by the length of a mitre, at most 1.5.
    The outward side is the one that enlarges the glyph's area, in whichever direction the font winds its contours.
    """
    if not len(points):
        return np.zeros((0, 2), np.int8)
    index = np.arange(len(points))
    first = np.flatnonzero(~pen)
    last = np.append(first[1:], len(points)) - 1
    before, after = index - 1, index + 1
    # The last point of a contour repeats its first.
    before[first], after[last] = np.maximum(last - 1, first), np.minimum(first + 1, last)
    incoming, outgoing = _unit(points - points[before]), _unit(points[after] - points)
    across = np.stack((incoming[:, 1] + outgoing[:, 1], -incoming[:, 0] - outgoing[:, 0]), axis=1)
    length = 1 / np.maximum(1 + (incoming * outgoing).sum(axis=1), 2 / 9)
    area = np.zeros(len(points))
    x, y = points[:, 0].astype(np.float64), points[:, 1].astype(np.float64)
    area[1:] = np.where(pen[1:], x[:-1] * y[1:] - x[1:] * y[:-1], 0)
    total = np.append(0, np.cumsum(area))
    outward = np.sign(total[starts[1:]] - total[starts[:-1]])
    side = np.repeat(outward, np.diff(starts))
    normal = across * (length * side)[:, None]
    size = np.sqrt((normal * normal).sum(axis=1))
    normal *= np.minimum(1, 1.5 / np.maximum(size, 1e-9))[:, None]
    return np.rint(normal * 64).astype(np.int8)


def _unit(vectors: NDArray[np.int32]) -> NDArray[np.float64]:
    size = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1))
    return np.asarray(vectors / np.maximum(size, 1)[:, None])
