"""Pages of the DIBCO contests and of similar sets, in the folders that their authors publish.

`dibco:PATH` is all sets in the folders of PATH. `dibco:PATH:2009+2010` selects the folders with one of these words
in their names (or, if a folder has exactly the name, that folder alone); `dibco:PATH:-2013` excludes folders.

Within a set, a file is ground truth if its folder has "gt" in its name, or if its own name ends in _gt or _estGT.
Its page has the same name without that ending. The contests of 2009 to 2019 can therefore be unpacked unchanged,
each into its own folder; so can PHIBD (Original, GT), the Bickley diary (gt_labeled/original,
gt_labeled/original_gt) and S-MS (MSI/z97/F1s.png to F8s.png, GT/z97GT.png). Of the spectral bands of S-MS, the
visible ones 4, 3 and 2 become red, green and blue.
"""

from __future__ import annotations

import re
from pathlib import Path

from dbram_baseline.data.pages import SUFFIXES, Page, read_pair
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError

_TRUTH = re.compile(r"[_-]?(est)?gt$", re.IGNORECASE)
_TRUTH_ENDING = re.compile(r"([_-]|(est)?gt).*", re.IGNORECASE)  # what may follow the page's name
_BAND = re.compile(r"F[1-8]s")
_YEAR = re.compile(r"(?<!\d)(?:20)?(09|1\d)(?!\d)")
_OTHER_SET = re.compile("phib|bickl|s-?ms|msi|smadi", re.IGNORECASE)
VISIBLE_BANDS = ("F4s.png", "F3s.png", "F2s.png")  # 700, 600 and 500 nm


def load_pages(ref: DataRef, split: str = "test") -> list[Page]:
    """The selected pages, in order; train and test are the same.

    Raises BaselineError if there are none, or if some have no ground truth.
    """
    if split not in ("train", "test"):
        raise BaselineError(f"--data {ref.name}: no split {split!r}; choose pages by words, as in dibco:PATH:2013")
    if not Path(ref.path).is_dir():
        raise BaselineError(
            f"--data {ref.name}: no folder {ref.path}; get the sets from the pages of the contests (vc.ee.duth.gr) "
            f"and unpack each into its own folder, such as {ref.path}/2013, images and ground truth"
        )
    pages = [page for folder in select_folders(ref) for page in _load_set(ref, folder)]
    if not pages:
        raise BaselineError(f"--data {ref.name}: no pages with ground truth in the folders of {ref.path}")
    return pages


def select_folders(ref: DataRef) -> list[Path]:
    """The folders that the words of `ref` select. Raises BaselineError for a word that matches none."""
    folders = sorted(p for p in Path(ref.path).iterdir() if p.is_dir())
    included: list[Path] = []
    excluded: list[Path] = []
    for word in ref.words:
        bare = word.removeprefix("-")
        matching = [f for f in folders if f.name == bare] or [f for f in folders if bare in f.name]
        if not matching:
            available = ", ".join(f.name for f in folders)
            raise BaselineError(
                f"--data {ref.name}: no folder of {ref.path} has {bare!r} in its name; it has {available}"
            )
        (excluded if word.startswith("-") else included).extend(matching)
    return [f for f in folders if f not in excluded and (f in included or not included)]


def contest_years(root: Path) -> dict[str, str]:
    """The contest's year of each folder of `root`, by the folder's name; "" for the other sets.

    Raises BaselineError for a folder that is neither, since its content is unknown.
    """
    years = {}
    for folder in sorted(p.name for p in root.iterdir() if p.is_dir()):
        year = _YEAR.search(folder)
        if not _OTHER_SET.search(folder) and not year:
            raise BaselineError(
                f"--dibco {root}: {folder!r} names neither a contest's year (such as 2009 or DIBCO09) nor PHIBD, "
                "Bickley, S-MS, MSI or SMADI; rename the folder, or move it elsewhere"
            )
        years[folder] = f"20{year[1]}" if year and not _OTHER_SET.search(folder) else ""
    return years


def _load_set(ref: DataRef, folder: Path) -> list[Page]:
    images, truths = _find_files(ref, folder)
    truth_of: dict[str, Path] = {}  # by the page's name
    for stem, truth in truths.items():
        candidates = [
            i for i in images if stem == i or (stem.startswith(i) and _TRUTH_ENDING.fullmatch(stem[len(i) :]))
        ]
        if not candidates:
            raise BaselineError(f"--data {ref.name}: {truth} has no page beside it")
        page = max(candidates, key=len)
        if page in truth_of:
            raise _duplicate(ref, truth_of[page], truth)
        truth_of[page] = truth
    for page in sorted(images.keys() - truth_of.keys()):
        raise BaselineError(f"--data {ref.name}: {images[page][0]} has no ground truth beside it")
    return [Page(f"{folder.name}/{page}", *read_pair(ref, images[page], truth_of[page])) for page in sorted(truth_of)]


def _find_files(ref: DataRef, folder: Path) -> tuple[dict[str, list[Path]], dict[str, Path]]:
    """The files of images and of ground truths, by their names without a suffix."""
    images: dict[str, list[Path]] = {}
    truths: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not _BAND.fullmatch(p.stem)):
        if _is_truth(path.relative_to(folder)):
            if path.stem in truths:
                raise _duplicate(ref, truths[path.stem], path)
            truths[path.stem] = path
        else:
            if path.stem in images:
                raise _duplicate(ref, images[path.stem][0], path)
            images[path.stem] = [path]
    for first in sorted(folder.rglob(VISIBLE_BANDS[0])):
        images[first.parent.name] = [first.with_name(band) for band in VISIBLE_BANDS]
    return images, truths


def _is_truth(path: Path) -> bool:
    """By the name of the file, or else of the nearest folder that is named after ground truth or images."""
    if _TRUTH.search(path.stem):
        return True
    for part in reversed(path.parent.parts):
        if "gt" in part.lower():
            return True
        if re.search("orig|im", part, re.IGNORECASE):
            return False
    return False


def _duplicate(ref: DataRef, first: Path, second: Path) -> BaselineError:
    return BaselineError(f"--data {ref.name}: {first} and {second} have the same name; keep one of them")
