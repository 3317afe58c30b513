"""Listing: the font faces, pictures, films and frames of a spec, and the digest of all its assets."""

from __future__ import annotations

import hashlib
import logging
from functools import lru_cache

from subsynth.assets import corpus, user_text
from subsynth.assets.film_frames import Film
from subsynth.assets.fonts import find_fonts, read_font_file
from subsynth.assets.pictures import Picture, bundled_pictures, user_pictures
from subsynth.assets.videos import Frame, divide_frames, user_films
from subsynth.core.errors import MaterialError
from subsynth.data import font_catalogue
from subsynth.data.font_catalogue import Face
from subsynth.spec.spec import Spec

log = logging.getLogger(__name__)

UNSEEN = "test_unseen_fonts"


@lru_cache(maxsize=16)
def faces_of(spec: Spec, unseen: bool) -> tuple[Face, ...]:
    """The faces of the split of unseen fonts, or those of all other splits.

    Raises MaterialError for an unusable font, or for two different faces with the same name.
    """
    faces: list[Face] = []
    files = spec.fonts.unseen_files if unseen else spec.fonts.files
    if files:
        for entry in files:
            for path in find_fonts(entry):
                faces.extend(read_font_file(path))
    else:
        for family in spec.fonts.unseen_families if unseen else spec.fonts.families:
            faces.extend(font_catalogue.bundled(family))
    by_name: dict[str, Face] = {}
    for face in faces:
        if face.name in by_name:
            other = by_name[face.name]
            if _identity(face) == _identity(other):
                continue  # the same face, named twice
            raise MaterialError(f"font {face.path}: {face.name!r} is also the name of {other.path}; keep one of them")
        by_name[face.name] = face
    return tuple(by_name.values())


def all_faces(spec: Spec) -> tuple[Face, ...]:
    """The faces of all splits. Raises MaterialError if a face is both a seen and an unseen one."""
    seen = faces_of(spec, False)
    unseen = faces_of(spec, True) if UNSEEN in spec.splits else ()
    for face in unseen:
        if any(_identity(face) == _identity(other) for other in seen):
            raise MaterialError(
                f"font {face.path}: {face.name!r} is among fonts and unseen fonts; keep it in one of them"
            )
    return seen + unseen


def _identity(face: Face) -> tuple[str, int, tuple[tuple[str, float], ...]]:
    """The values by which two faces count as the same."""
    return face.sha256, face.number, face.variations


@lru_cache(maxsize=8)
def pictures_of(spec: Spec, test: bool) -> tuple[Picture, ...]:
    """The pictures of train, or of the test splits; none if all backgrounds are procedural or frames of films.

    Where films leave no frames for the test splits, these have the bundled photographs, and a warning says so.
    """
    section = spec.background
    if section.p_procedural >= 1:
        return ()
    if section.videos and not section.folders:
        if not test or frames_of(spec, test):
            return ()
        log.warning(
            "background.videos: all frames for the test splits resemble frames of train; the test splits have the "
            "bundled photographs instead (another film would give them frames of their own)"
        )
    pictures = user_pictures(spec.background.folders) if spec.background.folders else bundled_pictures()
    return tuple(picture for picture in pictures if picture.test == test)


def all_pictures(spec: Spec) -> tuple[Picture, ...]:
    """The pictures of all splits."""
    return pictures_of(spec, False) + pictures_of(spec, True)


@lru_cache(maxsize=8)
def films_of(spec: Spec) -> tuple[Film, ...]:
    """The films whose frames are backgrounds; none if all backgrounds are procedural. Raises MaterialError."""
    return () if spec.background.p_procedural >= 1 else user_films(spec.background.videos)


@lru_cache(maxsize=8)
def frames_of(spec: Spec, test: bool) -> tuple[Frame, ...]:
    """The frames of films for train, or for the test splits. Films that are not in the cache are prepared first."""
    films = films_of(spec)
    frames = divide_frames(films, spec.width, spec.height) if films else ()
    return tuple(frame for frame in frames if frame.test == test)


def assets_digest(spec: Spec) -> str:
    """SHA-256, hex, of the content of every font, picture, film and text file that a spec uses."""
    digest = hashlib.sha256()
    for face in all_faces(spec):
        digest.update(f"font {face.name} {_identity(face)}\n".encode())
    for test in (False, True):
        for picture in pictures_of(spec, test):
            digest.update(f"picture {picture.name} {picture.sha256} {test}\n".encode())
    for film in films_of(spec):
        digest.update(f"film {film.name} {film.sha256}\n".encode())
    if spec.text.files:
        digest.update(f"text files {user_text.content_digest(spec.text.files)}\n".encode())
    else:
        digest.update(f"text {corpus.bundled_digest(spec.lang)}\n".encode())
    return digest.hexdigest()
