"""Pages of the DIBCO contests and of sets like them, laid out as their authors publish them.

`dibco:PATH` is all sets in the folders of PATH, `dibco:PATH:2009+2010` those whose folders have such a word in their
names, and `dibco:PATH:-2013` all others. In a set, ground truth is what lies in a folder with "gt" in its name, or has
a name that ends in _gt or _estGT; the page that it is of has the same name without that. So 2009 to 2019 can be
unpacked as they come, each into a folder of its own; so can PHIBD, the Bickley diary and S-MS.
"""

from __future__ import annotations

import re
from pathlib import Path

from dbram_baseline.errors import BaselineError
from dbram_baseline.pages import ENDINGS, Page, pair

_TRUTH = re.compile(r"[_-]?(est)?gt$", re.IGNORECASE)


def pages(where: str, _split: str = "") -> list[Page]:
    """The pages of "PATH" or "PATH:words", in order; there are no splits. Raises BaselineError if there are none,
    or some have no truth."""
    name = f"dibco:{where}"
    root, _, words = where.partition(":")
    if not Path(root).is_dir():
        raise BaselineError(
            f"--data {name}: no folder {root}; get the sets from their contests' pages (vc.ee.duth.gr) and unpack each "
            f"into a folder of its own, such as {root}/2013, images and ground truth"
        )
    folders = sorted(p for p in Path(root).iterdir() if p.is_dir())
    for word in [w.removeprefix("-") for w in words.split("+")] if words else []:
        if not any(word in f.name for f in folders):
            there = ", ".join(f.name for f in folders)
            raise BaselineError(f"--data {name}: no folder of {root} has {word!r} in its name; it has {there}")
    found = [page for folder in folders if _chosen(folder.name, words) for page in _set(name, folder)]
    if not found:
        raise BaselineError(f"--data {name}: no pages with ground truth in the folders of {root}")
    return found


def years(root: Path) -> list[str]:
    """The years from 2009 to 2019 that folders of `root` have in their names, in order."""
    names = " ".join(p.name for p in root.iterdir() if p.is_dir()) if root.is_dir() else ""
    return [str(year) for year in range(2009, 2020) if str(year) in names]


def _chosen(folder: str, words: str) -> bool:
    taken = [w for w in words.split("+") if w and not w.startswith("-")]
    left = [w.removeprefix("-") for w in words.split("+") if w.startswith("-")]
    return (not taken or any(w in folder for w in taken)) and not any(w in folder for w in left)


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
    return [Page(f"{folder.name}/{key}", *pair(name, images[key], truths[key])) for key in sorted(images)]
