"""Shadow removal (ISTD: Wang, Li and Yang, CVPR 2018), which the same generators learn, in colour.

`istd:PATH` is the unpacked folder ISTD_Dataset: train/train_A (with the shadow), train_B (mask of the shadow) and
train_C (without it), and test/test_A, test_B and test_C, with the same file names in each. Images are resized to
256 x 256 px, the size at which results are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dbram_baseline.arrays import U8, Mask
from dbram_baseline.data.pages import SUFFIXES, read_image
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError

SIDE = 256  # px


@dataclass(frozen=True)
class Shadows:
    """Images with a shadow and without it, (N, 256, 256, 3) RGB; masks (N, 256, 256), True in shadow."""

    images: U8
    shadow_free: U8
    masks: Mask


def load_shadows(ref: DataRef, split: str, limit: int = 0) -> Shadows:
    """The images of a split in the order of their names, at most `limit` if it is not 0.

    Raises BaselineError for missing folders and files.
    """
    folders = {part: Path(ref.path) / split / f"{split}_{part}" for part in "ABC"}
    files = {part: _files(ref, folder) for part, folder in folders.items()}
    for part, paths in files.items():
        for stem in sorted(files["A"].keys() ^ paths.keys()):
            folder = folders[part if stem in files["A"] else "A"]
            raise BaselineError(f"--data {ref.name}: {folder} has no image named {stem}, which other folders have")
    stems = sorted(files["A"])[: limit or None]
    if not stems:
        raise BaselineError(f"--data {ref.name}: no images in {folders['A']}")

    def read(part: str, interpolation: int, grey: bool = False) -> U8:
        images = (read_image(ref, files[part][stem], grey) for stem in stems)
        return np.stack(
            [np.asarray(cv2.resize(i, (SIDE, SIDE), interpolation=interpolation), np.uint8) for i in images]
        )

    masks = read("B", cv2.INTER_NEAREST, grey=True)
    return Shadows(
        read("A", cv2.INTER_AREA),
        read("C", cv2.INTER_AREA),
        masks > (127 if masks.max() > 1 else 0),  # some masks are stored as 0 and 1
    )


def _files(ref: DataRef, folder: Path) -> dict[str, Path]:
    """The images of a folder by their names without a suffix."""
    if not folder.is_dir():
        raise BaselineError(
            f"--data {ref.name}: no folder {folder}; get ISTD from its authors (DeepInsight-PCALab/ST-CGAN on GitHub) "
            f"and unpack it, so that {ref.path} holds train/train_A, train_B, train_C and test/test_A, test_B, test_C"
        )
    files: dict[str, Path] = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES):
        if path.stem in files:
            raise BaselineError(
                f"--data {ref.name}: {files[path.stem]} and {path} have the same name; keep one of them"
            )
        files[path.stem] = path
    return files
