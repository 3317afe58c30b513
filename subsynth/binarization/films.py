"""The subtitles of a film: when each is shown, where, and what is made of its picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from subsynth.assets.video_reading import Video, open_video
from subsynth.binarization.binarizer import Binarizer
from subsynth.binarization.detection import detect_text
from subsynth.binarization.lines import find_lines, ink_of_lines
from subsynth.binarization.masks import SAME, Mask, PackedMask, bounding_box, similarity
from subsynth.binarization.result import Box, Line, Result
from subsynth.binarization.tracking import MIN_INK, STATIC_SECONDS, Track, Tracker
from subsynth.binarization.watermarks import Frame, is_watermark
from subsynth.core.errors import MaterialError
from subsynth.core.files import open_regular_file
from subsynth.core.pixels import U8
from subsynth.core.processors import available_cores
from subsynth.core.progress import Progress

MARGIN = 0.5  # heights of a line around the text of a cropped frame
MAX_GAP = 0.7  # seconds between two parts of a subtitle that are joined
MIN_CONFIDENCE = 0.97  # of a line: that of clear text is above .98, that of texture mostly below
MAX_WAITING = 8_000_000  # bytes of a frame: of larger ones, one is kept of each subtitle that waits
TRACKED = 0.3  # share of the ink of a line that was found at the reduced size
CLEAR = 0.6  # share of the ink of the clearest frame: frames with less, as at the start of a fade, are not used
MIN_AREA = 1.5e-4  # of a frame: 12 x 12 px of 1280 x 720; smaller text is a speck
CURE = "name a video, or a picture with the ending of its format"
Made = TypeVar("Made")


@dataclass(frozen=True)
class Subtitle(Generic[Made]):
    """A subtitle: `begin` and `end` in seconds, its lines in px of the film, their mean confidence.

    `mask` is its text at the size of the detection; `made` is what was made of its cropped frame and the result for it.
    `is_watermark` tells that all of its lines look like watermarks.
    """

    begin: float
    end: float
    lines: tuple[Line, ...]
    confidence: float
    mask: PackedMask
    made: Made
    is_watermark: bool = False

    @property
    def box(self) -> Box:
        """The box around all lines."""
        x0, y0, x1, y1 = zip(*(line.box for line in self.lines), strict=True)
        return Box(min(x0), min(y0), max(x1), max(y1))


@dataclass(frozen=True)
class _Crop:
    """The frames of a track, cut to the surroundings of its text; `top` is the first of their rows in the whole frame.

    `mask` is the text of the track in the whole frame, reduced by `scale`.
    """

    frames: list[U8]
    whole: Frame
    top: int
    mask: Mask
    scale: float

    def tracked(self, result: Result) -> tuple[Line, ...]:
        """The lines that were found at the reduced size, too; others are a watermark, or lie beside the text."""
        return tuple(line for line in result.lines if self._share(line.box, result.coverage) >= TRACKED)

    def _share(self, box: Box, coverage: U8) -> float:
        """The ink of the track inside of a box of the crop, as a share of the ink in a coverage map of the crop."""
        ink = int(np.count_nonzero(coverage[box.y0 : box.y1, box.x0 : box.x1] >= 128))
        x0, x1 = (int((x + self.whole.left) / self.scale) for x in (box.x0, box.x1))
        y0, y1 = (int((y + self.top) / self.scale) for y in (box.y0, box.y1))
        return np.count_nonzero(self.mask[y0 : y1 + 1, x0 : x1 + 1]) * self.scale**2 / max(1, ink)


def find_subtitles(
    path: Path, binarizer: Binarizer, make: Callable[[U8, Result], Made], progress: Progress
) -> list[Subtitle[Made]]:
    """The subtitles of a film in the order of time. Raises MaterialError if it cannot be read.

    `make` is called with the cropped frame (H, W, 3) and the result of each, in one of several threads. `progress`
    counts seconds of the film.
    """
    _check_film(path)
    threads, tracker, reported = available_cores(), Tracker(), 0
    waiting: deque[Track] = deque()  # until it is known which of their text is static
    found: list[Future[Subtitle[Made] | None]] = []
    with open_video(str(path.absolute()), CURE) as video, ThreadPoolExecutor(threads) as pool:

        def make_subtitle(track: Track) -> None:
            static = tracker.static()
            if static is not None:
                track.reference = track.reference & ~static
            if np.count_nonzero(track.reference) >= MIN_INK:
                crop = _crop(track, video)
                found.append(pool.submit(_subtitle, track.begin, track.end, crop, binarizer, make))

        progress.start(max(1, int(video.duration)))
        try:
            for sample in detect_text(video, binarizer, pool, threads):
                for track in tracker.feed(sample):
                    if sample.frame.nbytes > MAX_WAITING:
                        track.frames = track.frames[len(track.frames) // 2 :][:1]
                    waiting.append(track)
                while waiting and waiting[0].end < sample.seconds - STATIC_SECONDS:
                    make_subtitle(waiting.popleft())
                if int(sample.seconds) > reported:
                    progress.advance(int(sample.seconds) - reported)
                    reported = int(sample.seconds)
            waiting.extend(tracker.finish())
            while waiting:
                make_subtitle(waiting.popleft())
            made = [subtitle for each in found if (subtitle := each.result()) is not None]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return _joined(made)


def _check_film(path: Path) -> None:
    """Raise MaterialError for a path that OpenCV must not get: it would wait for a FIFO, or crash."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise MaterialError(f"video {path}: its name is not UTF-8; rename it") from error
    with open_regular_file(path, "video", CURE, MaterialError):
        pass


