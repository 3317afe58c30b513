"""Assets: the open faces, lines and backgrounds of one split of a spec, and which faces cover which lines."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from subsynth.assets import backgrounds, corpus, listing
from subsynth.assets.backgrounds import Scene
from subsynth.assets.corpus import Lines
from subsynth.assets.direction import mixes_directions
from subsynth.assets.glyphs import FaceGlyphs, open_face
from subsynth.assets.listing import UNSEEN
from subsynth.assets.text_cleaning import is_ignorable
from subsynth.core.errors import MaterialError, SpecError
from subsynth.data.languages import LANGUAGES
from subsynth.spec.presets import preset
from subsynth.spec.spec import Spec

_NO_CUES = np.zeros((0, 2), np.int64)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FaceTable:
    """The faces of a split by family, weight and slant.

    faces: every face that may be drawn; families: the names of the F families;
    candidates: int64 (2, 2, F, K), the faces (indices into faces) of each family for (bold, italic), padded with -1;
    sheared: bool (2, 2, F), True where these faces have to be slanted by a shear.
    """

    faces: tuple[FaceGlyphs, ...]
    families: tuple[str, ...]
    candidates: NDArray[np.int64]
    sheared: NDArray[np.bool_]

    @staticmethod
    def build(faces: tuple[FaceGlyphs, ...]) -> FaceTable:
        """Sort faces into the table. Every face is a candidate for its own weight and slant."""
        families = tuple(dict.fromkeys(glyphs.face.family for glyphs in faces))
        lists: dict[tuple[int, int, int], list[int]] = {}
        sheared = np.zeros((2, 2, len(families)), np.bool_)
        for number, family in enumerate(families):
            own = [(i, glyphs.face) for i, glyphs in enumerate(faces) if glyphs.face.family == family]
            for bold in (0, 1):
                of_weight = [(i, face) for i, face in own if face.bold == bool(bold)] or own
                upright = [i for i, face in of_weight if not face.italic]
                slanted = [i for i, face in of_weight if face.italic]
                lists[bold, 0, number] = upright
                lists[bold, 1, number] = slanted or upright
                sheared[bold, 1, number] = not slanted
        for bold in (0, 1):  # where every family is oblique by design, upright text is oblique too
            if not any(lists[bold, 0, number] for number in range(len(families))):
                for number in range(len(families)):
                    lists[bold, 0, number] = lists[bold, 1, number]
        candidates = np.full((2, 2, len(families), max(map(len, lists.values()))), -1, np.int64)
        for slot, members in lists.items():
            candidates[slot][: len(members)] = members
        return FaceTable(faces, families, candidates, sheared)

    @cached_property
    def by_name(self) -> dict[str, FaceGlyphs]:
        """The faces by their names in the column `font`."""
        return {glyphs.face.name: glyphs for glyphs in self.faces}


@dataclass(frozen=True)
class LineTable:
    """The lines of a split and the faces that cover them.

    covered: bool (faces, lines), whether a face can draw a line; by_source: for each source with a weight in the spec,
    the indices of its usable lines; weights: the weights of these sources; short: for each of these sources, the
    indices of the short forms of its lines, which are not among its usable lines; cues: int64 (c, 2), the indices of
    two lines that follow each other in one cue of a user's file; dropped: the number of lines that no face covers.
    """

    lines: Lines
    covered: NDArray[np.bool_]
    by_source: tuple[NDArray[np.int64], ...]
    weights: tuple[float, ...]
    short: tuple[NDArray[np.int64], ...]
    cues: NDArray[np.int64]
    dropped: int


@dataclass(frozen=True, eq=False)
class Assets:
    """The open assets of one split of a spec, which planning and rendering share."""

    spec: Spec
    split: str
    fonts: FaceTable
    text: LineTable
    photographs: tuple[Scene, ...]
    procedural: tuple[Scene, ...]

    @staticmethod
    def open(spec: Spec, split: str) -> Assets:
        """Open the assets of a split. A user's own material that is not in the cache is prepared first.

        Raises SpecError for a name that is not a split of the spec, MaterialError for unusable assets.
        """
        spec.size(split)
        if spec.background.folders:  # a user's pictures are all decoded before the first sample is drawn
            for side in (False, True):
                backgrounds.pack_pictures(listing.pictures_of(spec, side), spec.width, spec.height)
        test = split != "train"
        frames = listing.frames_of(spec, test)  # films are prepared here
        fonts = FaceTable.build(
            tuple(open_face(face, LANGUAGES[spec.lang]) for face in listing.faces_of(spec, split == UNSEEN))
        )
        text = _line_table(spec, split, fonts.faces)
        if split in ("train", UNSEEN):
            _report_unused_faces(spec, fonts, text)
        return Assets(
            spec,
            split,
            fonts,
            text,
            photographs=backgrounds.picture_scenes(listing.pictures_of(spec, test), spec.width, spec.height)
            + backgrounds.frame_scenes(frames, spec.width, spec.height),
            procedural=backgrounds.procedural_scenes(spec.seed, test, spec.width, spec.height),
        )

    @cached_property
    def scene_text(self) -> tuple[str, ...]:
        """Bundled lines of the split's side, from which texts of the scene are taken."""
        max_chars = preset(self.spec.lang).text.max_chars
        return corpus.bundled_lines(
            self.spec.lang, corpus.SOURCES[self.spec.lang], max_chars, self.split != "train"
        ).text

    @property
    def lines_dropped(self) -> int:
        """The number of lines of the corpus that no face covers."""
        return self.text.dropped

    @cached_property
    def _scenes(self) -> dict[str, Scene]:
        return {scene.name: scene for scene in (*self.photographs, *self.procedural)}

    def face(self, name: str) -> FaceGlyphs:
        """The face of this name. Raises SpecError if the spec does not have it."""
        if name in self.fonts.by_name:
            return self.fonts.by_name[name]
        raise SpecError(f"font {name!r} is not among the spec's fonts; use the spec that the recipe was planned with")

    def scene(self, name: str) -> Scene:
        """The background of this name. Raises SpecError if the spec does not have it."""
        if name in self._scenes:
            return self._scenes[name]
        raise SpecError(
            f"background {name!r} is not among the spec's backgrounds; use the spec that the recipe was planned with"
        )


