"""Outlines: what a face covers and how its glyphs are drawn, packed once and memory-mapped.

All lengths are in units of 1/4096 em (`EM`), y upwards from the baseline, whatever the font's own units
are. Outlines are unhinted; curves are flattened to within `TOLERANCE` units, which is 0.02 px at the
largest size of the default presets.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from subsynth import cache
from subsynth.coverage import coverage
from subsynth.errors import MaterialError
from subsynth.fonts import Face

EM = 4096
TOLERANCE = 2.5
PACK = "outlines-4"  # changes with the layout of the packed arrays


@dataclass(frozen=True)
class Outlines:
    """A face, ready to lay out and draw.

    points: int16 (N, 2) polylines of all glyphs; pen: bool (N,), True where a line leads to the point
    from the one before it; normals: int8 (N, 2), where a point goes, in 1/64, when the outline grows by
    one unit; starts: int32 (G + 1,), the points of glyph g are starts[g]:starts[g+1];
    boxes: int16 (G, 4), xmin ymin xmax ymax of the ink, all zero for a blank glyph;
    codes: uint32, sorted, the code points that the face maps to a glyph with ink, or to a blank for a space.
    """

    face: Face
    points: NDArray[np.int16]
    pen: NDArray[np.bool_]
    normals: NDArray[np.int8]
    starts: NDArray[np.int32]
    boxes: NDArray[np.int16]
    codes: NDArray[np.uint32]
    thin: tuple[int, int]  # the thickness of its thin strokes, across (of uprights) and down (of bars)
    font: Any  # uharfbuzz.Font, scaled to EM

    def covers(self, codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which code points the face can draw: uint32 (n,) -> bool (n,)."""
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        found: NDArray[np.bool_] = self.codes[at] == codes
        return found

    def shape(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Shape a line with the font's own kerning -> glyph ids (n,), x (n,), y (n,) of their origins."""
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        # What it guesses for the language is the machine's; forms and kerning must not hang on that.
        buffer.language = "zh-Hans" if any(c >= "\u2e80" for c in text) else "en"
        hb.shape(self.font, buffer)
        glyphs = np.array([info.codepoint for info in buffer.glyph_infos], dtype=np.int64)
        moves = np.array([p.position for p in buffer.glyph_positions], dtype=np.int64).reshape(-1, 4)
        pen_x = np.cumsum(moves[:, 2]) - moves[:, 2]
        return glyphs, pen_x + moves[:, 0], moves[:, 1]


@lru_cache(maxsize=64)
def open_face(face: Face) -> Outlines:
    """The outlines of a face, packed in the cache at the first use and memory-mapped from then on.

    Raises MaterialError if the file is damaged or has no drawable glyph.
    """
    place = cache.prepared(f"{PACK}/{face.sha256[:24]}-{face.number}", lambda scratch: _pack(face, scratch))
    arrays = {n: np.load(place / f"{n}.npy", mmap_mode="r") for n in ("points", "pen", "normals", "starts", "boxes")}
    codes, thin = np.load(place / "codes.npy"), tuple(np.load(place / "thin.npy").tolist())
    return Outlines(face, codes=codes, thin=thin, font=_font(face), **arrays)


def is_packed(face: Face) -> bool:
    """Whether the outlines of a face lie in the cache already."""
    return (cache.root() / PACK / f"{face.sha256[:24]}-{face.number}").is_dir()


def _font(face: Face) -> Any:
    font = hb.Font(hb.Face(hb.Blob.from_file_path(face.path), face.number))
    font.scale = (EM, EM)
    return font


def _pack(face: Face, folder: Path) -> None:
    """Extract, flatten and store every outline of a face."""
    try:
        if hashlib.sha256(Path(face.path).read_bytes()).hexdigest() != face.sha256:
            raise MaterialError(f"font {face.path}: its content is not what its record says; install it again")
        font = _font(face)
    except OSError as error:
        raise MaterialError(f"font {face.path}: {error.strerror or error}; check fonts.files") from error
    count = font.face.glyph_count
    curves, starts_curve = _extract(font, count)
    points, pen, owner = _flatten(curves)
    if np.abs(points).max(initial=0) > np.iinfo(np.int16).max:
        raise MaterialError(f"font {face.path}: a glyph reaches further than 8 em; the font is damaged")
    moved = np.concatenate(([True], (points[1:] != points[:-1]).any(axis=1)))[: len(points)] | ~pen
    points, pen, owner = points[moved], pen[moved], owner[moved]
    # The curves of glyph g are starts_curve[g]:starts_curve[g+1]; `owner` says which curve made a point.
    starts = np.searchsorted(owner, starts_curve).astype(np.int32)
    normals = _normals(points, pen, starts)
    packed = points.astype(np.int16)
    boxes = np.zeros((count, 4), np.int16)
    inked = np.flatnonzero(starts[1:] > starts[:-1])
    if len(inked):
        boxes[inked, :2] = np.minimum.reduceat(packed, starts[inked])
        boxes[inked, 2:] = np.maximum.reduceat(packed, starts[inked])
    codes = _drawable(font, boxes)
    if not len(codes):
        raise MaterialError(f"font {face.path}: it maps no character to a glyph with ink; name another font")
    thin = np.array(_thin(font, packed, pen, starts, codes))
    arrays = {"points": packed, "pen": pen, "normals": normals, "starts": starts, "boxes": boxes}
    for name, array in (arrays | {"codes": codes, "thin": thin}).items():
        np.save(folder / f"{name}.npy", array)


def _extract(font: Any, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All outlines as cubics (M, 9): x0 y0 x1 y1 x2 y2 x3 y3 and 1 where a contour begins; starts (G + 1,)."""
    found: list[tuple[float, ...]] = []
    state = {"x": 0.0, "y": 0.0, "sx": 0.0, "sy": 0.0, "new": 1.0}

    def curve(x1: float, y1: float, x2: float, y2: float, x3: float, y3: float) -> None:
        found.append((state["x"], state["y"], x1, y1, x2, y2, x3, y3, state["new"]))
        state.update(x=x3, y=y3, new=0.0)

    def line(x: float, y: float, _: Any = None) -> None:
        curve(state["x"], state["y"], x, y, x, y)

    def move(x: float, y: float, _: Any = None) -> None:
        state.update(x=x, y=y, sx=x, sy=y, new=1.0)

    def quadratic(cx: float, cy: float, x: float, y: float, _: Any = None) -> None:
        x0, y0 = state["x"], state["y"]
        curve(x0 + (cx - x0) * 2 / 3, y0 + (cy - y0) * 2 / 3, x + (cx - x) * 2 / 3, y + (cy - y) * 2 / 3, x, y)

    def cubic(x1: float, y1: float, x2: float, y2: float, x: float, y: float, _: Any = None) -> None:
        curve(x1, y1, x2, y2, x, y)

    def close(_: Any = None) -> None:
        if (state["x"], state["y"]) != (state["sx"], state["sy"]):
            line(state["sx"], state["sy"])

    draw = hb.DrawFuncs()
    draw.set_move_to_func(move)
    draw.set_line_to_func(line)
    draw.set_quadratic_to_func(quadratic)
    draw.set_cubic_to_func(cubic)
    draw.set_close_path_func(close)
    starts = np.zeros(count + 1, np.int64)
    for glyph in range(count):
        font.draw_glyph(glyph, draw, None)
        starts[glyph + 1] = len(found)
    return np.array(found, dtype=np.float64).reshape(-1, 9), starts


def _flatten(
    curves: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int64]]:
    """Cubics (M, 9) -> points (N, 2), pen (N,), owner (N,): the curve that each point came from.

    A cubic in n equal steps departs from its chords by at most 0.75 * d / n**2, with d the larger of its
    two second differences.
    """
    p0, p1, p2, p3 = (curves[:, i : i + 2] for i in (0, 2, 4, 6))
    bend = np.maximum(np.abs(p0 - 2 * p1 + p2).sum(axis=1), np.abs(p1 - 2 * p2 + p3).sum(axis=1))
    straight = (p1 == p0).all(axis=1) & (p2 == p3).all(axis=1)
    steps = np.where(straight, 1, np.maximum(1, np.ceil(np.sqrt(0.75 * bend / TOLERANCE)))).astype(np.int64)
    begins = curves[:, 8] == 1
    per_curve = steps + begins  # a contour's first point has to be laid down as well
    owner = np.repeat(np.arange(len(curves)), per_curve)
    first = np.cumsum(per_curve) - per_curve
    step = np.arange(len(owner)) - first[owner] + 1 - begins[owner]
    t = (step / steps[owner])[:, None]
    s = 1 - t
    o = owner
    xy = s**3 * p0[o] + 3 * s**2 * t * p1[o] + 3 * s * t**2 * p2[o] + t**3 * p3[o]
    return np.rint(xy).astype(np.int32), step > 0, owner


def _normals(points: NDArray[np.int32], pen: NDArray[np.bool_], starts: NDArray[np.int32]) -> NDArray[np.int8]:
    """Where each point moves, in 1/64 of a unit, when its outline grows outwards by one unit: int8 (N, 2).

    Along the bisector of the two edges that meet there, by the length of a mitre, at most 1.5. Outwards is
    to the side that makes the glyph's area larger, whichever way the font winds its contours.
    """
    if not len(points):
        return np.zeros((0, 2), np.int8)
    here = np.arange(len(points))
    first = np.flatnonzero(~pen)
    last = np.append(first[1:], len(points)) - 1
    before, after = here - 1, here + 1
    before[first], after[last] = (
        np.maximum(last - 1, first),
        np.minimum(first + 1, last),
    )  # the last repeats the first
    come, go = _unit(points - points[before]), _unit(points[after] - points)
    across = np.stack((come[:, 1] + go[:, 1], -come[:, 0] - go[:, 0]), axis=1)
    length = 1 / np.maximum(1 + (come * go).sum(axis=1), 2 / 9)
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


def _thin(
    font: Any,
    points: NDArray[np.int16],
    pen: NDArray[np.bool_],
    starts: NDArray[np.int32],
    codes: NDArray[np.uint32],
) -> tuple[int, int]:
    """The thickness of a face's thin strokes: what a fifth of the runs of ink along rows, and columns, stay below.

    Measured on letters drawn at 256 px an em, evenly picked.
    """
    scale = EM // 256
    letters = codes[np.array([chr(c).isalpha() for c in codes], dtype=bool)] if len(codes) else codes
    runs: list[list[int]] = [[], []]
    for code in letters[:: max(1, len(letters) // 96)]:
        glyph = font.get_nominal_glyph(int(code))
        some = points[starts[glyph] : starts[glyph + 1]].astype(np.int64) * 256 // scale
        draws = pen[starts[glyph] : starts[glyph + 1]][1:]
        if not len(some):
            continue
        some = some - some.min(axis=0)
        height, width = (int(v) // 256 + 1 for v in some.max(axis=0)[::-1])
        edges = np.concatenate((some[:-1], some[1:]), axis=1)[draws]
        ink = np.pad(coverage(edges, height, width) >= 128, 1)
        for axis, lines in enumerate((ink, ink.T)):
            change = np.diff(lines.astype(np.int8), axis=1)
            runs[axis] += (np.nonzero(change == -1)[1] - np.nonzero(change == 1)[1]).tolist()
    across, down = (int(np.percentile(r, 20) * scale) if r else 0 for r in runs)
    return across, down


def _drawable(font: Any, boxes: NDArray[np.int16]) -> NDArray[np.uint32]:
    """Code points with ink, and those of the blanks that are meant to be blank."""
    codes = []
    for code in sorted(font.face.unicodes):
        glyph = font.get_nominal_glyph(code)
        if glyph and (boxes[glyph].any() or chr(code).isspace()):
            codes.append(code)
    return np.array(codes, dtype=np.uint32)
