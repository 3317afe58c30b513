"""Glyphs: a face opened for shaping and drawing, from its pack in the cache or straight from its file."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from subsynth.assets import glyph_pack
from subsynth.assets.direction import visual_runs
from subsynth.assets.face_facts import FaceFacts, check_content, face_facts, open_font
from subsynth.assets.glyph_outlines import GlyphArrays, extract_glyphs, merge_glyphs
from subsynth.core.errors import MaterialError
from subsynth.data.font_catalogue import Face
from subsynth.data.languages import LANGUAGES, Language


class FaceGlyphs:
    """A face, ready to shape text and to draw its glyphs.

    codes: uint32, sorted, the code points that it can draw; thin: the width of its thin strokes in units of
    1/4096 em, across (of stems) and down (of bars). Glyphs of a face that is not packed are extracted when they are
    first needed, and kept in memory.
    """

    def __init__(
        self,
        face: Face,
        facts: FaceFacts,
        packed: Callable[[], GlyphArrays] | None = None,
        language: Language = LANGUAGES["en"],
    ):
        self.face, self.codes, self.thin, self._language = face, facts.codes, facts.thin, language
        self._font = open_font(face)
        self._count = int(self._font.face.glyph_count)
        self._packed = packed
        self._arrays = extract_glyphs(self._font, ())
        self._extracted: set[int] = set()
        self._expected: list[int] = []
        self._lock = threading.Lock()

    def arrays(self, glyphs: NDArray[np.int64]) -> GlyphArrays:
        """The outlines of the face; at least these glyphs (n,) are present."""
        if self._packed is not None:
            return self._packed()
        if not set(glyphs.tolist()) - self._extracted:
            return self._arrays
        with self._lock:  # threads that draw share the face
            missing = set(glyphs.tolist()) - self._extracted
            if not self._extracted:
                check_content(self.face)
            missing |= self._next_expected()
            self._arrays = merge_glyphs(self._arrays, extract_glyphs(self._font, sorted(missing)))
            self._extracted |= missing  # last: another thread may look here without the lock
        return self._arrays

    def expect(self, codes: NDArray[np.uint32]) -> None:
        """Announce characters (n,) that will be drawn, so that their glyphs are extracted in ever larger groups.

        This affects only the speed of drawing.
        """
        if self._packed is None:
            glyphs = (self._font.get_nominal_glyph(int(code)) for code in codes)
            self._expected = sorted({int(glyph) for glyph in glyphs if glyph} - self._extracted, reverse=True)

    def _next_expected(self) -> set[int]:
        """The next expected glyphs: as many as have been extracted so far, so that there are few groups."""
        group: set[int] = set()
        while self._expected and len(group) < len(self._extracted):
            group.add(self._expected.pop())
        return group - self._extracted

    def covers(self, codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which code points the face can draw: uint32 (n,) -> bool (n,)."""
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        covered: NDArray[np.bool_] = self.codes[at] == codes
        return covered

    def shape(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Shape a line with the font's own kerning -> glyph ids (n,), and x (n,), y (n,) of their origins.

        Glyphs run from left to right, in text of any direction. Raises MaterialError if the font is damaged.
        """
        glyphs, xs, ys, pen = [], [], [], 0
        for _, buffer in self._shaped(text):
            for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
                dx, dy, advance, _ = position.position
                glyphs.append(info.codepoint)
                xs.append(pen + dx)
                ys.append(dy)
                pen += advance
        if glyphs and max(glyphs) >= self._count:
            raise MaterialError(f"font {self.face.path}: it refers to a glyph that it lacks; the font is damaged")
        shaped = np.array((glyphs, xs, ys), dtype=np.int64)
        return shaped[0], shaped[1], shaped[2]

    def characters(self, text: str) -> NDArray[np.int64]:
        """The index in `text` of the first character that each glyph of `shape` belongs to: int64 (n,)."""
        parts = [start + info.cluster for start, buffer in self._shaped(text) for info in buffer.glyph_infos]
        return np.array(parts, dtype=np.int64)

    def _shaped(self, text: str) -> list[tuple[int, hb.Buffer]]:
        """The runs of a line from left to right, shaped: where each starts in `text`, and its buffer."""
        return [(start, self._shaped_run(text[start:stop], rtl)) for start, stop, rtl in visual_runs(text)]

    def _shaped_run(self, text: str, rtl: bool) -> hb.Buffer:
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if rtl else "ltr"
        # HarfBuzz guesses the machine's language; glyph forms and kerning must not depend on the machine.
        is_cjk = any(c >= "\u2e80" for c in text)
        usual = "zh-Hans" if is_cjk else "en"
        buffer.language = self._language.tag if is_cjk == self._language.is_cjk else usual
        hb.shape(self._font, buffer)
        return buffer


def open_face(face: Face, language: Language = LANGUAGES["en"]) -> FaceGlyphs:
    """Open a face for text of a language, with its pack if that is in the cache.

    Raises MaterialError for a damaged or unusable font.
    """
    facts = face_facts(face)
    return FaceGlyphs(face, facts, glyph_pack.read_pack(face) if glyph_pack.is_packed(face) else None, language)
