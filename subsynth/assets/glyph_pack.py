"""Glyph packs: the outlines of whole faces in the cache, memory-mapped, and the facts shipped with bundled faces."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import uharfbuzz as hb
from fontTools.unicodedata import script
from numpy.typing import NDArray

from subsynth.assets.glyph_outlines import EM, GlyphArrays, extract_glyphs
from subsynth.core import cache
from subsynth.core.array_file import Arrays, is_small, read_arrays, write_arrays
from subsynth.core.coverage import coverage
from subsynth.core.errors import MaterialError
from subsynth.data.folders import bundled_folder
from subsynth.data.font_catalogue import Face

PACK = "outlines-5"  # changes with the layout of the packed arrays
GLYPHS = "glyphs.bin"


MANY_LETTERS = 5  # different letters of one script that share an outline only if it is a placeholder


class FaceFacts(NamedTuple):
    """What is known of a face without its outlines.

    codes: uint32, sorted, the code points that the face maps to a glyph with ink, or to a blank for a space;
    thin: the width of its thin strokes in units of 1/4096 em, across (of stems) and down (of bars).
    """

    codes: NDArray[np.uint32]
    thin: tuple[int, int]


def open_font(face: Face) -> Any:
    """The uharfbuzz.Font of a face, scaled to EM. The file's content is not checked."""
    font = hb.Font(hb.Face(hb.Blob.from_file_path(face.path), face.number))
    font.scale = (EM, EM)
    if face.variations:
        font.set_variations(dict(face.variations))
    return font


def check_content(face: Face) -> None:
    """Raise MaterialError if the file of a face cannot be read or is not the one that was catalogued."""
    try:
        content = Path(face.path).read_bytes()
    except OSError as error:
        raise MaterialError(f"font {face.path}: {error.strerror or error}; check fonts.files") from error
    if hashlib.sha256(content).hexdigest() != face.sha256:
        raise MaterialError(f"font {face.path}: its content has changed since it was catalogued; install it again")


def is_packed(face: Face) -> bool:
    """Whether the pack of a face is in the cache."""
    return cache.has_entry(_entry(face))


def pack_face(face: Face) -> None:
    """Add the pack of a face to the cache, unless it is there. Raises MaterialError for a damaged font."""
    cache.build_once(_entry(face), lambda folder: _pack(face, folder))


def read_pack(face: Face) -> tuple[Callable[[], GlyphArrays], FaceFacts]:
    """The outlines of a face, as a function that returns them, and its facts; packed now if the cache lacks them.

    Small packs are kept in memory. A large one is memory-mapped for as long as it is among the last ones used.
    """

    def read(folder: Path) -> tuple[Callable[[], GlyphArrays], FaceFacts]:
        path = folder / GLYPHS
        arrays = read_arrays(path)
        across, down = arrays["thin"].tolist()
        facts = FaceFacts(np.array(arrays["codes"]), (across, down))
        if is_small(path):
            glyphs = _glyph_arrays(arrays)
            return lambda: glyphs, facts
        return lambda: _glyph_arrays(read_arrays(path)), facts

    return cache.read_entry(_entry(face), lambda folder: _pack(face, folder), read)


def _glyph_arrays(arrays: Arrays) -> GlyphArrays:
    return GlyphArrays(*(arrays[name] for name in GlyphArrays._fields))


def shipped_facts(face: Face) -> FaceFacts | None:
    """The facts of a bundled face, so that it can be chosen without packing it; None for a user's font."""
    return _shipped().get(_key(face))


@lru_cache(maxsize=1)
def _shipped() -> dict[str, FaceFacts]:
    """What fonts/facts.npz holds of each bundled face."""
    path = bundled_folder("fonts") / "facts.npz"
    if not path.exists():  # while fonts/rebuild.py creates it
        return {}
    with np.load(path) as table:
        keys, codes, ends, thin = (table[n] for n in ("keys", "codes", "ends", "thin"))
    rows = zip(keys, np.split(codes, ends[:-1]), thin, strict=True)
    return {key: FaceFacts(np.cumsum(part, dtype=np.uint32), (int(t[0]), int(t[1]))) for key, part, t in rows}


def store_facts(faces: Sequence[Face], path: str | Path) -> None:
    """Write the facts of faces, packing each. Codes are stored as differences, which compress well."""
    facts = [read_pack(face)[1] for face in faces]
    np.savez_compressed(
        path,
        keys=np.array([_key(face) for face in faces]),
        codes=np.concatenate([np.diff(one.codes, prepend=np.uint32(0)) for one in facts]),
        ends=np.cumsum([len(one.codes) for one in facts]),
        thin=np.array([one.thin for one in facts]),
    )


