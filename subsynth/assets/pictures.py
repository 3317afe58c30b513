"""Pictures: the bundled photographs and those of users' folders, and how a picture file is decoded."""

from __future__ import annotations

import csv
import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from subsynth.core.errors import MaterialError
from subsynth.core.pixels import U8
from subsynth.data.folders import bundled_folder

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
TEST_SHARE = 7  # of a user's pictures, one in this many is for the test splits
MIN_SIZE = (1280, 720)  # px; JPEG files may be decoded at a reduced size that is not below this


@dataclass(frozen=True)
class Picture:
    """One picture file: its name in the column `background`, path, digest, side of the division, and licence."""

    name: str
    path: str
    sha256: str
    test: bool
    spdx: str = ""
    author: str = ""
    title: str = ""


@lru_cache(maxsize=1)
def bundled_pictures() -> tuple[Picture, ...]:
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


def user_pictures(folders: Sequence[str]) -> tuple[Picture, ...]:
    """The pictures of a user's folders, divided by content: one in TEST_SHARE, at least one, is for the test splits.

    Where two files share a name, the first digits of their digests are prepended. Files with other suffixes are
    ignored. Raises MaterialError for a folder that cannot be read, or if there are fewer than two pictures.
    """
    by_digest: dict[str, Picture] = {}
    for folder in folders:
        try:
            files = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
            for file in files:
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                by_digest.setdefault(digest, Picture(file.name, str(file.resolve()), digest, test=False))
        except OSError as error:
            raise MaterialError(f"folder {folder}: {error.strerror or error}; check background.folders") from error
    if len(by_digest) < 2:
        raise MaterialError(
            f"background.folders {list(folders)}: {len(by_digest)} pictures ({', '.join(SUFFIXES)}); "
            "at least two are needed, since train and test share none"
        )
    ordered = [by_digest[digest] for digest in sorted(by_digest)]
    names = Counter(picture.name for picture in ordered)
    return tuple(
        replace(p, name=p.name if names[p.name] == 1 else f"{p.sha256[:8]}-{p.name}", test=i % TEST_SHARE == 0)
        for i, p in enumerate(ordered)
    )


def decode_picture(picture: Picture) -> U8:
    """Decode a picture, upright and without alpha -> RGB uint8 (H, W, 3). Raises MaterialError if it is damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(picture.path) as image:
                image.draft("RGB", MIN_SIZE)
                upright = ImageOps.exif_transpose(image)
                if upright.mode.startswith(("I", "F")):
                    raise MaterialError(f"picture {picture.path}: mode {upright.mode} is not 8-bit; convert it")
                return np.asarray(upright.convert("RGB"))
    except MaterialError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of error for damaged files
        raise MaterialError(f"picture {picture.path}: it cannot be read ({error}); remove or replace it") from error
