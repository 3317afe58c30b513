"""Pages with their ground truth, and the square patches that networks are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dbram_baseline.arrays import U8
from dbram_baseline.data.pictures import PictureError, read_picture
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError

PATCH = 256  # px, as in the paper
SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Page:
    """A page: image (H, W, 3) RGB, ground truth (H, W) of 0 (text) and 255. `name` is "set/page"."""

    name: str
    image: U8
    truth: U8


def read_image(ref: DataRef, path: Path, grey: bool = False) -> U8:
    """Decode an image file: RGB (H, W, 3), or if `grey`, (H, W). Raises BaselineError if that is impossible."""
    if not path.exists():
        raise BaselineError(f"--data {ref.name}: {path} is missing")
    try:
        return read_picture(path, grey)
    except PictureError as error:
        raise BaselineError(f"--data {ref.name}: {path} cannot be decoded ({error})") from error
    except BaselineError as error:
        raise BaselineError(f"--data {ref.name}: {error}") from error


def read_pair(ref: DataRef, image_paths: Sequence[Path], truth_path: Path) -> tuple[U8, U8]:
    """An image, from one file or from one file per plane, and its ground truth.

    Grey levels in a ground truth (the Bickley diary has them) are thresholded at the middle.
    """
    if len(image_paths) == 1:
        image = read_image(ref, image_paths[0])
    else:
        planes = [read_image(ref, path, grey=True) for path in image_paths]
        if len({p.shape for p in planes}) > 1:
            raise BaselineError(f"--data {ref.name}: {', '.join(map(str, image_paths))} differ in size")
        image = np.stack(planes, axis=2)
    grey = read_image(ref, truth_path, grey=True)
    if image.shape[:2] != grey.shape:
        raise BaselineError(f"--data {ref.name}: {image_paths[0]} and {truth_path} differ in size")
    middle = 1 if grey.max() == 1 else 128  # some ground truths are stored as 0 and 1
    return image, np.where(grey < middle, 0, 255).astype(np.uint8)


def cut_patches(pages: Sequence[Page], side: int = PATCH) -> tuple[U8, U8]:
    """Cut pages into squares: images (N, side, side, 3) and ground truths (N, side, side).

    The last patch of a row or column overlaps the one before it. A page smaller than a patch is extended by
    repeating its border.
    """
    images, truths = [], []
    for page in pages:
        height, width = page.truth.shape
        border = ((0, max(0, side - height)), (0, max(0, side - width)))
        image, truth = np.pad(page.image, (*border, (0, 0)), mode="edge"), np.pad(page.truth, border, mode="edge")
        for top in _starts(truth.shape[0], side):
            for left in _starts(truth.shape[1], side):
                images.append(image[top : top + side, left : left + side])
                truths.append(truth[top : top + side, left : left + side])
    return np.stack(images), np.stack(truths)


def _starts(length: int, side: int) -> list[int]:
    return [*range(0, length - side, side), length - side]
