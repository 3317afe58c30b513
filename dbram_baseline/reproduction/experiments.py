"""Which cells the tables of the paper have: its systems and ours, on the sets that are at hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbram_baseline import ocr
from dbram_baseline.data import dibco
from dbram_baseline.data import sources as data
from dbram_baseline.reproduction.results import Cell, Missing
from dbram_baseline.training.config import Config, config

PAPERS = ("dbram", "nonlocal", "only-lstm", "nonlocal-bilstm", "pix2pix", "cyclegan")  # rows of Table 2
OURS = ("cgan", "resnet6", "plainu")  # beside them
POLARITY = ", oracle polarity"
BESIDE = ("otsu", "sauvola", "all-white")
BINARIZERS = ("otsu", "sauvola", "wolf", "nick", "isauvola", "su", "howe")
LEARNED = ("dbram", "nonlocal-bilstm", "fcn")  # of Table 4
YEARS = ("2009", "2010", "2011", "2012", "2013", "2014", "2016")
TEST_YEARS = ("2014", "2016")  # on these nothing is ever trained
LANGUAGES = {"sub_zh": "zh", "sub_en": "en"}
ELSEWHERE = {
    "dibco": "the contests' pages are not at hand: --dibco PATH, with a folder a year (vc.ee.duth.gr)",
    "plm": "the palm leaves are not at hand: --plm PATH, Challenge-1-ForTrain of ICFHR 2016 (amadi.univ-lr.fr)",
    "istd": "the shadows are not at hand: --istd PATH, ISTD_Dataset (DeepInsight-PCALab/ST-CGAN on GitHub)",
}
ALONE = "there is no other folder of pages to train on"


@dataclass(frozen=True)
class Order:
    """What was asked for. `sets` are the names or folders of sub_en, sub_zh, dibco, plm and istd, or None."""

    out: Path
    quick: bool
    seed: int
    preset: str  # for subtitles
    pages_preset: str
    steps: int | None
    epochs: int | None
    most: int  # images of a set to score; 0 for all
    pages: int  # pages of a year
    lines: int  # lines of a split to read
    reader: str
    device: str
    sets: dict[str, str | None]

    @property
    def contests(self) -> dict[str, str]:
        """The folders of dibco, and the year of each."""
        root = self.sets["dibco"]
        return dibco.sets(Path(root)) if root else {}


def agenda(order: Order) -> Iterator[Cell | Missing]:
    """All cells in their order, those among them that cannot be measured with the reason."""
    for column in LANGUAGES:
        yield from _subtitles(order, column)
    yield from _page_sets(order)
    for year in YEARS:
        yield from _year(order, year)
    for column in LANGUAGES:
        for split in ocr.SPLITS:
            yield from _readings(order, column, split)
    yield from _shadows(order)


def rendered(order: Order, column: str) -> str:
    """The set to take where none is named: ./sub_en if it is there, but for quick reports, or one to be rendered."""
    return column if Path(column).is_dir() and not order.quick else str(order.out / "data" / column)


def _subtitles(order: Order, column: str) -> Iterator[Cell]:
    name = order.sets[column] or rendered(order, column)
    for system in (*PAPERS, *OURS):
        yield _trained(order, "2", column, system, name, "test", order.most, name)
    for beside in BESIDE:
        system = beside if beside == "all-white" else beside + POLARITY
        yield _plain(order, "2", column, system, name, "test", order.most)


def _page_sets(order: Order) -> Iterator[Cell | Missing]:
    """Table 2's columns of documents: the contest of 2016, and palm leaves."""
    leaves = order.sets["plm"]
    sets = {"hdibco_16": (_contest(order, "2016"), _others(order, "2016"), _lacks(order, "2016"))}
    sets["plm"] = f"plm:{leaves}", f"plm:{leaves}", "" if leaves else ELSEWHERE["plm"]
    for column, (name, trained_on, lacks) in sets.items():
        for system in (*PAPERS, *OURS, *BESIDE):
            if lacks:
                yield Missing("2", column, system, lacks)
            elif system in BESIDE:
                yield _plain(order, "2", column, system, name, "test", order.pages)
            elif not trained_on:
                yield Missing("2", column, system, ALONE)
            else:
                yield _trained(order, "2", column, system, name, "test", order.pages, trained_on)


