"""The subtitles of a film: when each is shown, where, and what is made of its picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from subsynth.assets.video_reading import open_video
from subsynth.binarization.binarizer import Binarizer
from subsynth.binarization.detection import detect_text
from subsynth.binarization.lines import find_lines, ink_of_lines
from subsynth.binarization.masks import SAME, Mask, similarity
from subsynth.binarization.result import Box, Result
from subsynth.binarization.tracking import Track, Tracker
from subsynth.core.pixels import U8
from subsynth.core.processors import available_cores
from subsynth.core.progress import Progress

MARGIN = 0.5  # heights of a line around the text of a cropped frame
MAX_GAP = 0.7  # seconds between two parts of a subtitle that are joined
STATIC = 0.7  # share of a subtitle's mask that is static text, such as a watermark, above which it is left out
Made = TypeVar("Made")


@dataclass(frozen=True)
class Subtitle(Generic[Made]):
    """A subtitle: `begin` and `end` in seconds, the box of its text in px of the film, its mean confidence.

    `made` is what was made of its cropped frame and the result for it.
    """

    begin: float
    end: float
    box: Box
    confidence: float
    made: Made


@dataclass(frozen=True)
class _Crop:
    """The frames of a track, cut to the surroundings of its text; `left` and `top` are where they were cut."""

    frames: list[U8]
    left: int
    top: int


def find_subtitles(
    path: Path, binarizer: Binarizer, make: Callable[[U8, Result], Made], progress: Progress
) -> list[Subtitle[Made]]:
    """The subtitles of a film in the order of time. Raises MaterialError if it cannot be read.

    `make` is called with the cropped frame (H, W, 3) and the result of each, in one of several threads. `progress`
    counts seconds of the film.
    """
    threads, tracker, reported = available_cores(), Tracker(), 0
    tracks: list[Track] = []
    subtitles: list[Future[Subtitle[Made] | None]] = []
    with open_video(str(path)) as video, ThreadPoolExecutor(threads) as pool:
        progress.start(max(1, int(video.duration)))

        def finish(track: Track) -> None:
            crop = _crop(track, video.width, video.height)
            track.frames = []
            tracks.append(track)
            subtitles.append(pool.submit(_subtitle, track, crop, binarizer, make))

        try:
            for sample in detect_text(video, binarizer, pool, threads):
                for track in tracker.feed(sample):
                    finish(track)
                if int(sample.seconds) > reported:
                    progress.advance(int(sample.seconds) - reported)
                    reported = int(sample.seconds)
            for track in tracker.finish():
                finish(track)
            results = [future.result() for future in subtitles]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return _joined(tracks, results, tracker.static())


def _crop(track: Track, width: int, height: int) -> _Crop:
    mask = track.reference
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    scale = width / mask.shape[1]
    lines = find_lines(mask.astype(np.uint8) * np.uint8(255))
    tallest = max((line.box.height for line in lines), default=len(rows))
    margin = max(8, round(MARGIN * tallest * scale))
    left, right = int(columns[0] * scale) - margin, int((columns[-1] + 1) * scale) + margin
    top, bottom = int(rows[0] * scale) - margin, int((rows[-1] + 1) * scale) + margin
    left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
    frames = [frame[top:bottom, left:right].copy() for frame in track.frames if frame.shape[:2] == (height, width)]
    return _Crop(frames, left, top)


def _subtitle(
    track: Track, crop: _Crop, binarizer: Binarizer, make: Callable[[U8, Result], Made]
) -> Subtitle[Made] | None:
    """The subtitle of a track; None if its frames show no text at their full size."""
    if not crop.frames:
        return None
    results = binarizer.binarize_batch(crop.frames)
    # Text stays while the picture behind it moves: the mean has less of what is not text.
    mean = np.asarray(np.mean([result.coverage for result in results], axis=0) + 0.5, np.uint8)
    lines = find_lines(mean)
    if not lines:
        return None
    erased = np.median([result.erase_mask for result in results], axis=0)
    result = Result(ink_of_lines(mean, lines), np.where(erased < 128, np.uint8(0), np.uint8(255)), lines)
    boxes = [line.box for line in lines]
    box = Box(
        crop.left + min(b.x0 for b in boxes),
        crop.top + min(b.y0 for b in boxes),
        crop.left + max(b.x1 for b in boxes),
        crop.top + max(b.y1 for b in boxes),
    )
    made = make(crop.frames[len(crop.frames) // 2], result)
    return Subtitle(track.begin, track.end, box, result.confidence, made)


def _joined(
    tracks: Sequence[Track], subtitles: Sequence[Subtitle[Made] | None], static: Mask | None
) -> list[Subtitle[Made]]:
    """The subtitles without static text, and with parts of one that follow each other joined."""
    kept: list[tuple[Track, Subtitle[Made]]] = []
    for track, subtitle in zip(tracks, subtitles, strict=True):
        mask = track.reference
        if subtitle is None or (
            static is not None and np.count_nonzero(mask & static) > STATIC * np.count_nonzero(mask)
        ):
            continue
        if kept:
            last_track, last = kept[-1]
            if track.begin - last.end <= MAX_GAP and similarity(last_track.reference, mask) >= SAME:
                longer = max(last, subtitle, key=lambda s: s.end - s.begin)
                kept[-1] = last_track, replace(longer, begin=last.begin, end=subtitle.end)
                continue
        kept.append((track, subtitle))
    return [subtitle for _, subtitle in kept]