@lru_cache(maxsize=16)
def shared_assets(spec: Spec, split: str) -> Assets:
    """The assets of a split, opened once per process, for functions that receive only a spec or a recipe."""
    return Assets.open(spec, split)


def _report_unused_faces(spec: Spec, fonts: FaceTable, text: LineTable) -> None:
    """Log a warning that names the faces of a user's fonts that no sample can show, and why."""
    drawn_bold = [bold for bold, p in ((0, 1 - spec.fonts.p_bold), (1, spec.fonts.p_bold)) if p > 0]
    drawn_italic = [italic for italic, p in ((0, 1 - spec.fonts.p_italic), (1, spec.fonts.p_italic)) if p > 0]
    drawable = set(fonts.candidates[np.ix_(drawn_bold, drawn_italic)].reshape(-1).tolist())
    covering: list[bool] = np.asarray(text.covered.any(axis=1)).tolist()
    for reason, unused in (
        ("no line of the text is covered by them", [i for i in range(len(fonts.faces)) if not covering[i]]),
        ("p_bold and p_italic exclude them", [i for i in range(len(fonts.faces)) if covering[i] and i not in drawable]),
    ):
        names = [fonts.faces[i].face.name for i in unused if fonts.faces[i].face.role == "user"]
        if names:
            shown = ", ".join(names[:8]) + (", ..." if names[8:] else "")
            log.warning("fonts: %d of %d faces are not used: %s (%s)", len(names), len(fonts.faces), reason, shown)


def _line_table(spec: Spec, split: str, faces: Sequence[FaceGlyphs]) -> LineTable:
    lines = _lines(spec, split != "train")
    if not lines.text:
        raise MaterialError(f"the corpus has no line for the {split} split; add lines to text.files")
    whole = len(lines.text)
    if spec.text.p_short > 0:
        lines = corpus.with_short_forms(lines, split != "train")
    covered = _covered(faces, lines) & ~np.array([mixes_directions(text) for text in lines.text])
    usable: NDArray[np.bool_] = np.asarray(covered.any(axis=0))
    if not usable[:whole].all() and spec.text.uncovered == "error" and split != UNSEEN:
        raise _uncovered_error(faces, lines, int(np.flatnonzero(~usable)[0]))
    if not usable[:whole].any():
        raise MaterialError("no font covers a single line of the corpus; name other fonts or another corpus")
    by_source, weights = _by_source(spec, lines, usable & (np.arange(len(usable)) < whole))
    cues = corpus.lines_of_cues(lines, whole) if spec.text.files and spec.text.lines.get("two", 0) > 0 else _NO_CUES
    return LineTable(
        lines,
        covered,
        by_source,
        weights,
        short=tuple(_short_forms(spec, lines, usable, whole, by_source)),
        cues=cues[(covered[:, cues[:, 0]] & covered[:, cues[:, 1]]).any(axis=0)],
        dropped=int((~usable[:whole]).sum()),
    )


