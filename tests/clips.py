"""Video clips for tests, written by OpenCV: shots that resemble each other as little as those of a film do."""

import os

import cv2
import numpy as np
import pytest

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # ffmpeg's log level is set when the first clip is written

FPS = 10
BLACK = -1  # in place of a shot's seed


def shot(seed, size=(160, 90)):
    """A picture of coarse coloured noise that depends on the seed, BGR uint8 (H, W, 3)."""
    if seed == BLACK:
        return np.zeros((size[1], size[0], 3), np.uint8)
    coarse = np.random.default_rng(seed).integers(0, 255, (5, 8, 3), np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def write_clip(path, seeds, size=(160, 90), codec="MJPG", seconds=1.0):
    """A clip of one shot after the other, each of the same duration."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), FPS, size)
    for seed in seeds:
        image = shot(seed, size)
        for _ in range(int(seconds * FPS)):
            writer.write(image)
    writer.release()
    return path


@pytest.fixture
def empty_cache(tmp_path_factory, monkeypatch):
    """A cache of its own, in which no film is prepared yet."""
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path_factory.mktemp("cache")))
