"""Documents: pages of the DIBCO contests and of sets like them, laid out as their authors publish them.

`dibco:PATH` is all sets in the folders of PATH, `dibco:PATH:2009+2010` those whose folders have such a word in their
names. In a set, ground truth is what lies in a folder with "gt" in its name, or has a name that ends in _gt or _estGT;
the page that it is of has the same name without that. So 2009 to 2019 can be unpacked as they come, each into
a folder of its own; so can PHIBD, the Bickley diary and S-MS.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dbram_baseline.errors import BaselineError

U8 = NDArray[np.uint8]
PREFIX = "dibco:"
PATCH = 256  # px, of the paper
ENDINGS = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")
_TRUTH = re.compile(r"[_-]?(est)?gt$", re.IGNORECASE)


class Page(NamedTuple):
    """A page: image (H, W, 3) RGB, truth (H, W) of 0 (text) and 255."""

    name: str  # the set's, and the page's
    image: U8
    truth: U8


def named(name: str) -> bool:
    """Whether a name of data is one of documents."""
    return name.startswith(PREFIX)


def pages(name: str) -> list[Page]:
    """The pages of a name, in order. Raises BaselineError if there are none, or some have no truth."""
    root, _, words = name.removeprefix(PREFIX).partition(":")
    if not Path(root).is_dir():
        raise BaselineError(
            f"--data {name}: no folder {root}; get the sets from their contests' pages (vc.ee.duth.gr) and unpack each "
            f"into a folder of its own, such as {root}/2013, images and ground truth"
        )
    folders = sorted(p for p in Path(root).iterdir() if p.is_dir())
    chosen = [f for f in folders if not words or any(word in f.name for word in words.split("+"))]
    for word in words.split("+") if words else []:
        if not any(word in f.name for f in folders):
            raise BaselineError(f"--data {name}: no folder of {root} has {word!r} in its name; it has "
                                f"{', '.join(f.name for f in folders)}")  # fmt: skip
    found = [page for folder in chosen for page in _set(name, folder)]
    if not found:
        raise BaselineError(f"--data {name}: no pages with ground truth in the folders of {root}")
    return found


def _set(name: str, folder: Path) -> list[Page]:
    images: dict[str, Path] = {}
    truths: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS):
        within = path.relative_to(folder).parent.parts
        is_truth = bool(_TRUTH.search(path.stem)) or any("gt" in part.lower() for part in within)
        heap, key = (truths if is_truth else images), _TRUTH.sub("", path.stem)
        if key in heap:
            raise BaselineError(f"--data {name}: {heap[key]} and {path} have one name; keep one of them")
        heap[key] = path
    for key in images.keys() ^ truths.keys():
        lone = images.get(key) or truths[key]
        raise BaselineError(f"--data {name}: {lone} has no {'ground truth' if key in images else 'page'} beside it")
    return [Page(f"{folder.name}/{key}", *_read(name, images[key], truths[key])) for key in sorted(images)]


def _read(name: str, image: Path, truth: Path) -> tuple[U8, U8]:
    found = []
    for path, how in ((image, cv2.IMREAD_COLOR_RGB), (truth, cv2.IMREAD_GRAYSCALE)):
        pixels = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), how)
        if pixels is None:
            raise BaselineError(f"--data {name}: {path} cannot be decoded")
        found.append(pixels)
    if found[0].shape[:2] != found[1].shape:
        raise BaselineError(f"--data {name}: {image} and {truth} differ in size")
    # Grey truths (the Bickley diary has them) are cut in the middle.
    return np.asarray(found[0], np.uint8), np.where(found[1] < 128, 0, 255).astype(np.uint8)


def patches(some: list[Page], side: int = PATCH) -> tuple[U8, U8]:
    """Pages cut into squares: (N, side, side, 3) and (N, side, side). The last of a row or column overlaps the one
    before; a page that is smaller is made larger by repeating its border."""
    images, truths = [], []
    for page in some:
        height, width = page.truth.shape
        lack = ((0, max(0, side - height)), (0, max(0, side - width)))
        image, truth = np.pad(page.image, (*lack, (0, 0)), mode="edge"), np.pad(page.truth, lack, mode="edge")
        for top in _starts(truth.shape[0], side):
            for left in _starts(truth.shape[1], side):
                images.append(image[top : top + side, left : left + side])
                truths.append(truth[top : top + side, left : left + side])
    return np.stack(images), np.stack(truths)


def _starts(size: int, side: int) -> list[int]:
    return [*range(0, size - side, side), size - side]
