"""Pictures: the bundled photographs and those of users' folders, and how a picture file is decoded."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from subsynth.core.errors import MaterialError
from subsynth.core.files import read_regular_file
from subsynth.core.pixels import U8
from subsynth.data.folders import bundled_folder

TEST_SHARE = 7  # one in TEST_SHARE of a user's pictures belongs to the test splits
MAX_FILE = 1 << 30  # bytes
MAX_PIXELS = 1 << 28  # px that are decoded; a JPEG file may have 64 times more
REDUCED_SIZE = (1280, 720)  # px; a large picture is read at a reduced size of at least this
LARGE = 1 << 25  # px; larger pictures are reduced
# Formats that Pillow lists but cannot decode, or decodes only by running other programs.
_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"})
_pillow_limit = threading.Lock()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """One picture file: its name in the column `background`, path, digest, side (train or test), and licence."""

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


@lru_cache(maxsize=1)
def suffixes() -> frozenset[str]:
    """The file name endings, in lower case, of the formats that Pillow decodes."""
    Image.init()
    return frozenset(
        suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN.keys() - _NOT_DECODED
    )


def user_pictures(folders: Sequence[str]) -> tuple[Picture, ...]:
    """The pictures of a user's folders and their subfolders.

    One in TEST_SHARE, and at least one, is for the test splits; the division depends only on content. If two files have
    the same name, the first digits of their digests are prepended. Files that are not pictures are counted in a
    warning. Raises MaterialError for a folder that cannot be read, or if there are fewer than two pictures.
    """
    by_digest: dict[str, Picture] = {}
    for folder in folders:
        files, others = _list_files(folder)
        if others:
            kinds = ", ".join(f"{n} {suffix or 'without an ending'}" for suffix, n in Counter(others).most_common(6))
            log.warning(
                "background.folders %s: %d files are not pictures and are ignored (%s)", folder, len(others), kinds
            )
        for file in files:
            digest = hashlib.sha256(_read(file)).hexdigest()
            by_digest.setdefault(digest, Picture(file.name, str(file.resolve()), digest, test=False))
    if len(by_digest) < 2:
        raise MaterialError(
            f"background.folders {list(folders)}: {len(by_digest)} pictures; at least two are needed, since train and "
            "test share none"
        )
    ordered = [by_digest[digest] for digest in sorted(by_digest)]
    names = Counter(picture.name for picture in ordered)
    return tuple(
        replace(p, name=p.name if names[p.name] == 1 else f"{p.sha256[:8]}-{p.name}", test=i % TEST_SHARE == 0)
        for i, p in enumerate(ordered)
    )


def _list_files(folder: str) -> tuple[list[Path], list[str]]:
    """The picture files of a folder, sorted, and the endings of its other files; hidden files count as neither."""
    root = Path(folder).expanduser()
    try:
        next(root.iterdir(), None)  # rglob skips a folder that cannot be read
        paths = sorted(p for p in root.rglob("*") if not p.name.startswith(".") and not p.is_dir())
    except OSError as error:
        raise MaterialError(f"folder {folder}: {error.strerror or error}; check background.folders") from error
    files = [p for p in paths if p.suffix.lower() in suffixes() and p.is_file()]
    used = set(files)
    return files, [p.suffix.lower() for p in paths if p not in used]


def _read(path: str | Path) -> bytes:
    return read_regular_file(path, "picture", "remove or replace it", MAX_FILE, MaterialError)


def decode_picture(picture: Picture) -> U8:
    """Decode a picture, upright -> RGB uint8 (H, W, 3). Raises MaterialError if it is damaged or too large.

    Transparent parts are placed on a plain colour (see `flatten_alpha`); large pictures are read at a reduced size.
    """
    content = _read(picture.path)
    try:
        with _without_pillow_limit(), Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", REDUCED_SIZE)
            if image.width * image.height > MAX_PIXELS:
                raise MaterialError(
                    f"picture {picture.path}: {image.width} x {image.height} px are too many; reduce it"
                )
            if image.mode.startswith(("I", "F")):
                raise MaterialError(f"picture {picture.path}: mode {image.mode} is not 8-bit; convert it")
            upright = ImageOps.exif_transpose(_reduced(image))
            return np.asarray(flatten_alpha(upright))
    except MaterialError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of error for damaged files
        reason = " ".join(str(error).split())[:200]
        raise MaterialError(f"picture {picture.path}: it cannot be read ({reason}); remove or replace it") from error


def flatten_alpha(image: Image.Image) -> Image.Image:
    """An image in RGB. Transparency is placed on white, or on black if the visible part is mostly light."""
    if "A" not in image.getbands() and "a" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    alpha = np.asarray(layer.getchannel("A"), dtype=np.float64)
    light = float((np.asarray(layer.convert("L")) * alpha).sum() / max(alpha.sum(), 1.0))
    backdrop = Image.new("RGBA", layer.size, "black" if light > 127.5 else "white")
    backdrop.alpha_composite(layer)
    return backdrop.convert("RGB")


def _reduced(image: Image.Image) -> Image.Image:
    """A large image reduced by an integer factor, so that it still covers REDUCED_SIZE."""
    factor = min(image.width // REDUCED_SIZE[0], image.height // REDUCED_SIZE[1])
    if image.width * image.height <= LARGE or factor < 2:
        return image
    exif = image.getexif()
    reduced = (image.convert("RGBA" if "transparency" in image.info else "RGB") if image.mode == "P" else image).reduce(
        factor
    )
    reduced.info = image.info | {"exif": exif.tobytes()}
    return reduced


@contextmanager
def _without_pillow_limit() -> Iterator[None]:
    """Disable Pillow's own pixel limit, which is lower than MAX_PIXELS."""
    with _pillow_limit, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