def _crop(track: Track, video: Video) -> _Crop:
    mask = track.reference
    box, scale = bounding_box(mask), video.width / mask.shape[1]
    lines = find_lines(mask.astype(np.uint8) * np.uint8(255))
    tallest = max((line.box.height for line in lines), default=box.height)
    margin = max(8, round(MARGIN * tallest * scale))
    left, right = max(0, int(box.x0 * scale) - margin), min(video.width, int(box.x1 * scale) + margin)
    top, bottom = max(0, int(box.y0 * scale) - margin), min(video.height, int(box.y1 * scale) + margin)
    size = video.height, video.width  # of a film whose size changes, only frames of the first size can be compared
    frames = [frame[top:bottom, left:right].copy() for frame in track.frames if frame.shape[:2] == size]
    return _Crop(frames, Frame(left, video.width, video.height), top, mask, scale)


def _subtitle(
    begin: float, end: float, crop: _Crop, binarizer: Binarizer, make: Callable[[U8, Result], Made]
) -> Subtitle[Made] | None:
    """The subtitle of a track; None if its frames show no text, or nothing certain, at their full size."""
    results = [_restricted(result, crop.tracked(result)) for result in binarizer.binarize_batch(crop.frames, crop=True)]
    ink = [np.count_nonzero(result.coverage >= 128) for result in results]
    clear = [i for i, count in enumerate(ink) if count and count >= CLEAR * max(ink)]
    if not clear:
        return None
    # Text stays while the picture behind it moves: the mean has less of what is not text.
    mean = np.asarray(np.mean([results[i].coverage for i in clear], axis=0) + 0.5, np.uint8)
    lines = _confident(find_lines(mean))
    if not lines:
        best = max(clear, key=lambda i: ink[i])
        mean, lines, clear = results[best].coverage, _confident(results[best].lines), [best]
    if not lines:
        return None
    erased = np.median([results[i].erase_mask for i in clear], axis=0)
    result = Result(ink_of_lines(mean, lines), np.where(erased < 128, np.uint8(0), np.uint8(255)), lines)
    if sum(box.width * box.height for box, _ in lines) < MIN_AREA * crop.whole.width * crop.whole.height:
        return None
    frame = crop.frames[clear[len(clear) // 2]]
    marks = [is_watermark(frame, result.coverage, result.erase_mask, box, crop.whole) for box, _ in lines]
    x, y = crop.whole.left, crop.top
    moved = tuple(Line(Box(b.x0 + x, b.y0 + y, b.x1 + x, b.y1 + y), confidence) for b, confidence in lines)
    mask = PackedMask(crop.mask)
    return Subtitle(begin, end, moved, result.confidence, mask, make(frame, result), all(marks))


def _restricted(result: Result, lines: tuple[Line, ...]) -> Result:
    return replace(result, coverage=ink_of_lines(result.coverage, lines), lines=lines)


def _confident(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.confidence >= MIN_CONFIDENCE)


def _joined(subtitles: Sequence[Subtitle[Made]]) -> list[Subtitle[Made]]:
    """The subtitles by their times, with parts of one that follow each other joined."""
    kept: list[Subtitle[Made]] = []
    recent: list[tuple[int, PackedMask]] = []  # those that the next one may continue, by their place in `kept`
    for subtitle in sorted(subtitles, key=lambda s: s.begin):
        recent = [(place, mask) for place, mask in recent if subtitle.begin - kept[place].end <= MAX_GAP]
        own = subtitle.mask.unpacked()
        same = next((place for place, mask in recent if similarity(mask.unpacked(), own) >= SAME), None)
        if same is None:
            recent.append((len(kept), subtitle.mask))
            kept.append(subtitle)
        else:
            longer = max(kept[same], subtitle, key=lambda s: s.end - s.begin)
            kept[same] = replace(longer, begin=kept[same].begin, end=max(kept[same].end, subtitle.end))
    return kept
