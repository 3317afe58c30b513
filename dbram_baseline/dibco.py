"""Pages of the DIBCO contests and of sets like them, laid out as their authors publish them.

`dibco:PATH` is all sets in the folders of PATH, `dibco:PATH:2009+2010` those whose folders have such a word in their
names, and `dibco:PATH:-2013` all others. In a set, ground truth is what lies in a folder with "gt" in its name, or has
a name that ends in _gt or _estGT; the page that it is of has the same name without that. So 2009 to 2019 can be
unpacked as they come, each into a folder of its own; so can PHIBD (Original, GT), the Bickley diary
(gt_labeled/original, gt_labeled/original_gt) and S-MS (MSI/z97/F1s.png to F8s.png, GT/z97GT.png), of whose bands
the visible ones, 4, 3 and 2, make the colours.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dbram_baseline.errors import BaselineError
from dbram_baseline.pages import ENDINGS, Page, pair

_TRUTH = re.compile(r"[_-]?(est)?gt$", re.IGNORECASE)
_AFTER = re.compile(r"([_-]|(est)?gt).*", re.IGNORECASE)  # what a truth's name may have after its page's
_BAND = re.compile(r"F[1-8]s")
VISIBLE = ("F4s.png", "F3s.png", "F2s.png")  # 700, 600 and 500 nm


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
    names = [p.name for p in root.iterdir() if p.is_dir()] if root.is_dir() else []
    return [str(year) for year in range(2009, 2020) if any(str(year) in n and not _persian(n) for n in names)]


def of_year(root: Path, year: str) -> str:
    """The name of a year's contest: PHIBD, which is called PHIBD2012 as often, is none."""
    other = [p.name for p in root.iterdir() if year in p.name and _persian(p.name)]
    return f"dibco:{root}:{'+'.join([year, *('-' + name for name in other)])}"


def _persian(folder: str) -> bool:
    return "phib" in folder.lower()


def _chosen(folder: str, words: str) -> bool:
    taken = [w for w in words.split("+") if w and not w.startswith("-")]
    left = [w.removeprefix("-") for w in words.split("+") if w.startswith("-")]
    return (not taken or any(w in folder for w in taken)) and not any(w in folder for w in left)


def _set(name: str, folder: Path) -> list[Page]:
    images: dict[str, list[Path]] = {}
    truths: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and not _BAND.fullmatch(p.stem)):
        heap: dict[str, Any] = truths if _is_truth(path.relative_to(folder)) else images
        if path.stem in heap:
            raise _twice(name, path, heap[path.stem])
        heap[path.stem] = path if heap is truths else [path]
    for first in sorted(folder.rglob(VISIBLE[0])):
        images[first.parent.name] = [first.with_name(band) for band in VISIBLE]
    pages: dict[str, tuple[list[Path], Path]] = {}
    for stem, truth in truths.items():
        own = [i for i in images if stem == i or (stem.startswith(i) and _AFTER.fullmatch(stem[len(i) :]))]
        if not own:
            raise BaselineError(f"--data {name}: {truth} has no page beside it")
        page = max(own, key=len)
        if page in pages:
            raise _twice(name, truth, pages[page][1])
        pages[page] = images[page], truth
    for page in sorted(images.keys() - pages.keys()):
        raise BaselineError(f"--data {name}: {images[page][0]} has no ground truth beside it")
    return [Page(f"{folder.name}/{page}", *pair(name, *pages[page])) for page in sorted(pages)]


def _is_truth(path: Path) -> bool:
    """By its own name, or by the nearest folder that tells."""
    if _TRUTH.search(path.stem):
        return True
    for part in reversed(path.parent.parts):
        if "gt" in part.lower():
            return True
        if re.search("orig|im", part, re.IGNORECASE):
            return False
    return False


def _twice(name: str, path: Path, other: Any) -> BaselineError:
    other = other[0] if isinstance(other, list) else other
    return BaselineError(f"--data {name}: {other} and {path} have one name; keep one of them")