def _year(order: Order, year: str) -> Iterator[Cell | Missing]:
    lacks = _lacks(order, year)
    for system in (*LEARNED, *BINARIZERS):
        if lacks:
            yield Missing("4", year, system, lacks)
        elif system in BINARIZERS:
            yield _plain(order, "4", year, system, _contest(order, year), "test", order.pages)
        elif order.quick and system == "nonlocal-bilstm":
            yield Missing("4", year, system, "not part of the quick report")
        elif not _others(order, year):
            yield Missing("4", year, system, ALONE)
        else:
            name, others = _contest(order, year), _others(order, year)
            yield _trained(order, "4", year, system, name, "test", order.pages, others)


def _readings(order: Order, column: str, split: str) -> Iterator[Cell]:
    name = order.sets[column] or rendered(order, column)
    for version in ocr.VERSIONS:
        if version == ocr.CHECKPOINT:
            made = _trained(order, "5", f"{column}/{split}", "dbram", name, split, order.lines, name)
            yield dataclasses.replace(made, reader=order.reader)
        else:
            yield _plain(order, "5", f"{column}/{split}", version, name, split, order.lines, order.reader)


def _shadows(order: Order) -> Iterator[Cell | Missing]:
    name = f"istd:{order.sets['istd']}"
    for system in (ocr.AS_THEY_ARE, "dbram", "pix2pix"):
        if not order.sets["istd"]:
            yield Missing("shadows", "istd", system, ELSEWHERE["istd"])
        elif system == ocr.AS_THEY_ARE:
            yield _plain(order, "shadows", "istd", system, name, "test", order.most)
        else:
            yield _trained(order, "shadows", "istd", system, name, "test", order.most, name)


def _plain(order: Order, table: str, column: str, system: str, name: str, split: str, most: int,
           reader: str = "") -> Cell:  # fmt: skip
    return Cell(table, column, system, name, split, most, order.quick, order.seed, reader=reader)


def _trained(order: Order, table: str, column: str, model: str, name: str, split: str, most: int,
             trained_on: str) -> Cell:  # fmt: skip
    preset = order.preset if data.kind(name) == "subtitles" else order.pages_preset
    made = dataclasses.asdict(_config(order, model, preset))
    return Cell(table, column, model, name, split, most, order.quick, order.seed, trained_on, preset, config=made)


def _config(order: Order, model: str, preset: str) -> Config:
    """The hyperparameters of a run. CycleGAN has a quarter of the steps of the others, as in the paper (50 epochs)."""
    given = {"model": model, "seed": order.seed, "device": order.device, "steps": order.steps}
    if order.epochs:
        given["epochs"] = max(1, order.epochs // 4) if model == "cyclegan" else order.epochs
    made = config(preset, given)
    return dataclasses.replace(made, steps=made.steps // 4) if model == "cyclegan" else made


def _lacks(order: Order, year: str) -> str:
    """Why a year cannot be measured; "" if it can be."""
    root = order.sets["dibco"]
    if not root:
        return ELSEWHERE["dibco"]
    return "" if year in order.contests.values() else f"no folder of {Path(root).name} is of {year}"


def _contest(order: Order, year: str) -> str:
    """The name of a year's pages."""
    return f"dibco:{order.sets['dibco']}:{'+'.join(f for f, y in order.contests.items() if y == year)}"


def _others(order: Order, year: str) -> str:
    """The name of all folders but those of a year and of the test years; "" if none are left."""
    left = [f for f, y in order.contests.items() if y not in (year, *TEST_YEARS)]
    return f"dibco:{order.sets['dibco']}:{'+'.join(left)}" if left else ""
