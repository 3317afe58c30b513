"""Frames of one film: chosen apart in time, without uniform and repeated ones, and packed into the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from subsynth.assets import pyramids, thumbnails
from subsynth.assets.pyramids import LoadLevels
from subsynth.assets.video_reading import Video, VideoFrame, open_video
from subsynth.core import cache
from subsynth.core.errors import MaterialError
from subsynth.core.pixels import U8

PACK = "film-2"  # changes with the choice of frames and with the layout of the packed arrays
MAX_BYTES = 290_000_000  # of the packed frames of a film
FEW = 16  # frames that are tried in a short film, if they are MIN_SPACING apart
SPACING, MIN_SPACING = 1.0, 0.2  # seconds between frames, at least: in general, and in a short film
SAME_PICTURE = 0.9  # correlation of the thumbnails of two frames from which on they count as the same picture

Report = Callable[[float], None]  # receives the finished share of the work, 0 to 1


@dataclass(frozen=True)
class Film:
    """One film: its name in the column `background`, without the time, its path, and the SHA-256 of its content."""

    name: str
    path: str
    sha256: str


@dataclass(frozen=True, eq=False)
class FilmFrames:
    """The n packed frames of a film: times in seconds, ascending, thumbnails uint8 (n, h, w), and their levels.

    The times are different when they are rounded to tenths of a second.
    """

    seconds: tuple[float, ...]
    thumbnails: U8
    loads: tuple[LoadLevels, ...]


def prepare_film(film: Film, width: int, height: int, report: Report = lambda share: None) -> None:
    """Add the frames of a film, for crops of width x height px, to the cache, unless they are there.

    Raises MaterialError if the film cannot be read, or has fewer than two usable frames.
    """
    cache.build_once(_entry(film, width, height), lambda folder: _pack(film, width, height, folder, report))


def is_prepared(film: Film, width: int, height: int) -> bool:
    """Whether the frames of a film are in the cache."""
    return cache.has_entry(_entry(film, width, height))


def read_film(film: Film, width: int, height: int) -> FilmFrames:
    """The frames of a film, which is prepared if the cache lacks it. Raises MaterialError as `prepare_film` does."""

    def build(folder: Path) -> None:
        _pack(film, width, height, folder, lambda share: None)

    def read(folder: Path) -> FilmFrames:
        seconds = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
        small = np.fromfile(folder / "thumbnails.u8", np.uint8).reshape(-1, thumbnails.HEIGHT, thumbnails.WIDTH)
        return FilmFrames(tuple(seconds), small, pyramids.read_pack(folder))

    return cache.read_entry(_entry(film, width, height), build, read)


def _entry(film: Film, width: int, height: int) -> str:
    """The cache entry of a film. Films of the same content share it, whatever their names."""
    levels = "-".join(f"{w}x{h}" for w, h in pyramids.level_sizes(*pyramids.FRAME, width, height))
    return f"{PACK}/{film.sha256[:24]}-{levels}"


def _pack(film: Film, width: int, height: int, folder: Path, report: Report) -> None:
    seconds: list[float] = []
    small: list[bytes] = []
    with open_video(film.path) as video:

        def images() -> Iterator[U8]:
            for frame, thumbnail in _choose(video, _frame_limit(video, width, height), report):
                seconds.append(round(frame.seconds, 3))
                small.append(thumbnail.tobytes())
                yield frame.image

        pyramids.write_pack(images(), width, height, folder)
    if len(seconds) < 2:
        raise MaterialError(
            f"video {film.path}: {len(seconds)} usable frames, and two are needed: frames that are black, uniform or "
            "repeated do not count; remove it from background.videos"
        )
    (folder / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")
    (folder / "thumbnails.u8").write_bytes(b"".join(small))


def _frame_limit(video: Video, width: int, height: int) -> int:
    """How many frames are tried: as many as fit in MAX_BYTES, and fewer in a short film."""
    room = MAX_BYTES // pyramids.count_bytes(video.width, video.height, width, height)
    apart = max(int(video.duration / SPACING), min(FEW, int(video.duration / MIN_SPACING)))
    return min(video.count, max(2, min(room, apart)))


def _choose(video: Video, count: int, report: Report) -> Iterator[tuple[VideoFrame, U8]]:
    """The usable ones of `count` frames, with their thumbnails: not uniform, and unlike all frames before."""
    used = np.zeros((0, thumbnails.HEIGHT * thumbnails.WIDTH))
    tenths: set[float] = set()
    for i, frame in enumerate(video.spread(count)):
        report((i + 1) / count)
        if frame is None or round(frame.seconds, 1) in tenths:  # the tenths of a second tell frames apart by name
            continue
        small = thumbnails.thumbnail(frame.image)
        vector = thumbnails.standardise(small[None])
        if thumbnails.is_uniform(small) or (used @ vector[0]).max(initial=-1.0) >= SAME_PICTURE:
            continue
        used = np.vstack((used, vector))
        tenths.add(round(frame.seconds, 1))
        yield frame, small
