"""Where a film shows text: frames at an even rate, each with the mask of its text at a reduced size."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from subsynth.assets.video_reading import Video
from subsynth.binarization.binarizer import Binarizer
from subsynth.binarization.masks import Mask, show_the_same
from subsynth.core.pixels import U8

RATE = 5.0  # frames per second that are looked at
WIDTH = 640  # px to which wider frames are reduced for detection
THUMBNAIL = (160, 90)  # px
UNCHANGED = 3  # levels of a thumbnail: with smaller changes, a frame has the mask of the one before
AHEAD = 8  # frames per thread that are decoded before they are needed, but not more than AHEAD_BYTES
AHEAD_BYTES = 200_000_000


class Sample(NamedTuple):
    """A frame of a film: its time in seconds, its pixels RGB (H, W, 3), and the mask of its text, reduced."""

    seconds: float
    frame: U8
    mask: Mask


@dataclass
class _Pending:
    """A decoded frame; `mask` is None for a frame whose mask may follow from its neighbours."""

    seconds: float
    frame: U8
    mask: Future[Mask] | None


def detect_text(video: Video, binarizer: Binarizer, pool: ThreadPoolExecutor, threads: int) -> Iterator[Sample]:
    """The frames of a film, RATE per second, with the masks of their text; all masks have the same size.

    The network reads every second frame. One in between is read only where the text of its neighbours differs.
    """
    size = _reduced_size(video)
    pending: deque[_Pending] = deque()
    last_thumbnail: U8 | None = None
    last_mask: Future[Mask] | None = None
    before: Mask | None = None  # of the frame that was yielded last

    def read(frame: U8) -> Future[Mask]:
        reduced = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        return pool.submit(_text_mask, binarizer, np.asarray(reduced, np.uint8))

    def finished() -> Sample:
        nonlocal before
        first = pending.popleft()
        if first.mask is None:
            following = pending[0].mask.result() if pending and pending[0].mask is not None else None
            is_same = before is not None and following is not None and show_the_same(before, following)
            mask = before if is_same and before is not None else read(first.frame).result()
        else:
            mask = first.mask.result()
        before = mask
        return Sample(first.seconds, first.frame, mask)

    for number, (seconds, frame) in enumerate(video.at_rate(RATE)):
        if number % 2:
            pending.append(_Pending(seconds, frame, None))
        else:
            small = cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA)
            thumbnail = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
            if last_thumbnail is None or last_mask is None or _differ(thumbnail, last_thumbnail):
                last_mask, last_thumbnail = read(frame), thumbnail
            pending.append(_Pending(seconds, frame, last_mask))
        if len(pending) > max(2, min(AHEAD * threads, AHEAD_BYTES // frame.nbytes)):
            yield finished()
    while pending:
        yield finished()


def _differ(one: U8, other: U8) -> bool:
    return int(cv2.absdiff(one, other).max()) > UNCHANGED


def _reduced_size(video: Video) -> tuple[int, int]:
    scale = min(1.0, WIDTH / video.width)
    return max(1, round(video.width * scale)), max(1, round(video.height * scale))


def _text_mask(binarizer: Binarizer, frame: U8) -> Mask:
    """The mask of the text, with watermarks: that they stay in their place tells them better than one frame does."""
    return np.asarray(binarizer.binarize(frame, large_text=False, crop=True).coverage >= 128)
