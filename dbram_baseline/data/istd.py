"""Shadows (ISTD: Wang, Li and Yang, CVPR 2018), which are removed by the same generators, in colour.

`istd:PATH` is the folder ISTD_Dataset as it is unpacked: train/train_A (with the shadow), train_B (its mask) and
train_C (without it), and test/test_A, test_B, test_C, of one name each. Pictures are made 256 x 256 px, which is the
size that removals are compared at.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dbram_baseline.data.pages import ENDINGS, picture
from dbram_baseline.errors import BaselineError

U8 = NDArray[np.uint8]
SIDE = 256  # px


class Shadows(NamedTuple):
    """Images with a shadow and without, (N, 256, 256, 3) RGB, and where it is, bool (N, 256, 256)."""

    images: U8
    free: U8
    masks: NDArray[np.bool_]


def shadows(where: str, split: str, most: int = 0) -> Shadows:
    """The pictures of a split (`most` of them, if not 0), by their names. Raises BaselineError for what is missing."""
    name, root = f"istd:{where}", Path(where)
    folders = {kind: root / split / f"{split}_{kind}" for kind in "ABC"}
    for folder in folders.values():
        if not folder.is_dir():
            raise BaselineError(
                f"--data {name}: no folder {folder}; get ISTD from its authors (DeepInsight-PCALab/ST-CGAN on GitHub) "
                f"and unpack it, so that {root} holds train/train_A, train_B, train_C and test/test_A, test_B, test_C"
            )
    found: dict[str, dict[str, Path]] = {kind: {} for kind in folders}
    for kind, folder in folders.items():
        for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS):
            if path.stem in found[kind]:
                raise BaselineError(f"--data {name}: {found[kind][path.stem]} and {path} have one name; keep one")
            found[kind][path.stem] = path
    for kind, paths in found.items():
        for stem in sorted(found["A"].keys() ^ paths.keys()):
            lacks = folders[kind if stem in found["A"] else "A"]
            raise BaselineError(f"--data {name}: {lacks} has no picture of the name {stem}, which other folders have")
    names = sorted(found["A"])[: most or None]
    if not names:
        raise BaselineError(f"--data {name}: no pictures in {folders['A']}")

    def read(kind: str, how: int, by: int) -> U8:
        some = (picture(name, found[kind][stem], how) for stem in names)
        return np.stack([np.asarray(cv2.resize(p, (SIDE, SIDE), interpolation=by), np.uint8) for p in some])

    masks = read("B", cv2.IMREAD_GRAYSCALE, cv2.INTER_NEAREST)
    return Shadows(
        read("A", cv2.IMREAD_COLOR_RGB, cv2.INTER_AREA),
        read("C", cv2.IMREAD_COLOR_RGB, cv2.INTER_AREA),
        masks > (127 if masks.max() > 1 else 0),  # some are stored as 0 and 1
    )
