"""Backgrounds: photographs as a pyramid prepared once, procedural scenes, and crops as views of them.

Pixels are planar RGB uint8 (3, H, W), in the gamma-coded values of the file. Beside each level stand
sums over blocks of `BLOCK` x `BLOCK` pixels, from which the mean and spread of any crop follow without
touching its pixels.
"""

from __future__ import annotations

import csv
import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from subsynth.assets import procedural
from subsynth.core import cache
from subsynth.core.errors import MaterialError
from subsynth.core.pixels import luma
from subsynth.data.folders import bundled_folder

PACK = "pyramid-2"  # changes with the layout of the packed arrays
FRAME_WIDTH, FRAME_HEIGHT = 640, 360
STEP = 0.75  # each level's size in that of the one before
BLOCK = 4
LEVELS = 4
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Picture:
    """One photograph: its name in the column `background`, its file, digest, side and licence."""

    name: str
    path: str
    sha256: str
    test: bool
    spdx: str = ""
    author: str = ""
    title: str = ""


@dataclass(frozen=True)
class Level:
    """A picture at one scale: planes uint8 (3, H, W), and padded block sums of luma and of its square."""

    planes: NDArray[np.uint8]  # contiguous
    sums: NDArray[np.int64]  # (2, 1 + H // BLOCK, 1 + W // BLOCK), summed-area tables

    @cached_property
    def flat(self) -> NDArray[np.uint8]:
        """The planes in one row, without a copy."""
        return self.planes.reshape(-1)

    def moments(self, x: int, y: int, width: int, height: int) -> tuple[float, float]:
        """Mean and standard deviation of luma over a crop, on the grid of blocks that it touches."""
        rows, columns = self.sums.shape[1] - 1, self.sums.shape[2] - 1
        top, left = min(y // BLOCK, rows - 1), min(x // BLOCK, columns - 1)
        bottom, right = (
            max(top + 1, min((y + height) // BLOCK, rows)),
            max(left + 1, min((x + width) // BLOCK, columns)),
        )
        s = self.sums
        total, square = s[:, bottom, right] - s[:, top, right] - s[:, bottom, left] + s[:, top, left]
        count = (bottom - top) * (right - left) * BLOCK * BLOCK
        mean = total / count
        return float(mean), float(np.sqrt(max(square / count - mean * mean, 0.0)))

    def texture(self, x: int, y: int, width: int, height: int, parts: int) -> tuple[float, float]:
        """Of a crop cut into parts side by side: the mean of their deviations of luma, the deviation of their means.

        Each part is measured as `moments` measures it.
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


@dataclass(frozen=True, eq=False)
class Scene:
    """A background to crop from: its name, and what makes its levels when they are first asked for."""

    name: str
    make: Callable[[], tuple[Level, ...]]

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The picture at its scales, the largest first."""
        return self.make()


@lru_cache(maxsize=1)
def catalogue() -> tuple[Picture, ...]:
    """Every bundled photograph, in the order of backgrounds/catalogue.tsv."""
    folder = bundled_folder("backgrounds")
    with (folder / "catalogue.tsv").open(encoding="utf-8", newline="") as table:
        return tuple(
            Picture(
                name=Path(row["file"]).stem,
                path=str(folder / row["file"]),
                sha256=row["sha256"],
                test=row["split"] == "test",
                spdx=row["spdx"],
                author=row["author"],
                title=row["title"],
            )
            for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        )


def own(folders: Sequence[str]) -> tuple[Picture, ...]:
    """The pictures of a user's folders, parted by content: of every seven, one (at least one) is for test.

    Where two files share a name, the first digits of their digest stand before it.

    Files with other endings are passed over. Raises MaterialError for a folder with fewer than two pictures.
    """
    found: dict[str, Picture] = {}
    for folder in folders:
        try:
            files = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in _PICTURES and p.is_file())
            for file in files:
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                found.setdefault(digest, Picture(file.name, str(file.resolve()), digest, test=False))
        except OSError as error:
            raise MaterialError(f"folder {folder}: {error.strerror or error}; check background.folders") from error
    if len(found) < 2:
        raise MaterialError(
            f"background.folders {list(folders)}: {len(found)} pictures ({', '.join(_PICTURES)}) found; "
            "two are needed, since train and test share none"
        )
    ordered = [found[d] for d in sorted(found)]
    names = Counter(p.name for p in ordered)
    return tuple(
        Picture(p.name if names[p.name] == 1 else f"{p.sha256[:8]}-{p.name}", p.path, p.sha256, test=i % 7 == 0)
        for i, p in enumerate(ordered)
    )


def load(picture: Picture) -> NDArray[np.uint8]:
    """Decode a picture, upright, without alpha -> RGB uint8 (H, W, 3). Raises MaterialError if it is damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(picture.path) as image:
                image.draft("RGB", (2 * FRAME_WIDTH, 2 * FRAME_HEIGHT))
                upright = ImageOps.exif_transpose(image)
                if upright.mode.startswith(("I", "F")):
                    raise MaterialError(f"picture {picture.path}: mode {upright.mode} is not 8-bit; convert it")
                return np.asarray(upright.convert("RGB"))
    except MaterialError:
        raise
    except Exception as error:  # Pillow's decoders raise a wide range of errors on damaged files
        raise MaterialError(f"picture {picture.path}: it cannot be read ({error}); remove or replace it") from error


def scenes(pictures: Sequence[Picture], width: int, height: int) -> tuple[Scene, ...]:
    """The pyramids of pictures for crops of width x height: from the cache if they are packed there, else as needed."""
    if not pictures or not is_packed(pictures, width, height):
        return tuple(Scene(p.name, partial(_pyramid, p, width, height)) for p in pictures)
    place = cache.cache_folder() / pack_name(pictures, width, height)
    pixels = np.asarray(np.memmap(place / "pixels.u8", np.uint8, "r"))
    sums = np.asarray(np.memmap(place / "sums.i64", np.int64, "r"))
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    return tuple(
        Scene(picture.name, partial(_unpacked, pixels, sums, levels))
        for picture, levels in zip(pictures, index, strict=True)
    )


def _unpacked(
    pixels: NDArray[np.uint8], all_sums: NDArray[np.int64], index: list[tuple[int, int, int, int]]
) -> tuple[Level, ...]:
    levels = []
    for first, first_sum, height, width in index:
        planes = pixels[first : first + 3 * height * width].reshape(3, height, width)
        rows, columns = 1 + height // BLOCK, 1 + width // BLOCK
        sums = all_sums[first_sum : first_sum + 2 * rows * columns].reshape(2, rows, columns)
        levels.append(Level(planes, sums))
    return tuple(levels)


def procedural_scenes(seed: int, test: bool, width: int, height: int) -> tuple[Scene, ...]:
    """Gradients, clouds, bokeh, stripes and clutter, drawn from the seed; the splits have their own."""
    size = _sizes(FRAME_WIDTH, FRAME_HEIGHT, width, height)[0]
    split = "test" if test else "train"
    return tuple(
        Scene(f"procedural/{kind}-{number}", partial(_drawn, kind, seed, split, number, size))
        for kind in procedural.KINDS
        for number in range(2 if test else 6)
    )


def _drawn(kind: str, seed: int, split: str, number: int, size: tuple[int, int]) -> tuple[Level, ...]:
    return (_level(procedural.draw(kind, seed, split, number, *size)),)


def pack(pictures: Sequence[Picture], width: int, height: int) -> None:
    """Pack the pyramids of pictures into the cache, if they are not there."""
    cache.build_once(pack_name(pictures, width, height), lambda folder: _pack(pictures, width, height, folder))


def is_packed(pictures: Sequence[Picture], width: int, height: int) -> bool:
    """Whether the pyramids of pictures lie in the cache already."""
    return (cache.cache_folder() / pack_name(pictures, width, height)).is_dir()


def pack_name(pictures: Sequence[Picture], width: int, height: int) -> str:
    """The name of the prepared pyramid of these pictures in the cache."""
    sizes = _sizes(FRAME_WIDTH, FRAME_HEIGHT, width, height)
    digest = hashlib.sha256(json.dumps([sizes, [p.sha256 for p in pictures]]).encode()).hexdigest()
    return f"{PACK}/{digest[:24]}"


def _sizes(width: int, height: int, crop_width: int, crop_height: int) -> list[tuple[int, int]]:
    """The sizes of a picture's levels: it covers a frame, and each level has room for a crop to move in."""
    need = max(1.0, 1.2 * crop_width / FRAME_WIDTH, 1.2 * crop_height / FRAME_HEIGHT)
    scale = max(FRAME_WIDTH / width, FRAME_HEIGHT / height) * need
    sizes = [(round(width * scale * STEP**i), round(height * scale * STEP**i)) for i in range(LEVELS)]
    return [s for i, s in enumerate(sizes) if i == 0 or (s[0] >= crop_width * 1.05 and s[1] >= crop_height * 1.05)]


def _level(image: NDArray[np.uint8]) -> Level:
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    rows, columns = planes.shape[1] // BLOCK, planes.shape[2] // BLOCK
    light = luma(planes)[: rows * BLOCK, : columns * BLOCK].astype(np.int64)
    sums = np.zeros((2, rows + 1, columns + 1), np.int64)
    for i, values in enumerate((light, light * light)):
        blocks = values.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3))
        sums[i, 1:, 1:] = blocks.cumsum(axis=0).cumsum(axis=1)
    return Level(planes, sums)


def _pyramid(picture: Picture, width: int, height: int) -> tuple[Level, ...]:
    """Decode and scale a picture."""
    image = load(picture)
    levels = []
    for w, h in _sizes(image.shape[1], image.shape[0], width, height):
        how = cv2.INTER_AREA if w < image.shape[1] else cv2.INTER_LINEAR
        levels.append(_level(np.asarray(cv2.resize(image, (w, h), interpolation=how), dtype=np.uint8)))
    return tuple(levels)


def _pack(pictures: Sequence[Picture], width: int, height: int, folder: Path) -> None:
    """Store every picture's levels in two flat files and an index."""
    index = []
    first = first_sum = 0
    with (folder / "pixels.u8").open("wb") as pixels, (folder / "sums.i64").open("wb") as sums:
        for picture in pictures:
            levels = []
            for level in _pyramid(picture, width, height):
                pixels.write(level.planes.tobytes())
                sums.write(level.sums.tobytes())
                levels.append((first, first_sum, *level.planes.shape[1:]))
                first += level.planes.size
                first_sum += level.sums.size
            index.append(levels)
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