def _key(face: Face) -> str:
    axes = "".join(f"-{tag.strip()}{value:g}" for tag, value in face.variations)
    return f"{face.sha256[:24]}-{face.number}{axes}"


def _entry(face: Face) -> str:
    return f"{PACK}/{_key(face)}"


def _pack(face: Face, folder: Path) -> None:
    """Extract and store every outline of a face."""
    check_content(face)
    font = open_font(face)
    arrays = extract_glyphs(font, range(font.face.glyph_count))
    codes = drawable_codes(font, arrays)
    if not len(codes):
        raise MaterialError(
            f"font {face.path}: it maps no character to a glyph of its own with ink, of at most 8 em; name another font"
        )
    thin = np.array(_thin_strokes(font, arrays, codes))
    write_arrays(folder / GLYPHS, arrays._asdict() | {"codes": codes, "thin": thin})


def drawable_codes(font: Any, arrays: GlyphArrays) -> NDArray[np.uint32]:
    """The code points that a font can draw, sorted: those with a glyph of their own, and those meant to be blank.

    A glyph that repeats the outline of .notdef, or an outline that MANY_LETTERS letters of one script share, is a
    placeholder: its code points count as missing. In a symbol font the characters U+0020 to U+00FF are those that
    HarfBuzz maps to its private range.
    """
    outlines = _outline_digests(arrays)
    glyph_of = {code: glyph for code in _mapped_codes(font) if (glyph := font.get_nominal_glyph(code) or 0) > 0}
    letters: dict[tuple[bytes, str], set[str]] = {}
    for code, glyph in glyph_of.items():
        if chr(code).isalpha():
            plain = unicodedata.normalize("NFKD", chr(code)).casefold()
            letters.setdefault((outlines[glyph], script(chr(code))), set()).add(plain)
    placeholders = {outline for (outline, _), shared in letters.items() if len(shared) >= MANY_LETTERS}
    placeholders.add(outlines[0])
    codes = [
        code
        for code, glyph in glyph_of.items()
        if (arrays.boxes[glyph].any() and outlines[glyph] not in placeholders) or chr(code).isspace()
    ]
    return np.array(sorted(codes), dtype=np.uint32)


def _mapped_codes(font: Any) -> set[int]:
    """The code points of a font's cmap, and those that HarfBuzz maps to the private range of a symbol font."""
    codes = {int(code) for code in font.face.unicodes}
    return codes | {code - 0xF000 for code in codes if 0xF020 <= code <= 0xF0FF}


def _outline_digests(arrays: GlyphArrays) -> list[bytes]:
    """A digest of the outline of each glyph; b"" for a blank one."""
    points, pen, _, starts, _ = arrays
    return [
        hashlib.blake2b(points[a:b].tobytes() + pen[a:b].tobytes(), digest_size=16).digest() if b > a else b""
        for a, b in pairwise(starts.tolist())
    ]


def _thin_strokes(font: Any, arrays: GlyphArrays, codes: NDArray[np.uint32]) -> tuple[int, int]:
    """The width of a face's thin strokes: the 20th percentile of the runs of ink along rows, and along columns.

    Measured on letters drawn at 256 px per em, evenly sampled.
    """
    points, pen, _, starts, _ = arrays
    scale = EM // 256
    letters = codes[np.array([chr(c).isalpha() for c in codes], dtype=bool)] if len(codes) else codes
    runs: list[list[int]] = [[], []]
    for code in letters[:: max(1, len(letters) // 96)]:
        glyph = font.get_nominal_glyph(int(code))
        outline = points[starts[glyph] : starts[glyph + 1]].astype(np.int64) * 256 // scale
        draws = pen[starts[glyph] : starts[glyph + 1]][1:]
        if not len(outline):
            continue
        outline = outline - outline.min(axis=0)
        height, width = (int(v) // 256 + 1 for v in outline.max(axis=0)[::-1])
        edges = np.concatenate((outline[:-1], outline[1:]), axis=1)[draws]
        ink = np.pad(coverage(edges, height, width) >= 128, 1)
        for axis, lines in enumerate((ink, ink.T)):
            change = np.diff(lines.astype(np.int8), axis=1)
            runs[axis] += (np.nonzero(change == -1)[1] - np.nonzero(change == 1)[1]).tolist()
    across, down = (int(np.percentile(r, 20) * scale) if r else 0 for r in runs)
    return across, down
