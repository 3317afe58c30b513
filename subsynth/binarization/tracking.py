"""From frames to subtitles: consecutive frames that show the same block of text are one subtitle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.binarization.blocks import in_boxes, into_blocks, is_near, line_boxes
from subsynth.binarization.detection import RATE, Sample
from subsynth.binarization.masks import SAME, Mask, bounding_box, share_inside, similarity
from subsynth.binarization.result import Box
from subsynth.core.pixels import U8

WITHIN = 0.85  # share of a mask inside of another one above which it is a part of that, as during a fade
WHOLE = 0.6  # share of the area of a subtitle's box that a part of it spans during a fade
NEW_LINE = 0.2  # ink of a line, as a share of that of a text, from which on it is another text together with this line
KNOWN = 0.3  # share of a line inside of a text, below which the line is new
FADE_SAMPLES = 4  # frames of a fade at most
MIN_SAMPLES = 3  # frames that show a subtitle; fewer show a line of credits that roll, or noise
MAX_MISSES = 1  # frames without text that do not end a subtitle
MIN_INK = 12  # px of a mask; less is no text, such as what is left of a watermark
MAX_FRAMES = 3  # frames that are kept of a subtitle
STATIC_SECONDS = 20.0  # how fast it is learned and forgotten which text is static
STATIC_SHARE = 0.6  # of recent frames that show it: reached by text that is there for 18 s
FORGOTTEN_SHARE = 0.25  # below it, static text is forgotten: a watermark may be invisible on some pictures
STATIC_BORDER = np.ones((5, 5), np.uint8)  # around static text, whose borders are found in some frames only


@dataclass
class Track:
    """Frames that show the same block of text. `begin` and `end` are in seconds.

    The masks have the size of the detection, and show nothing outside of the block.
    """

    begin: float
    end: float
    reference: Mask
    lines: Sequence[Box]  # of the reference
    samples: int = 1
    misses: int = 0  # frames in a row without text in this place
    fading: int = 0  # frames in a row that show only a part of the text
    frames: list[U8] = field(default_factory=list)
    stride: int = 1  # one in `stride` frames is kept

    def __post_init__(self) -> None:
        self._shown, self._counts = 1, self.reference.astype(np.uint16)

    def restart(self, mask: Mask, lines: Sequence[Box]) -> None:
        """Take a mask as the first one that shows the whole text."""
        self.reference, self.lines = mask, lines
        self._shown, self._counts = 1, mask.astype(np.uint16)

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
        self._tracks: list[Track] = []  # that are open, each in a place of its own
        self._previous: float | None = None  # seconds of the frame before
        self._shares: NDArray[np.float32] | None = None  # of recent frames in which a pixel is text
        self._lasting: Mask | None = None  # pixels of static text
        self._static: Mask | None = None  # these and the pixels around them

    def static(self) -> Mask | None:
        """Pixels of and around text that was there for so long that it is no subtitle, such as that of a watermark.

        None before the first frame.
        """
        return self._static

    def feed(self, sample: Sample) -> Iterator[Track]:
        """Take the next frame; the tracks that end with it."""
        mask = self._without_static(sample.mask)
        lines = line_boxes(mask) if np.count_nonzero(mask) >= MIN_INK else []
        # Text that changed between two frames is taken to have changed in the middle.
        half = 0.5 / RATE
        middle = sample.seconds if self._previous is None else max(self._previous + half, sample.seconds - half)
        open_tracks, self._tracks = self._tracks, []
        for track in open_tracks:
            if not track.misses:
                track.end = min(middle, (self._previous or 0.0) + half)
            own = [line for line in lines if is_near(line, track.lines, len(mask))]
            text = in_boxes(mask, own)
            if not own:
                track.misses += 1
            elif _continues(track, text, own):
                lines = [line for line in lines if line not in own]
                track.add(sample.frame)
                track.end, track.misses = sample.seconds, 0
            else:
                track.misses = MAX_MISSES + 1
            if track.misses <= MAX_MISSES:
                self._tracks.append(track)
            else:
                yield from _finished(track)
        for block in into_blocks(lines, len(mask)):
            text = in_boxes(mask, block)
            if np.count_nonzero(text) >= MIN_INK:
                self._tracks.append(Track(middle, sample.seconds, text, block, frames=[sample.frame]))
        self._previous = sample.seconds

    def finish(self) -> Iterator[Track]:
        """The tracks that are still open, if they have enough frames."""
        open_tracks, self._tracks = self._tracks, []
        for track in open_tracks:
            yield from _finished(track)

    def _without_static(self, mask: Mask) -> Mask:
        if self._shares is None or self._lasting is None:
            self._shares, self._lasting = np.zeros(mask.shape, np.float32), np.zeros(mask.shape, bool)
        weight = np.float32(1 - math.exp(-1 / (RATE * STATIC_SECONDS)))
        self._shares += weight * (mask - self._shares)
        self._lasting &= self._shares > FORGOTTEN_SHARE
        self._lasting |= self._shares > STATIC_SHARE
        self._static = cv2.dilate(self._lasting.view(np.uint8), STATIC_BORDER).view(np.bool_)
        return mask & ~self._static


def _finished(track: Track) -> Iterator[Track]:
    if track.samples >= MIN_SAMPLES:
        track.reference = track.typical()
        yield track


def _continues(track: Track, mask: Mask, lines: Sequence[Box]) -> bool:
    """Whether a mask, with the boxes of its lines, shows the text of a track, or a part of it during a fade."""
    if similarity(track.reference, mask) >= SAME and not _has_new_line(track, mask, lines):
        if track.samples == 1:  # the first frame of a text often shows it less clearly
            track.restart(mask, lines)
        else:
            track.count(mask)
        track.fading = 0
        return True
    if track.samples <= FADE_SAMPLES and share_inside(track.reference, mask) >= WITHIN:
        track.restart(mask, lines)
        return True
    track.fading += 1
    # Text that is left over, such as a watermark, is a part of the mask too, but spans less of it.
    spans = _area(mask & track.reference) >= WHOLE * _area(track.reference)
    return track.fading <= FADE_SAMPLES and spans and share_inside(mask, track.reference) >= WITHIN


def _has_new_line(track: Track, mask: Mask, lines: Sequence[Box]) -> bool:
    """Whether a line has appeared above, below or beside the text of a track, as in a dialogue."""
    enough = NEW_LINE * np.count_nonzero(track.reference)
    parts = (in_boxes(mask, [line]) for line in lines)
    return any(np.count_nonzero(part) >= enough and share_inside(part, track.reference) < KNOWN for part in parts)


def _area(mask: Mask) -> int:
    box = bounding_box(mask)
    return box.width * box.height
