"""Face facts: what a face can draw and how thin its strokes are, determined without drawing all of its glyphs."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import uharfbuzz as hb
from fontTools.unicodedata import script
from numpy.typing import NDArray

from subsynth.assets.glyph_outlines import EM, MAX_REACH, extract_glyphs
from subsynth.core import cache
from subsynth.core.array_file import read_arrays, write_arrays
from subsynth.core.coverage import coverage
from subsynth.core.errors import MaterialError
from subsynth.data.folders import bundled_folder
from subsynth.data.font_catalogue import Face

PACK = "facts-1"  # changes with the rules below
MANY_LETTERS = 5  # an outline that this many letters of one script share is a placeholder
SAMPLED_LETTERS = 96  # letters whose strokes are measured


class FaceFacts(NamedTuple):
    """The properties of a face that are known without its outlines.

    codes: uint32, sorted, the code points that the face maps to a glyph with ink, or to a blank for a space;
    thin: the width of its thin strokes in units of 1/4096 em, across (of stems) and down (of bars).
    """

    codes: NDArray[np.uint32]
    thin: tuple[int, int]


def face_key(face: Face) -> str:
    """An identifier that faces with equal outlines share."""
    axes = "".join(f"-{tag.strip()}{value:g}" for tag, value in face.variations)
    return f"{face.sha256[:24]}-{face.number}{axes}"


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


def face_facts(face: Face) -> FaceFacts:
    """The facts of a face: those shipped with a bundled one, else measured once and kept in the cache.

    Raises MaterialError for a damaged font, or one that can draw no character.
    """
    shipped = _shipped().get(face_key(face))
    if shipped is not None:
        return shipped

    def build(folder: Path) -> None:
        codes, thin = measure_face(face)
        write_arrays(folder / "facts.bin", {"codes": codes, "thin": np.array(thin)})

    def read(folder: Path) -> FaceFacts:
        arrays = read_arrays(folder / "facts.bin")
        across, down = arrays["thin"].tolist()
        return FaceFacts(np.array(arrays["codes"]), (across, down))

    return cache.read_entry(f"{PACK}/{face_key(face)}", build, read)


def measure_face(face: Face) -> FaceFacts:
    """The facts of a face, measured now. Raises MaterialError as `face_facts` does."""
    check_content(face)
    font = open_font(face)
    codes = _drawable_codes(font)
    if not len(codes):
        raise MaterialError(
            f"font {face.path}: it maps no character to a glyph of its own with ink, of at most 8 em; name another font"
        )
    return FaceFacts(codes, _thin_strokes(font, codes))


def store_facts(faces: Sequence[Face], path: str | Path) -> None:
    """Write the facts file that ships with the faces. Codes are stored as differences, which compress well."""
    facts = [measure_face(face) for face in faces]
    np.savez_compressed(
        path,
        keys=np.array([face_key(face) for face in faces]),
        codes=np.concatenate([np.diff(one.codes, prepend=np.uint32(0)) for one in facts]),
        ends=np.cumsum([len(one.codes) for one in facts]),
        thin=np.array([one.thin for one in facts]),
    )


@lru_cache(maxsize=1)
def _shipped() -> dict[str, FaceFacts]:
    """The facts of each bundled face, by `face_key`, from fonts/facts.npz."""
    path = bundled_folder("fonts") / "facts.npz"
    if not path.exists():  # while fonts/rebuild.py creates it
        return {}
    with np.load(path) as table:
        keys, codes, ends, thin = (table[n] for n in ("keys", "codes", "ends", "thin"))
    rows = zip(keys, np.split(codes, ends[:-1]), thin, strict=True)
    return {key: FaceFacts(np.cumsum(part, dtype=np.uint32), (int(t[0]), int(t[1]))) for key, part, t in rows}


def _drawable_codes(font: Any) -> NDArray[np.uint32]:
    """The code points that a font can draw, sorted: those with a glyph of their own, and those meant to be blank.

    A glyph that repeats the outline of .notdef, or an outline that MANY_LETTERS letters of one script share, is a
    placeholder: its code points count as missing. In a symbol font the characters U+0020 to U+00FF are those that
    HarfBuzz maps to its private range.
    """
    glyph_of = {code: glyph for code in _mapped_codes(font) if (glyph := font.get_nominal_glyph(code) or 0) > 0}
    boxes = {glyph: _ink_box(font, glyph) for glyph in {0, *glyph_of.values()}}
    placeholders = _placeholders(font, glyph_of, boxes)
    codes = [
        code
        for code, glyph in glyph_of.items()
        if (boxes[glyph] is not None and glyph not in placeholders) or chr(code).isspace()
    ]
    return np.array(sorted(codes), dtype=np.uint32)


_Box = tuple[int, int, int, int]


def _ink_box(font: Any, glyph: int) -> _Box | None:
    """The extents of a glyph; None if it is blank or reaches too far to be drawn."""
    extents = font.get_glyph_extents(glyph)
    if extents is None or not (extents.width and extents.height):
        return None
    left, top = extents.x_bearing, extents.y_bearing
    right, bottom = left + extents.width, top + extents.height
    return None if max(map(abs, (left, top, right, bottom))) > MAX_REACH else (left, top, right, bottom)


def _placeholders(font: Any, glyph_of: dict[int, int], boxes: dict[int, _Box | None]) -> set[int]:
    """The placeholders for missing glyphs; only glyphs with equal extents are extracted and compared."""
    letters: dict[tuple[_Box, str], dict[int, set[str]]] = {}
    for code, glyph in glyph_of.items():
        box = boxes[glyph]
        if box is not None and chr(code).isalpha():
            plain = unicodedata.normalize("NFKD", chr(code)).casefold()
            letters.setdefault((box, script(chr(code))), {}).setdefault(glyph, set()).add(plain)
    like_missing = [glyph for glyph, box in boxes.items() if box is not None and box == boxes[0]]
    placeholders = next((same for same in _by_outline(font, like_missing) if 0 in same), set())
    for glyphs in letters.values():
        if len(set.union(*glyphs.values())) >= MANY_LETTERS:
            for same in _by_outline(font, glyphs):
                if len(set.union(*(glyphs[glyph] for glyph in same))) >= MANY_LETTERS:
                    placeholders |= same
    return placeholders


def _by_outline(font: Any, glyphs: Iterable[int]) -> list[set[int]]:
    """Glyphs grouped by equal outlines."""
    wanted = sorted(glyphs)
    points, pen, _, starts, _ = extract_glyphs(font, wanted)
    groups: dict[bytes, set[int]] = {}
    for glyph in wanted:
        own = slice(starts[glyph], starts[glyph + 1])
        groups.setdefault(points[own].tobytes() + pen[own].tobytes(), set()).add(glyph)
    return list(groups.values())


def _mapped_codes(font: Any) -> set[int]:
    """The code points of a font's cmap, and those that HarfBuzz maps to the private range of a symbol font."""
    codes = {int(code) for code in font.face.unicodes}
    return codes | {code - 0xF000 for code in codes if 0xF020 <= code <= 0xF0FF}


def _thin_strokes(font: Any, codes: NDArray[np.uint32]) -> tuple[int, int]:
    """The width of a face's thin strokes: the 20th percentile of the runs of ink along rows, and along columns.

    Measured on letters drawn at 256 px per em, evenly sampled.
    """
    letters = codes[np.array([chr(c).isalpha() for c in codes], dtype=bool)]
    sampled = [font.get_nominal_glyph(int(code)) for code in letters[:: max(1, len(letters) // SAMPLED_LETTERS)]]
    points, pen, _, starts, _ = extract_glyphs(font, sorted(set(sampled)))
    scale = EM // 256
    runs: list[list[int]] = [[], []]
    for glyph in sampled:
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
