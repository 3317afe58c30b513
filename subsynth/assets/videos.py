"""Videos: a user's films, and the division of their frames between train and the test splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from subsynth.assets import film_frames, thumbnails
from subsynth.assets.film_frames import Film, FilmFrames
from subsynth.assets.pictures import TEST_SHARE
from subsynth.core import cache
from subsynth.core.errors import MaterialError
from subsynth.core.files import open_regular_file

DIGESTS = "film-digest-1"
TEST_FROM = 0.85  # of one film: where its test part starts
GAP = 0.05  # of one film: between its train part and its test part, and at least MIN_GAP where it is long enough
MIN_GAP = 5.0  # seconds
MAX_GAP = 0.15  # of one film
SAME_SHOT = 0.8  # likeness of a test frame to a train frame from which on they may show the same shot


@dataclass(frozen=True)
class Frame:
    """One frame of a film: its name in the column `background`, its number among the packed ones, and its side."""

    name: str
    film: Film
    number: int
    test: bool


def user_films(paths: Sequence[str]) -> tuple[Film, ...]:
    """The films of these files, in the order of their digests; files of the same content count once.

    If two files have the same name, the first digits of their digests are prepended. Raises MaterialError for a file
    that is missing or is not a regular file; whether it holds a video is not checked here.
    """
    by_digest: dict[str, Film] = {}
    for path in paths:
        resolved = _resolve(path)
        digest = _digest(resolved)
        by_digest.setdefault(digest, Film(resolved.name, str(resolved), digest))
    names = Counter(film.name for film in by_digest.values())
    return tuple(
        film if names[film.name] == 1 else replace(film, name=f"{digest[:8]}-{film.name}")
        for digest, film in sorted(by_digest.items())
    )


def divide_frames(films: Sequence[Film], width: int, height: int) -> tuple[Frame, ...]:
    """The frames of films for crops of width x height px, each for train or for the test splits.

    Of two and more films, one in TEST_SHARE, and at least one, is for the test splits. Of a single film, the first part
    is for train and the last part for test, with a gap between them. Test frames that resemble a frame of train are
    left out, so that no shot is on both sides; none may remain. Films that are not in the cache are prepared first.
    Raises MaterialError for unusable films.
    """
    packed = [film_frames.read_film(film, width, height) for film in films]
    sides = [_sides(frames, i, len(films)) for i, frames in enumerate(packed)]
    train = np.concatenate([f.thumbnails[side == "train"] for f, side in zip(packed, sides, strict=True)])
    frames = []
    for film, content, side in zip(films, packed, sides, strict=True):
        likeness = np.full(len(side), -1.0)
        likeness[side == "test"] = thumbnails.likeness(content.thumbnails[side == "test"], train)
        for number, seconds in enumerate(content.seconds):
            if side[number] == "train" or (side[number] == "test" and likeness[number] < SAME_SHOT):
                frames.append(Frame(f"{film.name}@{seconds:.1f}", film, number, side[number] == "test"))
    return tuple(frames)


def _sides(frames: FilmFrames, number: int, films: int) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """The side of each frame of a film: "train", "test", or "" in the gap of a single film."""
    seconds = np.array(frames.seconds)
    if films > 1:
        return np.full(len(seconds), "test" if number % TEST_SHARE == 0 else "train")
    first, span = seconds[0], seconds[-1] - seconds[0]
    gap = max(GAP * span, min(MIN_GAP, MAX_GAP * span))
    start = first + TEST_FROM * span
    return np.where(seconds >= start, "test", np.where(seconds < start - gap, "train", ""))


def _resolve(path: str) -> Path:
    try:
        resolved = Path(path).expanduser().resolve()
        str(resolved).encode("utf-8")  # OpenCV crashes at a path that it cannot encode
        return resolved
    except UnicodeEncodeError as error:
        raise MaterialError(f"video {path!a}: its path is not UTF-8; rename it") from error
    except (OSError, RuntimeError, ValueError) as error:  # no home folder, a loop of links, a NUL
        raise MaterialError(f"video {path!r}: {error}; check background.videos") from error


def _digest(path: Path) -> str:
    """SHA-256, hex, of a film, which every process needs: it is kept in the cache until the file changes."""
    with open_regular_file(path, "video", "name a video file in background.videos", MaterialError) as file:
        status = path.stat()
        identity = f"{path}\0{status.st_size} {status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}"
        name = f"{DIGESTS}/{hashlib.sha256(identity.encode()).hexdigest()[:24]}"

        def build(folder: Path) -> None:
            file.seek(0)
            (folder / "sha256").write_text(hashlib.file_digest(file, "sha256").hexdigest(), encoding="ascii")

        return cache.read_entry(name, build, lambda folder: (folder / "sha256").read_text(encoding="ascii"))
