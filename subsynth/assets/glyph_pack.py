"""Glyph packs: the outlines of all glyphs of a face, extracted once and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from subsynth.assets.face_facts import check_content, face_key, open_font
from subsynth.assets.glyph_outlines import GlyphArrays, extract_glyphs
from subsynth.core import cache
from subsynth.core.array_file import is_small, read_arrays, write_arrays
from subsynth.data.font_catalogue import Face

PACK = "outlines-6"  # changes with the layout of the packed arrays
GLYPHS = "glyphs.bin"
MAPPED = 24  # large packs that are mapped at a time: each mapping holds a file handle
LARGE = 12_000  # glyphs; a face with more is not packed: most of them are never drawn


def is_packed(face: Face) -> bool:
    """Whether the pack of a face is in the cache."""
    return cache.has_entry(_entry(face))


def is_worth_packing(face: Face) -> bool:
    """Whether a large run should pack a face ahead of time."""
    return int(open_font(face).face.glyph_count) <= LARGE


def pack_face(face: Face) -> None:
    """Add the pack of a face to the cache, unless it is there. Raises MaterialError for a damaged font."""
    cache.build_once(_entry(face), lambda folder: _pack(face, folder))


def read_pack(face: Face) -> Callable[[], GlyphArrays]:
    """A function that returns the outlines of a face, which is packed first if the cache lacks it.

    Small packs are kept in memory. Large packs are memory-mapped; the MAPPED most recently used ones stay so.
    """
    name = _entry(face)
    path = str(cache.cache_folder() / name / GLYPHS)

    def read_mapped() -> GlyphArrays:
        try:
            return _mapped_glyphs(path)
        except (OSError, ValueError):  # the entry was deleted after it was opened
            return cache.read_entry(name, lambda folder: _pack(face, folder), _read_glyphs)

    glyphs = cache.read_entry(name, lambda folder: _pack(face, folder), _read_glyphs)
    return (lambda: glyphs) if is_small(Path(path)) else read_mapped


@lru_cache(maxsize=MAPPED)
def _mapped_glyphs(path: str) -> GlyphArrays:
    return _read_glyphs(Path(path).parent)


def _read_glyphs(folder: Path) -> GlyphArrays:
    arrays = read_arrays(folder / GLYPHS)
    return GlyphArrays(*(arrays[name] for name in GlyphArrays._fields))


def _entry(face: Face) -> str:
    return f"{PACK}/{face_key(face)}"


def _pack(face: Face, folder: Path) -> None:
    check_content(face)
    font = open_font(face)
    write_arrays(folder / GLYPHS, extract_glyphs(font, range(font.face.glyph_count))._asdict())
