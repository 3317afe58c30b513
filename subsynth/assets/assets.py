"""Materials: all that a spec names, opened: faces, lines with who covers them, scenes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from subsynth.assets import backgrounds, corpus, fonts, glyphs
from subsynth.core.errors import MaterialError, SpecError
from subsynth.data import font_catalogue
from subsynth.data.font_catalogue import Face
from subsynth.kernels import compilation
from subsynth.spec.spec import Spec


@dataclass(frozen=True)
class Materials:
    """What one split is made from.

    faces: every face that may be drawn; face_of: int64 (2, 2, F), the face of each of F families for
    (bold, italic), -1 where a family has none; sheared: bool (2, 2, F), where that face has to be slanted;
    covered: bool (faces, lines), which face can draw which line; by_source: the lines of each source that
    the spec weighs, with their weights; dropped: how many lines no face covers.
    """

    faces: tuple[glyphs.Outlines, ...]
    families: tuple[str, ...]
    face_of: NDArray[np.int64]
    sheared: NDArray[np.bool_]
    lines: corpus.Lines
    covered: NDArray[np.bool_]
    by_source: tuple[NDArray[np.int64], ...]
    weights: tuple[float, ...]
    photographs: tuple[backgrounds.Scene, ...]
    procedural: tuple[backgrounds.Scene, ...]
    dropped: int

    @cached_property
    def _by_name(self) -> dict[str, glyphs.Outlines]:
        return {o.face.name: o for o in self.faces}

    @cached_property
    def _scenes(self) -> dict[str, backgrounds.Scene]:
        return {s.name: s for s in (*self.photographs, *self.procedural)}

    def face(self, name: str) -> glyphs.Outlines:
        """The face of that name. Raises SpecError if the spec does not hold it."""
        if name in self._by_name:
            return self._by_name[name]
        raise SpecError(f"font {name!r} is not among the spec's fonts; use the spec that the recipe was planned with")

    def scene(self, name: str) -> backgrounds.Scene:
        """The background of that name. Raises SpecError if the spec does not hold it."""
        if name in self._scenes:
            return self._scenes[name]
        raise SpecError(f"background {name!r} is not among the spec's; use the spec that the recipe was planned with")


@lru_cache(maxsize=16)
def materials(spec: Spec, split: str) -> Materials:
    """Open what a spec needs for a split; what is not in the cache yet is prepared. Raises MaterialError."""
    spec.size(split)
    for side in (False, True):  # what is bundled is whole; a user's pictures are all tried before the first is used
        if spec.background.folders:
            backgrounds.pack(_pictures(spec, side), spec.width, spec.height)
    test = split != "train"
    faces = tuple(glyphs.open_face(face) for face in _faces(spec, split == UNSEEN))
    families, face_of, sheared = _choices(faces)
    lines = _lines(spec, test)
    if not lines.text:
        raise MaterialError(f"the corpus gives the {split} split no line; add lines to text.files")
    covered = _covered(faces, lines)
    usable: NDArray[np.bool_] = np.asarray(covered.any(axis=0))
    if not usable.all() and spec.text.uncovered == "error" and split != UNSEEN:
        raise _uncovered(faces, lines, int(np.flatnonzero(~usable)[0]))
    if not usable.any():
        raise MaterialError("no font covers a single line of the corpus; name other fonts or another corpus")
    by_source, weights = _by_source(spec, lines, usable)
    return Materials(
        faces, families, face_of, sheared, lines, covered, by_source, weights,
        photographs=backgrounds.scenes(_pictures(spec, test), spec.width, spec.height),
        procedural=backgrounds.procedural_scenes(spec.seed, test, spec.width, spec.height),
        dropped=int((~usable).sum()),
    )  # fmt: skip


UNSEEN = "test_unseen_fonts"
FEW, MANY = 200, 2000  # samples: so few draw only what they need; so many are worth packing and compiling for


def prepare(spec: Spec, samples: int, watch: Callable[[Iterable[str]], Iterable[str]] = iter) -> None:
    """Fill the cache for a number of samples: at least FEW of them with packed fonts and pictures, MANY with kernels.

    `watch` wraps the names of the steps, for a progress bar. What is not prepared is opened piece by piece
    as it is needed, and drawn without kernels: slower, but the same.
    """
    if samples < FEW:
        return
    child = compilation.start() if samples >= MANY else None
    try:
        steps: dict[str, Callable[[], object]] = {}
        for face in all_faces(spec):
            if not glyphs.is_packed(face):
                steps[face.name] = partial(glyphs.pack, face)
        for test in (False, True):
            pictures = _pictures(spec, test)
            if pictures and not backgrounds.is_packed(pictures, spec.width, spec.height):
                label = f"{len(pictures)} {'test' if test else 'train'} pictures"
                steps[label] = partial(backgrounds.pack, pictures, spec.width, spec.height)
        if child is not None:  # it runs beside the others
            steps["compiling, once for this machine"] = partial(compilation.finish, child)
        if steps:
            for step in watch(list(steps)):
                steps[step]()
            glyphs.open_face.cache_clear()
            materials.cache_clear()
    finally:
        if child is not None and child.poll() is None:
            child.terminate()
            child.wait()


def digest(spec: Spec) -> str:
    """SHA-256, hex, of the content of every font, picture and corpus that a spec draws on."""
    found = hashlib.sha256()
    for face in all_faces(spec):
        found.update(f"font {face.name} {face.sha256} {face.number}\n".encode())
    for test in (False, True):
        for picture in _pictures(spec, test):
            found.update(f"picture {picture.name} {picture.sha256} {test}\n".encode())
    if spec.text.files:
        for path in spec.text.files:
            for row in corpus.own(path):
                found.update("\t".join(row).encode())
    else:
        found.update(f"text {corpus.digest(spec.lang)}\n".encode())
    return found.hexdigest()


def all_faces(spec: Spec) -> tuple[Face, ...]:
    """The faces of all splits. Raises MaterialError if a face is among the seen and the unseen ones."""
    seen = _faces(spec, False)
    unseen = _faces(spec, True) if UNSEEN in spec.splits else ()
    for face in unseen:
        if any((face.sha256, face.number) == (other.sha256, other.number) for other in seen):
            raise MaterialError(
                f"font {face.path}: {face.name!r} is among fonts and unseen fonts; keep it in one of them"
            )
    return seen + unseen


@lru_cache(maxsize=16)
def _faces(spec: Spec, unseen: bool) -> tuple[Face, ...]:
    faces: list[Face] = []
    own = spec.fonts.unseen_files if unseen else spec.fonts.files
    if own:
        for path in own:
            faces.extend(fonts.own(path))
    else:
        for family in spec.fonts.unseen_families if unseen else spec.fonts.families:
            faces.extend(font_catalogue.bundled(family))
    seen: dict[str, Face] = {}
    for face in faces:
        if face.name in seen:
            raise MaterialError(f"font {face.path}: {face.name!r} is also the name of {seen[face.name].path}; keep one")
        seen[face.name] = face
    return tuple(faces)


def all_pictures(spec: Spec) -> tuple[backgrounds.Picture, ...]:
    """The pictures of all splits."""
    return _pictures(spec, False) + _pictures(spec, True)


@lru_cache(maxsize=8)
def _pictures(spec: Spec, test: bool) -> tuple[backgrounds.Picture, ...]:
    if spec.background.p_procedural >= 1:
        return ()
    pictures = backgrounds.own(spec.background.folders) if spec.background.folders else backgrounds.catalogue()
    return tuple(p for p in pictures if p.test == test)


def _lines(spec: Spec, test: bool) -> corpus.Lines:
    if spec.text.files:
        rows = (row for path in spec.text.files for row in corpus.own(path))
        return corpus.lines(rows, spec.lang, spec.text.max_chars, test)
    known = corpus.SOURCES[spec.lang]
    for name in spec.text.sources:
        if name not in known:
            raise SpecError(f"text.sources.{name}: the bundled {spec.lang} text has {', '.join(known)}")
    used = [name for name in known if spec.text.sources.get(name, 0) > 0]
    return corpus.bundled_lines(spec.lang, used, spec.text.max_chars, test)


def _by_source(
    spec: Spec, lines: corpus.Lines, usable: NDArray[np.bool_]
) -> tuple[tuple[NDArray[np.int64], ...], tuple[float, ...]]:
    if spec.text.files:
        return (np.flatnonzero(usable),), (1.0,)
    members, weights = [], []
    for name, weight in spec.text.sources.items():
        if weight > 0:
            number = lines.sources.index(name) if name in lines.sources else -1
            of_source = np.flatnonzero((lines.source == number) & usable)
            if not len(of_source):
                raise MaterialError(f"text.sources.{name}: no font covers a line of it; leave it out or add fonts")
            members.append(of_source)
            weights.append(weight)
    return tuple(members), tuple(weights)


def _choices(
    faces: tuple[glyphs.Outlines, ...],
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.bool_]]:
    """The face of each family for (bold, italic), and whether it has to be sheared."""
    families = tuple(dict.fromkeys(o.face.family for o in faces))
    face_of = np.full((2, 2, len(families)), -1, np.int64)
    sheared = np.zeros((2, 2, len(families)), np.bool_)
    for number, family in enumerate(families):
        own = [(i, o.face) for i, o in enumerate(faces) if o.face.family == family]
        for bold in (0, 1):
            weight = [(i, f) for i, f in own if f.bold == bool(bold)] or own
            upright = [i for i, f in weight if not f.italic]
            slanted = [i for i, f in weight if f.italic]
            if upright:
                face_of[bold, 0, number] = upright[0]
            face_of[bold, 1, number] = slanted[0] if slanted else upright[0]
            sheared[bold, 1, number] = not slanted
    for bold in (0, 1):  # where every family is oblique by design, upright text is oblique too
        if (face_of[bold, 0] < 0).all():
            face_of[bold, 0] = face_of[bold, 1]
    return families, face_of, sheared


def _covered(faces: tuple[glyphs.Outlines, ...], lines: corpus.Lines) -> NDArray[np.bool_]:
    """bool (faces, lines): whether a face can draw all characters of a line."""
    joined = np.frombuffer("".join(lines.text).encode("utf-32-le"), dtype="<u4").astype(np.uint32)
    codes, number = np.unique(joined, return_inverse=True)
    starts = np.cumsum(lines.length) - lines.length
    return np.array([np.logical_and.reduceat(o.covers(codes)[number], starts) for o in faces])


def _uncovered(faces: tuple[glyphs.Outlines, ...], lines: corpus.Lines, line: int) -> MaterialError:
    codes = np.array([ord(c) for c in lines.text[line]], dtype=np.uint32)
    best = max(faces, key=lambda o: int(o.covers(codes).sum()))
    code = int(codes[~best.covers(codes)][0])
    origin = f"{lines.sources[lines.source[line]]} {lines.id[line]}"
    return MaterialError(
        f"no font covers the line {lines.text[line]!r} ({origin}): font {best.face.name!r} has no glyph for "
        f"U+{code:04X} {chr(code)!r}; remove the line, name another font, or set text.uncovered to 'drop'"
    )
