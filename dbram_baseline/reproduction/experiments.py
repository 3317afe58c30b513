"""Experiments: the cells of the paper's tables, for its systems and ours, on the sets that are available."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from dbram_baseline.data.refs import DataRef, Kind
from dbram_baseline.evaluation.reading import CHECKPOINT, SPLITS, VERSIONS
from dbram_baseline.evaluation.systems import ALL_WHITE, ORACLE, UNCHANGED
from dbram_baseline.reproduction.cell import Cell, MissingCell
from dbram_baseline.reproduction.config import LANGUAGES, ReproduceConfig
from dbram_baseline.training.config import Config, Value, build_config

PAPER_SYSTEMS = ("dbram", "nonlocal", "only-lstm", "nonlocal-bilstm", "pix2pix", "cyclegan")  # the rows of Table 2
OUR_SYSTEMS = ("cgan", "resnet6", "plainu")  # further rows
REFERENCES = ("otsu", "sauvola", ALL_WHITE)  # untrained rows of Table 2
CLASSICAL = ("otsu", "sauvola", "wolf", "nick", "isauvola", "su", "howe")  # of Table 4
TRAINED = ("dbram", "nonlocal-bilstm", "fcn")  # of Table 4
YEARS = ("2009", "2010", "2011", "2012", "2013", "2014", "2016")
TEST_YEARS = ("2014", "2016")  # nothing is ever trained on these
HOW_TO_GET = {
    "dibco": "the contests' pages are not at hand: --dibco PATH, with a folder per year (vc.ee.duth.gr)",
    "plm": "the palm leaves are not at hand: --plm PATH, Challenge-1-ForTrain of ICFHR 2016 (amadi.univ-lr.fr)",
    "istd": "the shadows are not at hand: --istd PATH, ISTD_Dataset (DeepInsight-PCALab/ST-CGAN on GitHub)",
}
NO_OTHER_PAGES = "there is no other folder of pages to train on"


def list_cells(config: ReproduceConfig) -> Iterator[Cell | MissingCell]:
    """All cells in the order of the report; those that cannot be measured have the reason."""
    for column in LANGUAGES:
        yield from _subtitles(config, column)
    yield from _documents(config)
    for year in YEARS:
        yield from _contest_year(config, year)
    for column in LANGUAGES:
        for split in SPLITS:
            yield from _readings(config, column, split)
    yield from _shadows(config)


def _subtitles(config: ReproduceConfig, column: str) -> Iterator[Cell]:
    data = config.subtitles(column)
    for system in (*PAPER_SYSTEMS, *OUR_SYSTEMS):
        yield _trained(config, "2", column, system, data, config.limit, trained_on=data)
    for system in REFERENCES:
        yield _untrained(config, "2", column, system if system == ALL_WHITE else system + ORACLE, data, config.limit)


def _documents(config: ReproduceConfig) -> Iterator[Cell | MissingCell]:
    """The columns of Table 2 that are documents: the contest of 2016, and palm leaves."""
    leaves = f"plm:{config.sets['plm']}"
    columns = {
        "hdibco_16": (_contest(config, "2016"), _other_contests(config, "2016"), _why_missing(config, "2016")),
        "plm": (leaves, leaves, "" if config.sets["plm"] else HOW_TO_GET["plm"]),
    }
    for column, (data, trained_on, why) in columns.items():
        for system in (*PAPER_SYSTEMS, *OUR_SYSTEMS, *REFERENCES):
            if why:
                yield MissingCell("2", column, system, why)
            elif system in REFERENCES:
                yield _untrained(config, "2", column, system, data, config.pages)
            elif not trained_on:
                yield MissingCell("2", column, system, NO_OTHER_PAGES)
            else:
                yield _trained(config, "2", column, system, data, config.pages, trained_on)


def _contest_year(config: ReproduceConfig, year: str) -> Iterator[Cell | MissingCell]:
    """A column of Table 4. Networks are trained on the other years, so that they have not seen this one."""
    why = _why_missing(config, year)
    data, others = _contest(config, year), _other_contests(config, year)
    for system in (*TRAINED, *CLASSICAL):
        if why:
            yield MissingCell("4", year, system, why)
        elif system in CLASSICAL:
            yield _untrained(config, "4", year, system, data, config.pages)
        elif config.quick and system == "nonlocal-bilstm":
            yield MissingCell("4", year, system, "not part of the quick report")
        elif not others:
            yield MissingCell("4", year, system, NO_OTHER_PAGES)
        else:
            yield _trained(config, "4", year, system, data, config.pages, others)


def _readings(config: ReproduceConfig, column: str, split: str) -> Iterator[Cell]:
    data = config.subtitles(column)
    for version in VERSIONS:
        if version == CHECKPOINT:
            cell = _trained(config, "5", f"{column}/{split}", "dbram", data, config.lines, data, split)
        else:
            cell = _untrained(config, "5", f"{column}/{split}", version, data, config.lines, split)
        yield dataclasses.replace(cell, reader=config.reader)


def _shadows(config: ReproduceConfig) -> Iterator[Cell | MissingCell]:
    data = f"istd:{config.sets['istd']}"
    for system in (UNCHANGED, "dbram", "pix2pix"):
        if not config.sets["istd"]:
            yield MissingCell("shadows", "istd", system, HOW_TO_GET["istd"])
        elif system == UNCHANGED:
            yield _untrained(config, "shadows", "istd", system, data, config.limit)
        else:
            yield _trained(config, "shadows", "istd", system, data, config.limit, trained_on=data)


def _untrained(config: ReproduceConfig, table: str, column: str, system: str, data: str, limit: int,
               split: str = "test") -> Cell:  # fmt: skip
    return Cell(table, column, system, data, split, limit, config.quick, config.seed)


def _trained(config: ReproduceConfig, table: str, column: str, model: str, data: str, limit: int, trained_on: str,
             split: str = "test") -> Cell:  # fmt: skip
    preset = config.preset if DataRef.parse(data).kind is Kind.SUBTITLES else config.pages_preset
    training = _training_config(config, model, preset)
    return Cell(
        table, column, model, data, split, limit, config.quick, config.seed, trained_on, preset, config=training
    )


def _training_config(config: ReproduceConfig, model: str, preset: str) -> Config:
    """The hyperparameters of a run. CycleGAN has a quarter of the steps of the others, as in the paper (50 epochs)."""
    overrides: dict[str, Value | None] = {
        "model": model, "seed": config.seed, "device": config.device, "steps": config.steps,
    }  # fmt: skip
    if config.epochs:
        overrides["epochs"] = max(1, config.epochs // 4) if model == "cyclegan" else config.epochs
    training = build_config(preset, overrides)
    return dataclasses.replace(training, steps=training.steps // 4) if training.is_cyclegan else training


def _why_missing(config: ReproduceConfig, year: str) -> str:
    """Why a year cannot be measured; "" if it can."""
    root = config.sets["dibco"]
    if not root:
        return HOW_TO_GET["dibco"]
    return "" if year in config.contest_years.values() else f"no folder of {Path(root).name} is of {year}"


def _contest(config: ReproduceConfig, year: str) -> str:
    """The data of a year, as --data takes it."""
    return f"dibco:{config.sets['dibco']}:{'+'.join(f for f, y in config.contest_years.items() if y == year)}"


def _other_contests(config: ReproduceConfig, year: str) -> str:
    """All folders but those of a year and of the test years, as --data takes it; "" if there are none."""
    others = [folder for folder, y in config.contest_years.items() if y not in (year, *TEST_YEARS)]
    return f"dibco:{config.sets['dibco']}:{'+'.join(others)}" if others else ""
