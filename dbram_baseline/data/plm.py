"""Palm leaf manuscripts (AMADI_LontarSet, ICFHR 2016), split as in the paper.

`plm:PATH` is the folder that the contest's archive Challenge-1-ForTrain unpacks into: NAME.jpg beside the ground
truths of two annotators, NAME_GT1.bmp and NAME_GT2.bmp; the first one is used. Each of the 50 leaves is cut
vertically into ten pieces. The first four fifths of the leaves (400 pieces) are for training and the rest (100
pieces) for testing, so that no leaf is part of both.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from dbram_baseline.data.pages import Page, read_pair
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError

PIECES = 10  # per leaf


def load_pages(ref: DataRef, split: str) -> list[Page]:
    """The pieces of "train" or "test", in order.

    Raises BaselineError for missing files, and for a ground truth that is mostly text.
    """
    pages = []
    for leaf in _leaves(ref, split):
        truth_path = leaf.with_name(f"{leaf.stem}_GT1.bmp")
        if not truth_path.exists():
            raise BaselineError(f"--data {ref.name}: {leaf} has no {truth_path.name} beside it")
        image, truth = read_pair(ref, [leaf], truth_path)
        if (truth == 0).mean() > 0.5:
            raise BaselineError(f"--data {ref.name}: {truth_path} is mostly black; black text on white is needed")
        edges = np.linspace(0, truth.shape[1], PIECES + 1).round().astype(int)
        for i, (left, right) in enumerate(pairwise(edges)):
            pages.append(Page(f"{leaf.stem}/{i}", image[:, left:right], truth[:, left:right]))
    return pages


def _leaves(ref: DataRef, split: str) -> list[Path]:
    root = Path(ref.path)
    if not root.is_dir():
        raise BaselineError(
            f"--data {ref.name}: no folder {root}; get Challenge-1-ForTrain of the ICFHR 2016 contest on palm leaves "
            f"(amadi.univ-lr.fr/ICFHR2016_Contest) and unpack it, so that {root} holds NAME.jpg and NAME_GT1.bmp"
        )
    if split not in ("train", "test"):
        raise BaselineError(f"--data {ref.name}: no split {split!r}; train or test")
    leaves = sorted((p for p in root.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg")), key=lambda p: p.stem)
    for first, second in pairwise(leaves):
        if first.stem == second.stem:
            raise BaselineError(f"--data {ref.name}: {first} and {second} have the same name; keep one of them")
    if len(leaves) < 2:
        raise BaselineError(f"--data {ref.name}: {len(leaves)} leaves (NAME.jpg) in {root}; at least 2 are needed")
    first_test = len(leaves) - max(1, len(leaves) // 5)
    return leaves[:first_test] if split == "train" else leaves[first_test:]
