"""Pages of the DIBCO contests and of sets like them, laid out as their authors publish them.

`dibco:PATH` is all sets in the folders of PATH, `dibco:PATH:2009+2010` those whose folders have such a word in their
names (or the folder alone that is called just so), and `dibco:PATH:-2013` all others. In a set, ground truth is what
lies in a folder with "gt" in its name, or has a name that ends in _gt or _estGT; the page that it is of has the same
name without that. So 2009 to 2019 can be unpacked as they come, each into a folder of its own; so can PHIBD (Original,
GT), the Bickley diary (gt_labeled/original, gt_labeled/original_gt) and S-MS (MSI/z97/F1s.png to F8s.png,
GT/z97GT.png), of whose bands the visible ones, 4, 3 and 2, make the colours.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dbram_baseline.data.pages import ENDINGS, Page, pair
from dbram_baseline.errors import BaselineError

_TRUTH = re.compile(r"[_-]?(est)?gt$", re.IGNORECASE)
_AFTER = re.compile(r"([_-]|(est)?gt).*", re.IGNORECASE)  # what a truth's name may have after its page's
_BAND = re.compile(r"F[1-8]s")
_YEAR = re.compile(r"(?<!\d)(?:20)?(09|1\d)(?!\d)")
_OTHER = re.compile("phib|bickl|s-?ms|msi|smadi", re.IGNORECASE)
VISIBLE = ("F4s.png", "F3s.png", "F2s.png")  # 700, 600 and 500 nm


def pages(where: str, split: str = "test") -> list[Page]:
    """The pages of "PATH" or "PATH:words", in order; train and test are the same. Raises BaselineError if there are
    none, or some have no truth."""
    name = f"dibco:{where}"
    if split not in ("train", "test"):
        raise BaselineError(f"--data {name}: no split {split!r}; choose pages by words, as in dibco:PATH:2013")
    root = where.partition(":")[0]
    if not Path(root).is_dir():
        raise BaselineError(
            f"--data {name}: no folder {root}; get the sets from their contests' pages (vc.ee.duth.gr) and unpack each "
            f"into a folder of its own, such as {root}/2013, images and ground truth"
        )
    found = [page for folder in chosen(where) for page in _set(name, folder)]
    if not found:
        raise BaselineError(f"--data {name}: no pages with ground truth in the folders of {root}")
    return found


def chosen(where: str) -> list[Path]:
    """The folders that "PATH" or "PATH:words" takes. Raises BaselineError for a word that no folder has."""
    root, _, words = where.partition(":")
    folders = sorted(p for p in Path(root).iterdir() if p.is_dir())
    taken: list[Path] = []
    left: list[Path] = []
    for word in words.split("+") if words else []:
        bare = word.removeprefix("-")
        having = [f for f in folders if f.name == bare] or [f for f in folders if bare in f.name]
        if not having:
            there = ", ".join(f.name for f in folders)
            raise BaselineError(f"--data dibco:{where}: no folder of {root} has {bare!r} in its name; it has {there}")
        (left if word.startswith("-") else taken).extend(having)
    return [f for f in folders if f not in left and (f in taken or not taken)]


def sets(root: Path) -> dict[str, str]:
    """What the folders of `root` are, by their names: the year of a contest, or "" for one of the other sets. Raises
    BaselineError for a folder that is neither: nobody knows what is in it."""
    found = {}
    for folder in sorted(p.name for p in root.iterdir() if p.is_dir()):
        year = _YEAR.search(folder)
        if not _OTHER.search(folder) and not year:
            raise BaselineError(
                f"--dibco {root}: {folder!r} is no folder of a contest's year (2009 or DIBCO09, say), nor of PHIBD, "
                "Bickley, S-MS, MSI or SMADI; rename it, or put it elsewhere"
            )
        found[folder] = f"20{year[1]}" if year and not _OTHER.search(folder) else ""
    return found


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
