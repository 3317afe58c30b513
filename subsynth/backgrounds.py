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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from subsynth import cache, data, ink, scenery
from subsynth.errors import MaterialError

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

    planes: NDArray[np.uint8]
    sums: NDArray[np.int64]  # (2, 1 + H // BLOCK, 1 + W // BLOCK), summed-area tables

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


@dataclass(frozen=True)
class Scene:
    """A background to crop from: its name and its levels, the largest first."""

    name: str
    levels: tuple[Level, ...]


@lru_cache(maxsize=1)
def catalogue() -> tuple[Picture, ...]:
    """Every bundled photograph, in the order of backgrounds/catalogue.tsv."""
    folder = data.folder("backgrounds")
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
    """The pyramids of pictures for crops of width x height, from the cache, where they are prepared at first use."""
    if not pictures:
        return ()
    place = cache.prepared(pack_name(pictures, width, height), lambda folder: _pack(pictures, width, height, folder))
    pixels = np.memmap(place / "pixels.u8", np.uint8, "r")
    sums = np.memmap(place / "sums.i64", np.int64, "r")
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    found = []
    for picture, levels in zip(pictures, index, strict=True):
        ready = []
        for first, first_sum, h, w in levels:
            rows, columns = 1 + h // BLOCK, 1 + w // BLOCK
            planes = pixels[first : first + 3 * h * w].reshape(3, h, w)
            ready.append(Level(planes, sums[first_sum : first_sum + 2 * rows * columns].reshape(2, rows, columns)))
        found.append(Scene(picture.name, tuple(ready)))
    return tuple(found)


def procedural(seed: int, test: bool, width: int, height: int) -> tuple[Scene, ...]:
    """Gradients, clouds, bokeh, stripes and clutter, drawn from the seed; the splits have their own."""
    sizes = _sizes(FRAME_WIDTH, FRAME_HEIGHT, width, height)[:1]
    made = []
    for kind in scenery.KINDS:
        for number in range(2 if test else 6):
            canvas = scenery.draw(kind, seed, "test" if test else "train", number, *sizes[0])
            made.append(Scene(f"procedural/{kind}-{number}", (_level(canvas),)))
    return tuple(made)


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
    light = ink.luma(planes)[: rows * BLOCK, : columns * BLOCK].astype(np.int64)
    sums = np.zeros((2, rows + 1, columns + 1), np.int64)
    for i, values in enumerate((light, light * light)):
        blocks = values.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3))
        sums[i, 1:, 1:] = blocks.cumsum(axis=0).cumsum(axis=1)
    return Level(planes, sums)


def _pack(pictures: Sequence[Picture], width: int, height: int, folder: Path) -> None:
    """Decode, scale and store every picture's levels in two flat files and an index."""
    index = []
    first = first_sum = 0
    with (folder / "pixels.u8").open("wb") as pixels, (folder / "sums.i64").open("wb") as sums:
        for picture in pictures:
            image = load(picture)
            levels = []
            for w, h in _sizes(image.shape[1], image.shape[0], width, height):
                how = cv2.INTER_AREA if w < image.shape[1] else cv2.INTER_LINEAR
                level = _level(np.asarray(cv2.resize(image, (w, h), interpolation=how), dtype=np.uint8))
                pixels.write(level.planes.tobytes())
                sums.write(level.sums.tobytes())
                levels.append((first, first_sum, h, w))
                first += level.planes.size
                first_sum += level.sums.size
            index.append(levels)
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
