"""Reading of video files by OpenCV: frames about evenly spaced in time, found by seeking where the file permits it."""

from __future__ import annotations

import itertools
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import cv2
import numpy as np

from subsynth.core.errors import MaterialError
from subsynth.core.pixels import U8

FALLBACK_FPS = 25.0  # frames per second of a file that does not say it
MAX_SECONDS = 1e6  # a recorded duration above this is not believed
MISSING = 0.02  # share of the recorded frames that may be missing without a warning: the number is often an estimate
# Containers that ffmpeg may open. Others, such as playlists, would open further files.
_FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,mjpeg,flv,asf,ogg,ivf,mxf,dv,rm,nut,y4m"
_ENVIRONMENT = {  # read by OpenCV when it opens a file; the level of ffmpeg's log is read only at the first file
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": f"format_whitelist;{_FORMATS}",
}
_SOFTWARE = (cv2.CAP_PROP_HW_ACCELERATION, cv2.VIDEO_ACCELERATION_NONE)  # the same pixels on every machine
_CURE = "name a video file in background.videos"

log = logging.getLogger(__name__)


class VideoFrame(NamedTuple):
    """A decoded frame: its time from the start in seconds, and its pixels, RGB uint8 (H, W, 3)."""

    seconds: float
    image: U8


@contextmanager
def open_video(path: str, cure: str = _CURE) -> Iterator[Video]:
    """Open a video file; in this context OpenCV and ffmpeg write no messages of their own.

    The path has to be that of a regular file, and UTF-8. Raises MaterialError if there is no video in
    it, or no frame that can be decoded.
    """
    level = cv2.utils.logging.getLogLevel()
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.update(_ENVIRONMENT)
    try:
        video = Video(path, cure)
        try:
            yield video
        finally:
            video.close()
    finally:
        cv2.utils.logging.setLogLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Video:
    """An open video file.

    `width` and `height` are those of its first frame, in px; `count` is the number of its frames, and `duration` is in
    seconds.
    """

    def __init__(self, path: str, cure: str = _CURE):
        self.path, self._cure = path, cure
        self._capture = self._open()
        first = self._read()
        if first is None:
            raise MaterialError(f"video {path}: none of its frames can be decoded; convert it, or remove it")
        self.height, self.width = first.shape[:2]
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._fps = fps if math.isfinite(fps) and fps > 0 else FALLBACK_FPS
        self._recorded = self._recorded_count()
        self._times: list[float] = []  # of every frame, if the file has to be read from its start
        if not self._can_seek():
            self._times = self._list_times()
            self._report_missing(len(self._times), self._recorded, "of its {total:,} frames")
        self.count = len(self._times) or self._recorded
        self.duration = self._times[-1] if self._times else self._recorded / self._fps

    def spread(self, count: int) -> Iterator[VideoFrame | None]:
        """`count` frames at the middles of equal parts of the film, in their order; None for one that is unreadable.

        Logs a warning that counts the unreadable ones.
        """
        if self._times:
            yield from self._read_through(count)
            return
        readable = 0
        for i in range(count):
            frame = self._seek((2 * i + 1) * self._recorded // (2 * count))
            readable += frame is not None
            yield frame
        self._report_missing(readable, count, "of {total:,} frames, spread over its length,")

    def at_rate(self, rate: float) -> Iterator[VideoFrame]:
        """The frames from the start, one for each 1 / `rate` seconds: the first that starts in this interval.

        Where none does, because a frame is shown for longer, it is repeated at the start of the interval. Logs a
        warning if the end of the film is missing.
        """
        self._capture = self._open()
        interval, last = -1, -1.0
        image: U8 | None = None
        while self._grab():
            seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # A stream without times, or a damaged time: it must not be filled with repeated frames for years.
            if not (math.isfinite(seconds) and last < seconds <= 2 * self.duration + 60):
                seconds = last + 1 / self._fps if last >= 0 else 0.0
            last, now = seconds, math.floor(seconds * rate + 1e-6)
            if now > interval:
                if image is not None:
                    for missing in range(interval + 1, now):
                        yield VideoFrame(missing / rate, image)
                interval, image = now, self._retrieve()
                if image is not None:
                    yield VideoFrame(seconds, image)
        if last < (1 - MISSING) * self.duration - 1:
            log.warning(
                "video %s: only %.1f of its %.1f seconds can be read; it may be truncated or damaged",
                self.path, max(0.0, last), self.duration,
            )  # fmt: skip

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(self.path, cv2.CAP_FFMPEG, _SOFTWARE)
        if not capture.isOpened():
            raise MaterialError(
                f"video {self.path}: it is not a video that can be read, or has no picture (audio only); {self._cure}"
            )
        return capture

    def _grab(self) -> bool:
        try:
            return self._capture.grab()
        except cv2.error:  # a damaged frame that ends the stream
            return False

    def _read(self) -> U8 | None:
        return self._retrieve() if self._grab() else None

    def _retrieve(self) -> U8 | None:
        """The pixels of the frame that was grabbed; None if they cannot be decoded."""
        try:
            readable, image = self._capture.retrieve()
        except cv2.error:  # a damaged frame
            return None
        if not readable or image is None or image.ndim != 3 or image.shape[2] != 3:
            return None
        return np.ascontiguousarray(image[:, :, ::-1], dtype=np.uint8)

    def _recorded_count(self) -> int:
        """The number of frames by the file's own account; 0 if it has none that can be believed."""
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return int(count) if math.isfinite(count) and 2 <= count <= MAX_SECONDS * self._fps else 0

    def _can_seek(self) -> bool:
        """Whether seeking finds the frames that it should; tried at three places."""
        targets = [self._recorded * part // 4 for part in (1, 2, 3)] if self._recorded else []
        found = [frame.seconds - t / self._fps for t in targets if (frame := self._seek(t)) is not None]
        # Frames of variable duration are not exactly where their number says.
        tolerance = max(2 / self._fps, 0.02 * self._recorded / self._fps)
        return bool(found) and all(abs(offset) <= tolerance for offset in found)

    def _seek(self, number: int) -> VideoFrame | None:
        """The frame of a number, or one near it, with its own time; None if it cannot be read."""
        if not self._capture.set(cv2.CAP_PROP_POS_FRAMES, number):
            return None
        image = self._read()
        seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if image is None or not math.isfinite(seconds):
            return None
        return VideoFrame(max(0.0, seconds), image)

    def _list_times(self) -> list[float]:
        """The time of every frame that can be decoded, in seconds, found by decoding them all."""
        self._capture = self._open()
        times = []
        while self._grab():
            times.append(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        if all(0 <= t < math.inf for t in times) and all(a < b for a, b in itertools.pairwise(times)):
            return times
        return [i / self._fps for i in range(len(times))]  # a stream without times, or several in a row

    def _read_through(self, count: int) -> Iterator[VideoFrame | None]:
        """The same frames as by seeking, but by decoding everything up to the last of them."""
        wanted = {(2 * i + 1) * len(self._times) // (2 * count) for i in range(count)}
        self._capture = self._open()
        for number in range(max(wanted) + 1):
            if number in wanted:
                image = self._read()
                yield None if image is None else VideoFrame(self._times[number], image)
            else:
                self._grab()

    def _report_missing(self, readable: int, total: int, of: str) -> None:
        if readable < (1 - MISSING) * total:
            log.warning(
                "video %s: only %s %s can be read; it may be truncated or damaged",
                self.path, f"{readable:,}", of.format(total=total),
            )  # fmt: skip
