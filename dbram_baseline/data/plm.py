"""Palm leaf manuscripts (AMADI_LontarSet, of ICFHR 2016), in the way of the paper.

`plm:PATH` is the folder that the contest's archive Challenge-1-ForTrain unpacks into: NAME.jpg, with the truths of
two annotators beside it, NAME_GT1.bmp and NAME_GT2.bmp, of which the first is taken. Each of the 50 leaves is cut
vertically into ten pieces. Those of the first four fifths of the leaves (400) are for training and those of the rest
(100) for testing, so that no leaf has a part in both.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from dbram_baseline.data.pages import Page, pair
from dbram_baseline.errors import BaselineError

PIECES = 10


def pages(where: str, split: str) -> list[Page]:
    """The pieces of a split, "train" or "test", in order. Raises BaselineError for what is missing or unlike text."""
    name, root = f"plm:{where}", Path(where)
    if not root.is_dir():
        raise BaselineError(
            f"--data {name}: no folder {root}; get Challenge-1-ForTrain of the ICFHR 2016 contest on palm leaves "
            f"(amadi.univ-lr.fr/ICFHR2016_Contest) and unpack it, so that {root} holds NAME.jpg and NAME_GT1.bmp"
        )
    if split not in ("train", "test"):
        raise BaselineError(f"--data {name}: no split {split!r}; train or test")
    leaves = sorted((p for p in root.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg")), key=lambda p: p.stem)
    for one, other in pairwise(leaves):
        if one.stem == other.stem:
            raise BaselineError(f"--data {name}: {one} and {other} have one name; keep one of them")
    if len(leaves) < 2:
        raise BaselineError(f"--data {name}: {len(leaves)} leaves (NAME.jpg) in {root}; two or more are needed")
    first = len(leaves) - max(1, len(leaves) // 5)
    found = []
    for leaf in leaves[:first] if split == "train" else leaves[first:]:
        truth_path = leaf.with_name(f"{leaf.stem}_GT1.bmp")
        if not truth_path.exists():
            raise BaselineError(f"--data {name}: {leaf} has no {truth_path.name} beside it")
        image, truth = pair(name, [leaf], truth_path)
        if (truth == 0).mean() > 0.5:
            raise BaselineError(f"--data {name}: {truth_path} is mostly black; black text on white is needed")
        edges = np.linspace(0, truth.shape[1], PIECES + 1).round().astype(int)
        found += [Page(f"{leaf.stem}/{i}", image[:, a:b], truth[:, a:b]) for i, (a, b) in enumerate(pairwise(edges))]
    return found
