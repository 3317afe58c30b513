"""Outlines: what a face covers and how its glyphs are drawn, packed once and memory-mapped.

All lengths are in units of 1/4096 em (`EM`), y upwards from the baseline, whatever the font's own units
are. Outlines are unhinted; curves are flattened to within `TOLERANCE` units, which is 0.02 px at the
largest size of the default presets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from subsynth.core import cache
from subsynth.core.coverage import coverage
from subsynth.core.errors import MaterialError
from subsynth.data.folders import bundled_folder
from subsynth.data.font_catalogue import Face

EM = 4096
TOLERANCE = 2.5
PACK = "outlines-4"  # changes with the layout of the packed arrays


MANY = 256  # a face of which so many glyphs were drawn is worth packing whole


class Arrays(NamedTuple):
    """How glyphs are drawn.

    points: int16 (N, 2) polylines of all glyphs; pen: bool (N,), True where a line leads to the point
    from the one before it; normals: int8 (N, 2), where a point goes, in 1/64, when the outline grows by
    one unit; starts: int32 (G + 1,), the points of glyph g are starts[g]:starts[g+1];
    boxes: int16 (G, 4), xmin ymin xmax ymax of the ink, all zero for a blank glyph.
    """

    points: NDArray[np.int16]
    pen: NDArray[np.bool_]
    normals: NDArray[np.int8]
    starts: NDArray[np.int32]
    boxes: NDArray[np.int16]


class Outlines:
    """A face, ready to lay out and draw.

    codes: uint32, sorted, the code points that the face maps to a glyph with ink, or to a blank for a space;
    thin: the thickness of its thin strokes, across (of uprights) and down (of bars).
    """

    def __init__(self, face: Face, codes: NDArray[np.uint32], thin: tuple[int, int], arrays: Arrays | None):
        self.face, self.codes, self.thin = face, codes, thin
        self.font = _font(face)  # uharfbuzz.Font, scaled to EM, whose content is checked when it is drawn
        self._count = int(self.font.face.glyph_count)
        self._packed = arrays
        self._drawn: tuple[frozenset[int], Arrays] = (frozenset(), _draw(self.font, ()))

    def arrays(self, glyphs: NDArray[np.int64]) -> Arrays:
        """The arrays of the face, in which at least these glyphs are drawn.

        While the face is not packed, glyphs are drawn when they are asked for.
        """
        if self._packed is None:
            known = self._drawn[0]
            if not known:
                _check(self.face)
            wanted = known.union(glyphs.tolist())
            if len(wanted) > MANY:
                self._packed = _packed(self.face)[0]
            else:
                if wanted != known:
                    self._drawn = wanted, _draw(self.font, sorted(wanted))
                return self._drawn[1]
        return self._packed

    def covers(self, codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which code points the face can draw: uint32 (n,) -> bool (n,)."""
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        found: NDArray[np.bool_] = self.codes[at] == codes
        return found

    def shape(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Shape a line with the font's own kerning -> glyph ids (n,), x (n,), y (n,) of their origins.

        Raises MaterialError if the font is damaged.
        """
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        # What it guesses for the language is the machine's; forms and kerning must not hang on that.
        buffer.language = "zh-Hans" if any(c >= "\u2e80" for c in text) else "en"
        hb.shape(self.font, buffer)
        glyphs, xs, ys, pen = [], [], [], 0
        for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            dx, dy, advance, _ = place.position
            glyphs.append(info.codepoint)
            xs.append(pen + dx)
            ys.append(dy)
            pen += advance
        if glyphs and max(glyphs) >= self._count:
            raise MaterialError(f"font {self.face.path}: it names a glyph that it has not; the font is damaged")
        placed = np.array((glyphs, xs, ys), dtype=np.int64)
        return placed[0], placed[1], placed[2]


@lru_cache(maxsize=64)
def open_face(face: Face) -> Outlines:
    """The outlines of a face: from the cache, memory-mapped, if they are packed there.

    A bundled face opens unpacked, by its shipped facts; a user's is packed at the first use.
    Raises MaterialError if the file is damaged or has no drawable glyph.
    """
    known = facts().get(_key(face))
    if known is None or is_packed(face):
        arrays, codes, thin = _packed(face)
        return Outlines(face, codes, thin, arrays)
    return Outlines(face, *known, None)


@lru_cache(maxsize=1)
def facts() -> dict[str, tuple[NDArray[np.uint32], tuple[int, int]]]:
    """What fonts/facts.npz says of each bundled face, so that it can be chosen without packing: codes and thin."""
    path = bundled_folder("fonts") / "facts.npz"
    if not path.exists():  # while fonts/rebuild.py makes it
        return {}
    with np.load(path) as table:
        keys, codes, ends, thin = (table[n] for n in ("keys", "codes", "ends", "thin"))
    parts = np.split(codes, ends[:-1])
    rows = zip(keys, parts, thin, strict=True)
    return {key: (np.cumsum(part, dtype=np.uint32), (int(t[0]), int(t[1]))) for key, part, t in rows}


def store_facts(faces: Sequence[Face], path: str | Path) -> None:
    """Write the facts of faces, packing each. Codes are stored as differences, which compress well."""
    found = [_packed(face)[1:] for face in faces]
    np.savez_compressed(
        path,
        keys=np.array([_key(face) for face in faces]),
        codes=np.concatenate([np.diff(codes, prepend=np.uint32(0)) for codes, _ in found]),
        ends=np.cumsum([len(codes) for codes, _ in found]),
        thin=np.array([thin for _, thin in found]),
    )


def _key(face: Face) -> str:
    return f"{face.sha256[:24]}-{face.number}"


def pack(face: Face) -> None:
    """Pack a face into the cache, if it is not there."""
    cache.build_once(f"{PACK}/{_key(face)}", lambda scratch: _pack(face, scratch))


def _packed(face: Face) -> tuple[Arrays, NDArray[np.uint32], tuple[int, int]]:
    pack(face)
    place = cache.cache_folder() / PACK / _key(face)
    arrays = Arrays(*(np.asarray(np.load(place / f"{name}.npy", mmap_mode="r")) for name in Arrays._fields))
    thin = np.load(place / "thin.npy")
    return arrays, np.load(place / "codes.npy"), (int(thin[0]), int(thin[1]))


def is_packed(face: Face) -> bool:
    """Whether the outlines of a face lie in the cache already."""
    return (cache.cache_folder() / PACK / _key(face)).is_dir()


def _font(face: Face) -> Any:
    font = hb.Font(hb.Face(hb.Blob.from_file_path(face.path), face.number))
    font.scale = (EM, EM)
    return font


def _check(face: Face) -> None:
    try:
        content = Path(face.path).read_bytes()
    except OSError as error:
        raise MaterialError(f"font {face.path}: {error.strerror or error}; check fonts.files") from error
    if hashlib.sha256(content).hexdigest() != face.sha256:
        raise MaterialError(f"font {face.path}: its content is not what its record says; install it again")


def _pack(face: Face, folder: Path) -> None:
    """Extract, flatten and store every outline of a face."""
    _check(face)
    font = _font(face)
    try:
        arrays = _draw(font, range(font.face.glyph_count))
    except OverflowError as error:
        raise MaterialError(f"font {face.path}: {error}; the font is damaged") from error
    codes = _drawable(font, arrays.boxes)
    if not len(codes):
        raise MaterialError(f"font {face.path}: it maps no character to a glyph with ink; name another font")
    thin = np.array(_thin(font, arrays, codes))
    for name, array in (arrays._asdict() | {"codes": codes, "thin": thin}).items():
        np.save(folder / f"{name}.npy", array)


def _draw(font: Any, glyphs: Sequence[int]) -> Arrays:
    """Extract and flatten the outlines of some glyphs, in rising order; the others are left blank."""
    count = font.face.glyph_count
    curves, starts_curve = _extract(font, glyphs, count)
    points, pen, owner = _flatten(curves)
    if np.abs(points).max(initial=0) > np.iinfo(np.int16).max:
        raise OverflowError("a glyph reaches further than 8 em")
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
    return Arrays(packed, pen, normals, starts, boxes)


def _extract(font: Any, glyphs: Sequence[int], count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Outlines as cubics (M, 9): x0 y0 x1 y1 x2 y2 x3 y3 and 1 where a contour begins; starts (G + 1,)."""
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
    for glyph in glyphs:
        before = len(found)
        font.draw_glyph(glyph, draw, None)
        starts[glyph + 1] = len(found) - before
    np.cumsum(starts, out=starts)
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


def _thin(font: Any, arrays: Arrays, codes: NDArray[np.uint32]) -> tuple[int, int]:
    """The thickness of a face's thin strokes: what a fifth of the runs of ink along rows, and columns, stay below.

    Measured on letters drawn at 256 px an em, evenly picked.
    """
    points, pen, _, starts, _ = arrays
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
        if 0 < glyph < len(boxes) and (boxes[glyph].any() or chr(code).isspace()):
            codes.append(code)
    return np.array(codes, dtype=np.uint32)
