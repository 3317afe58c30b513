"""From frames to subtitles: consecutive frames that show the same text are one subtitle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.detection import Sample
from subsynth.binarization.masks import SAME, Mask, dilated, share_inside, similarity
from subsynth.core.pixels import U8

WITHIN = 0.85  # share of a mask inside of another one above which it is a part of that, as during a fade
MIN_SAMPLES = 2  # frames that show a subtitle; what one frame shows alone is not one
MAX_MISSES = 1  # frames without text that do not end a subtitle
MAX_FRAMES = 3  # frames that are kept of a subtitle
STATIC_SHARE, STATIC_SAMPLES = 0.5, 150  # of all frames, and frames at least: what is there longer is no subtitle


@dataclass
class Track:
    """Frames that show the same text. `begin` and `end` are in seconds; the masks are those of the detection."""

    begin: float
    end: float
    reference: Mask
    last_seen: float
    samples: int = 1
    frames: list[U8] = field(default_factory=list)
    stride: int = 1  # one in `stride` frames is kept

    def add(self, sample: Sample) -> None:
        """Extend the track by a frame."""
        self.last_seen = sample.seconds
        if self.samples % self.stride == 0:
            self.frames.append(sample.frame)
            if len(self.frames) > MAX_FRAMES:
                self.frames, self.stride = self.frames[::2], 2 * self.stride
        self.samples += 1


class Tracker:
    """Finds the tracks of a film from its frames in their order."""

    def __init__(self) -> None:
        self._track: Track | None = None
        self._previous = 0.0  # seconds of the frame before
        self._misses = 0
        self._total = 0
        self._counts: NDArray[np.uint32] | None = None  # of the frames in which a pixel is text

    def static(self) -> Mask | None:
        """Pixels that are text in most frames, such as those of a watermark; None while too few frames were seen."""
        if self._counts is None or self._total < STATIC_SAMPLES:
            return None
        return np.asarray(self._counts > STATIC_SHARE * self._total)

    def feed(self, sample: Sample) -> Iterator[Track]:
        """Take the next frame; the track that ends with it, if one does."""
        mask = self._without_static(sample.mask)
        middle = (self._previous + sample.seconds) / 2 if self._total > 1 else sample.seconds
        track = self._track
        if not mask.any():
            if track is not None:
                if not self._misses:
                    track.end = middle
                self._misses += 1
                if self._misses > MAX_MISSES:
                    yield from self.finish()
        elif track is not None and _continues(track, mask):
            track.add(sample)
            self._misses = 0
        else:
            if track is not None:
                if not self._misses:
                    track.end = middle
                yield from self.finish()
            self._track, self._misses = Track(middle, middle, mask, sample.seconds, frames=[sample.frame]), 0
        self._previous = sample.seconds
        if self._track is not None and not self._misses:
            self._track.end = sample.seconds

    def finish(self) -> Iterator[Track]:
        """The track that is still open, if it has enough frames."""
        track, self._track, self._misses = self._track, None, 0
        if track is not None and track.samples >= MIN_SAMPLES:
            yield track

    def _without_static(self, mask: Mask) -> Mask:
        if self._counts is None:
            self._counts = np.zeros(mask.shape, np.uint32)
        self._counts += mask
        self._total += 1
        static = self.static()
        return mask if static is None else mask & ~dilated(static)


def _continues(track: Track, mask: Mask) -> bool:
    """Whether a mask shows the text of a track. A text that fades in replaces the reference of a single frame."""
    if similarity(track.reference, mask) >= SAME:
        if track.samples == 1:
            track.reference = mask
        return True
    grows = track.samples == 1 and share_inside(track.reference, mask) >= WITHIN
    if grows:
        track.reference = mask
    return grows or share_inside(mask, track.reference) >= WITHIN
