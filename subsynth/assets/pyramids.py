"""Pyramids: an image at several scales, in memory and packed into flat files of the cache.

Pixels are planar RGB uint8 (3, H, W), in the gamma-coded values of the file. Each level carries sums over blocks of
`BLOCK` x `BLOCK` pixels, from which the mean and deviation of any crop are computed without reading its pixels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8, luma

FRAME = FRAME_WIDTH, FRAME_HEIGHT = 640, 360  # px: every image is scaled to cover a frame of this size
STEP = 0.75  # scale of each level relative to the one before
MAX_STRETCH = 8  # times the aspect ratio of a frame; longer or taller images are cropped to their middle
BLOCK = 4
LEVELS = 4


@dataclass(frozen=True)
class Level:
    """A picture at one scale: planes uint8 (3, H, W), contiguous, and padded block sums of luma and of its square."""

    planes: U8
    sums: NDArray[np.int64]  # (2, 1 + H // BLOCK, 1 + W // BLOCK), summed-area tables

    @cached_property
    def flat(self) -> U8:
        """The planes as one row, without a copy."""
        return self.planes.reshape(-1)

    def moments(self, x: int, y: int, width: int, height: int) -> tuple[float, float]:
        """Mean and standard deviation of luma over a crop, on the grid of blocks that it touches."""
        rows, columns = self.sums.shape[1] - 1, self.sums.shape[2] - 1
        top, left = min(y // BLOCK, rows - 1), min(x // BLOCK, columns - 1)
        bottom = max(top + 1, min((y + height) // BLOCK, rows))
        right = max(left + 1, min((x + width) // BLOCK, columns))
        s = self.sums
        total, square = s[:, bottom, right] - s[:, top, right] - s[:, bottom, left] + s[:, top, left]
        count = (bottom - top) * (right - left) * BLOCK * BLOCK
        mean = total / count
        return float(mean), float(np.sqrt(max(square / count - mean * mean, 0.0)))

    def texture(self, x: int, y: int, width: int, height: int, parts: int) -> tuple[float, float]:
        """Divide a crop into parts side by side -> the mean of their luma deviations, and the deviation of their means.

        Each part is measured as in `moments`.
        """
        edges = x + width * np.arange(parts + 1) // parts
        rows, columns = self.sums.shape[1] - 1, self.sums.shape[2] - 1
        top = min(y // BLOCK, rows - 1)
        bottom = max(top + 1, min((y + height) // BLOCK, rows))
        left = np.minimum(edges[:-1] // BLOCK, columns - 1)
        right = np.maximum(left + 1, np.minimum(edges[1:] // BLOCK, columns))
        down = self.sums[:, bottom] - self.sums[:, top]
        total, square = (down[:, right] - down[:, left]) / ((bottom - top) * (right - left) * BLOCK * BLOCK)
        return float(np.sqrt(np.maximum(square - total * total, 0)).mean()), float(total.std())


LoadLevels = Callable[[], tuple[Level, ...]]  # reads the levels of one image when they are first needed


def level_sizes(width: int, height: int, crop_width: int, crop_height: int) -> list[tuple[int, int]]:
    """The (width, height) of an image's levels: the first covers a frame, and each is larger than a crop."""
    need = max(1.0, 1.2 * crop_width / FRAME_WIDTH, 1.2 * crop_height / FRAME_HEIGHT)
    scale = max(FRAME_WIDTH / width, FRAME_HEIGHT / height) * need
    sizes = [(round(width * scale * STEP**i), round(height * scale * STEP**i)) for i in range(LEVELS)]
    return [s for i, s in enumerate(sizes) if i == 0 or (s[0] >= crop_width * 1.05 and s[1] >= crop_height * 1.05)]


def build_pyramid(image: U8, width: int, height: int) -> tuple[Level, ...]:
    """The levels of an image, RGB uint8 (H, W, 3), for crops of width x height px, the largest first."""
    middle = _middle(image)
    levels = []
    for w, h in level_sizes(middle.shape[1], middle.shape[0], width, height):
        interpolation = cv2.INTER_AREA if w < middle.shape[1] else cv2.INTER_LINEAR
        levels.append(build_level(np.asarray(cv2.resize(middle, (w, h), interpolation=interpolation), dtype=np.uint8)))
    return tuple(levels)


def build_level(image: U8) -> Level:
    """An image, RGB uint8 (H, W, 3), as a level of its own size."""
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    rows, columns = planes.shape[1] // BLOCK, planes.shape[2] // BLOCK
    light = luma(planes)[: rows * BLOCK, : columns * BLOCK].astype(np.int64)
    sums = np.zeros((2, rows + 1, columns + 1), np.int64)
    for i, values in enumerate((light, light * light)):
        blocks = values.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3))
        sums[i, 1:, 1:] = blocks.cumsum(axis=0).cumsum(axis=1)
    return Level(planes, sums)


def count_bytes(image_width: int, image_height: int, width: int, height: int) -> int:
    """The size in bytes that the packed levels of an image have, for crops of width x height px."""
    w, h = _middle_size(image_width, image_height)
    sizes = level_sizes(w, h, width, height)
    return sum(3 * w * h + 2 * 8 * (1 + w // BLOCK) * (1 + h // BLOCK) for w, h in sizes)


def write_pack(images: Iterable[U8], width: int, height: int, folder: Path) -> None:
    """Store the levels of every image in two flat files and an index. Images are taken one at a time."""
    index = []
    first = first_sum = 0
    with (folder / "pixels.u8").open("wb") as pixels, (folder / "sums.i64").open("wb") as sums:
        for image in images:
            levels = []
            for level in build_pyramid(image, width, height):
                pixels.write(level.planes.tobytes())
                sums.write(level.sums.tobytes())
                levels.append((first, first_sum, *level.planes.shape[1:]))
                first += level.planes.size
                first_sum += level.sums.size
            index.append(levels)
    (folder / "levels.json").write_text(json.dumps(index), encoding="utf-8")


def read_pack(folder: Path) -> tuple[LoadLevels, ...]:
    """The packed images in their order, mapped into memory. Raises OSError or ValueError for a damaged pack."""
    pixels = np.asarray(np.memmap(folder / "pixels.u8", np.uint8, "r"))
    sums = np.asarray(np.memmap(folder / "sums.i64", np.int64, "r"))
    index = json.loads((folder / "levels.json").read_text(encoding="utf-8"))
    return tuple(partial(_unpack, pixels, sums, levels) for levels in index)


def _middle(image: U8) -> U8:
    """The middle of an extremely long or tall image, which would take gigabytes if scaled to cover a frame."""
    height, width = image.shape[:2]
    columns, rows = _middle_size(width, height)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def _middle_size(width: int, height: int) -> tuple[int, int]:
    rows = min(height, max(1, MAX_STRETCH * width * FRAME_HEIGHT // FRAME_WIDTH))
    columns = min(width, max(1, MAX_STRETCH * height * FRAME_WIDTH // FRAME_HEIGHT))
    return columns, rows


def _unpack(pixels: U8, all_sums: NDArray[np.int64], index: list[tuple[int, int, int, int]]) -> tuple[Level, ...]:
    levels = []
    for first, first_sum, height, width in index:
        planes = pixels[first : first + 3 * height * width].reshape(3, height, width)
        rows, columns = 1 + height // BLOCK, 1 + width // BLOCK
        sums = all_sums[first_sum : first_sum + 2 * rows * columns].reshape(2, rows, columns)
        levels.append(Level(planes, sums))
    return tuple(levels)
