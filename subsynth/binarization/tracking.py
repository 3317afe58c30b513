"""From frames to subtitles: consecutive frames that show the same text are one subtitle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.detection import RATE, Sample
from subsynth.binarization.masks import SAME, Mask, bounding_box, share_inside, similarity
from subsynth.core.pixels import U8

WITHIN = 0.85  # share of a mask inside of another one above which it is a part of that, as during a fade
WHOLE = 0.6  # share of the area of a subtitle's box that a part of it spans during a fade
FADE_SAMPLES = 4  # frames of a fade at most
MIN_SAMPLES = 2  # frames that show a subtitle; what one frame shows alone is not one
MAX_MISSES = 1  # frames without text that do not end a subtitle
MIN_INK = 12  # px of a mask; less is no text, such as what is left of a watermark
MAX_FRAMES = 3  # frames that are kept of a subtitle
STATIC_SECONDS = 20.0  # how fast it is learned and forgotten which text is static
STATIC_SHARE = 0.6  # of recent frames that show it: reached by text that is there for 18 s
FORGOTTEN_SHARE = 0.25  # below it, static text is forgotten: a watermark may be invisible on some pictures
STATIC_BORDER = np.ones((5, 5), np.uint8)  # around static text, whose borders are found in some frames only


@dataclass
class Track:
    """Frames that show the same text. `begin` and `end` are in seconds; the masks are those of the detection."""

    begin: float
    end: float
    reference: Mask
    samples: int = 1
    fading: int = 0  # frames in a row that show only a part of the text
    frames: list[U8] = field(default_factory=list)
    stride: int = 1  # one in `stride` frames is kept

    def __post_init__(self) -> None:
        self._shown, self._counts = 1, self.reference.astype(np.uint16)

    def restart(self, mask: Mask) -> None:
        """Take a mask as the first one that shows the whole text."""
        self.reference, self._shown, self._counts = mask, 1, mask.astype(np.uint16)

    def count(self, mask: Mask) -> None:
        """Take the mask of another frame with the whole text."""
        self._shown += 1
        self._counts += mask

    def typical(self) -> Mask:
        """The pixels that are text in most of the frames."""
        return np.asarray(2 * self._counts.astype(np.uint32) > self._shown)

    def add(self, frame: U8) -> None:
        """Extend the track by a frame."""
        if self.samples % self.stride == 0:
            self.frames.append(frame)
            if len(self.frames) > MAX_FRAMES:
                self.frames, self.stride = self.frames[::2], 2 * self.stride
        self.samples += 1


class Tracker:
    """Finds the tracks of a film from its frames in their order."""

    def __init__(self) -> None:
        self._track: Track | None = None
        self._previous: float | None = None  # seconds of the frame before
        self._misses = 0
        self._shares: NDArray[np.float32] | None = None  # of recent frames in which a pixel is text
        self._lasting: Mask | None = None  # pixels of static text
        self._static: Mask | None = None  # these and the pixels around them

    def static(self) -> Mask | None:
        """Pixels of and around text that was there for so long that it is no subtitle, such as that of a watermark.

        None before the first frame.
        """
        return self._static

    def feed(self, sample: Sample) -> Iterator[Track]:
        """Take the next frame; the track that ends with it, if one does."""
        mask = self._without_static(sample.mask)
        # Text that changed between two frames is taken to have changed in the middle.
        half = 0.5 / RATE
        middle = sample.seconds if self._previous is None else max(self._previous + half, sample.seconds - half)
        track = self._track
        if track is not None and not self._misses:
            track.end = min(middle, (self._previous or 0.0) + half)
        if np.count_nonzero(mask) < MIN_INK:
            self._misses += track is not None
            if self._misses > MAX_MISSES:
                yield from self.finish()
        elif track is not None and _continues(track, mask):
            track.add(sample.frame)
            track.end, self._misses = sample.seconds, 0
        else:
            yield from self.finish()
            self._track = Track(middle, sample.seconds, mask, frames=[sample.frame])
        self._previous = sample.seconds

    def finish(self) -> Iterator[Track]:
        """The track that is still open, if it has enough frames."""
        track, self._track, self._misses = self._track, None, 0
        if track is not None and track.samples >= MIN_SAMPLES:
            track.reference = track.typical()
            yield track

    def _without_static(self, mask: Mask) -> Mask:
        if self._shares is None or self._lasting is None:
            self._shares, self._lasting = np.zeros(mask.shape, np.float32), np.zeros(mask.shape, bool)
        weight = np.float32(1 - math.exp(-1 / (RATE * STATIC_SECONDS)))
        self._shares += weight * (mask - self._shares)
        self._lasting &= self._shares > FORGOTTEN_SHARE
        self._lasting |= self._shares > STATIC_SHARE
        self._static = cv2.dilate(self._lasting.view(np.uint8), STATIC_BORDER).view(np.bool_)
        return mask & ~self._static


def _continues(track: Track, mask: Mask) -> bool:
    """Whether a mask shows the text of a track, or a part of it during a fade."""
    if similarity(track.reference, mask) >= SAME:
        if track.samples == 1:  # the first frame of a text often shows it less clearly
            track.restart(mask)
        else:
            track.count(mask)
        track.fading = 0
        return True
    if track.samples <= FADE_SAMPLES and share_inside(track.reference, mask) >= WITHIN:
        track.restart(mask)
        return True
    track.fading += 1
    # Text that is left over, such as a watermark, is a part of the mask too, but spans less of it.
    spans = _area(mask & track.reference) >= WHOLE * _area(track.reference)
    return track.fading <= FADE_SAMPLES and spans and share_inside(mask, track.reference) >= WITHIN


def _area(mask: Mask) -> int:
    box = bounding_box(mask)
    return box.width * box.height