def _short_forms(
    spec: Spec, lines: Lines, usable: NDArray[np.bool_], whole: int, by_source: tuple[NDArray[np.int64], ...]
) -> Iterator[NDArray[np.int64]]:
    """The usable short forms, from the line `whole` on, of the sources of `by_source`."""
    short = whole + np.flatnonzero(usable[whole:])
    if spec.text.p_short > 0 and not len(short):
        log.warning("text.p_short: the text has no words of 1 to 3 characters; all lines keep their length")
    for members in by_source:
        yield short if spec.text.files else short[lines.source[short] == lines.source[members[0]]]


def _lines(spec: Spec, test: bool) -> Lines:
    if spec.text.files:
        return corpus.user_lines(spec.text.files, spec.lang, spec.text.max_chars, test)
    known = corpus.SOURCES[spec.lang]
    for name in spec.text.sources:
        if name not in known:
            raise SpecError(f"text.sources.{name}: the bundled {spec.lang} text has {', '.join(known)}")
    used = [name for name in known if spec.text.sources.get(name, 0) > 0]
    return corpus.bundled_lines(spec.lang, used, spec.text.max_chars, test)


def _by_source(
    spec: Spec, lines: Lines, usable: NDArray[np.bool_]
) -> tuple[tuple[NDArray[np.int64], ...], tuple[float, ...]]:
    if spec.text.files:
        return (np.flatnonzero(usable),), (1.0,)
    members, weights = [], []
    for name in corpus.SOURCES[spec.lang]:  # a fixed order: specs that list the same weights in another order are equal
        weight = spec.text.sources.get(name, 0.0)
        if weight > 0:
            number = lines.sources.index(name) if name in lines.sources else -1
            of_source = np.flatnonzero((lines.source == number) & usable)
            if not len(of_source):
                raise MaterialError(f"text.sources.{name}: no font covers any of its lines; leave it out or add fonts")
            members.append(of_source)
            weights.append(weight)
    return tuple(members), tuple(weights)


def _covered(faces: Sequence[FaceGlyphs], lines: Lines) -> NDArray[np.bool_]:
    """bool (faces, lines): whether a face can draw all characters of a line. Joiners need no glyph."""
    joined = np.frombuffer("".join(lines.text).encode("utf-32-le"), dtype="<u4").astype(np.uint32)
    known = np.zeros(int(joined.max()) + 1, np.bool_)  # by code point: faster than sorting millions of characters
    known[joined] = True
    codes = np.flatnonzero(known).astype(np.uint32)
    code_index = (np.cumsum(known) - 1)[joined]
    starts = np.cumsum(lines.length) - lines.length
    for glyphs in faces:
        glyphs.expect(codes)
    ignorable = np.array([is_ignorable(chr(code)) for code in codes], dtype=np.bool_)
    drawable = ((glyphs.covers(codes) | ignorable)[code_index] for glyphs in faces)
    return np.array([np.logical_and.reduceat(per_character, starts) for per_character in drawable])


def _uncovered_error(faces: Sequence[FaceGlyphs], lines: Lines, line: int) -> MaterialError:
    origin = f"{lines.sources[lines.source[line]]} {lines.id[line]}"
    if mixes_directions(lines.text[line]):
        return MaterialError(
            f"the line {lines.text[line]!r} ({origin}) mixes letters that run from right to left with others; remove "
            "it, or set text.uncovered to 'drop'"
        )
    codes = np.array([ord(c) for c in lines.text[line] if not is_ignorable(c)], dtype=np.uint32)
    best = max(faces, key=lambda glyphs: int(glyphs.covers(codes).sum()))
    code = int(codes[~best.covers(codes)][0])
    return MaterialError(
        f"no font covers the line {lines.text[line]!r} ({origin}): font {best.face.name!r} has no glyph for "
        f"U+{code:04X} {chr(code)!r}; remove the line, name another font, or set text.uncovered to 'drop'"
    )
