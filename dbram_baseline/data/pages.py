"""Pages with their ground truth, and the squares that they are cut into for training."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dbram_baseline.errors import BaselineError

U8 = NDArray[np.uint8]
PATCH = 256  # px, of the paper
ENDINGS = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")


class Page(NamedTuple):
    """A page: image (H, W, 3) RGB, truth (H, W) of 0 (text) and 255."""

    name: str  # the set's, and the page's
    image: U8
    truth: U8


def picture(name: str, path: Path, how: int) -> U8:
    """A picture of the data called `name`, decoded by cv2. Raises BaselineError if it cannot be."""
    if not path.exists():
        raise BaselineError(f"--data {name}: {path} is missing")
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), how)
    if pixels is None:
        raise BaselineError(f"--data {name}: {path} cannot be decoded")
    return np.asarray(pixels, np.uint8)


def pair(name: str, image: list[Path], truth: Path) -> tuple[U8, U8]:
    """An image, of one file or of a file a plane, and its truth. Grey truths (the Bickley diary has them) are cut in
    the middle."""
    if len(image) == 1:
        pixels = picture(name, image[0], cv2.IMREAD_COLOR_RGB)
    else:
        planes = [picture(name, path, cv2.IMREAD_GRAYSCALE) for path in image]
        if len({p.shape for p in planes}) > 1:
            raise BaselineError(f"--data {name}: {', '.join(map(str, image))} differ in size")
        pixels = np.stack(planes, axis=2)
    grey = picture(name, truth, cv2.IMREAD_GRAYSCALE)
    if pixels.shape[:2] != grey.shape:
        raise BaselineError(f"--data {name}: {image[0]} and {truth} differ in size")
    middle = 1 if grey.max() == 1 else 128  # some are stored as 0 and 1
    return pixels, np.where(grey < middle, 0, 255).astype(np.uint8)


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
