"""Where a film shows text: frames at an even rate, each with the mask of its text at a reduced size."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np

from subsynth.assets.video_reading import Video
from subsynth.binarization.binarizer import Binarizer
from subsynth.binarization.lines import Mask
from subsynth.core.pixels import U8

RATE = 5.0  # frames per second that are looked at
WIDTH = 640  # px to which wider frames are reduced for detection
THUMBNAIL = (160, 90)  # px
UNCHANGED = 3  # levels of a thumbnail: with smaller changes, a frame has the mask of the one before
AHEAD = 8  # frames per thread that are decoded before they are needed


class Sample(NamedTuple):
    """A frame of a film: its time in seconds, its pixels RGB (H, W, 3), and the mask of its text, reduced."""

    seconds: float
    frame: U8
    mask: Mask


def detect_text(video: Video, binarizer: Binarizer, pool: ThreadPoolExecutor, threads: int) -> Iterator[Sample]:
    """The frames of a film, RATE per second, with the masks of their text; all masks have the same size."""
    size = _reduced_size(video)
    pending: deque[tuple[float, U8, Future[Mask]]] = deque()
    last_thumbnail, last_mask = None, None
    for seconds, frame in video.at_rate(RATE):
        thumbnail = cv2.cvtColor(cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        if last_mask is None or last_thumbnail is None or int(cv2.absdiff(thumbnail, last_thumbnail).max()) > UNCHANGED:
            reduced = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            last_mask, last_thumbnail = pool.submit(_text_mask, binarizer, np.asarray(reduced, np.uint8)), thumbnail
        pending.append((seconds, frame, last_mask))
        if len(pending) > AHEAD * threads:
            yield _finished(*pending.popleft())
    while pending:
        yield _finished(*pending.popleft())


def _finished(seconds: float, frame: U8, mask: Future[Mask]) -> Sample:
    return Sample(seconds, frame, mask.result())


def _reduced_size(video: Video) -> tuple[int, int]:
    scale = min(1.0, WIDTH / video.width)
    return max(1, round(video.width * scale)), max(1, round(video.height * scale))


def _text_mask(binarizer: Binarizer, frame: U8) -> Mask:
    return np.asarray(binarizer.binarize(frame).coverage >= 128)
