"""Measure the selected cells that are not finished, and report all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from dbram_baseline.errors import BaselineError
from dbram_baseline.files import output_errors
from dbram_baseline.reproduction.cell import Cell, MissingCell
from dbram_baseline.reproduction.config import ReproduceConfig
from dbram_baseline.reproduction.experiments import list_cells
from dbram_baseline.reproduction.panels import MEASURES
from dbram_baseline.reproduction.provenance import commit
from dbram_baseline.reproduction.report import write_report
from dbram_baseline.reproduction.results import CellResult, ResultStore
from dbram_baseline.reproduction.runner import NotInstalledError, Runner
from subsynth.core.main_guard import StoppedError
from subsynth.core.terminal import echo


@dataclass(frozen=True)
class Selection:
    """Which cells to measure; an empty tuple selects all."""

    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()

    def check(self, cells: Sequence[Cell | MissingCell]) -> None:
        """Raise BaselineError for a column or system that no cell has."""
        for option, names, existing in (
            ("column", self.columns, {c.column for c in cells}),
            ("system", self.systems, {c.system for c in cells}),
        ):
            for name in names:
                if name not in existing:
                    raise BaselineError(
                        f"--{option} {name!r} does not exist; choose from {', '.join(sorted(existing))}"
                    )

    def includes(self, cell: Cell) -> bool:
        """Whether a cell is selected."""
        return (
            (not self.tables or cell.table in self.tables)
            and (not self.columns or cell.column in self.columns)
            and (not self.systems or cell.system in self.systems)
        )


def reproduce(config: ReproduceConfig, selection: Selection) -> None:
    """Measure the selected cells that are not finished, and write the report.

    A failed cell does not stop the others; if one failed for another reason than a missing package, BaselineError is
    raised at the end.
    """
    cells = list(list_cells(config))
    selection.check(cells)
    with output_errors(config.out):
        config.out.mkdir(parents=True, exist_ok=True)
    store = ResultStore(config.out / "cells")
    results = {c: store.load(c) for c in cells if isinstance(c, Cell)}
    todo = [c for c, result in results.items() if result is None and selection.includes(c)]
    finished = sum(result is not None for result in results.values())
    echo(f"{len(results)} cells, {finished} of them finished; {len(todo)} to measure at {commit()}, into {config.out}")
    reasons = dict.fromkeys(results, "not selected")
    failures = _measure(config, store, todo, results, reasons)
    reported: list[CellResult | MissingCell] = []
    for cell in cells:
        if isinstance(cell, Cell):
            reported.append(results[cell] or MissingCell(cell.table, cell.column, cell.system, reasons[cell]))
        else:  # a result from when the data was available is reported too
            reported.append(store.load_missing(cell) or cell)
    echo("\n" + write_report(config.out, reported, config.quick))
    echo(f"wrote report.md, report.json and pictures in {config.out}")
    if failures:
        raise BaselineError(f"some cells could not be measured; the first is {failures[0]}")


def _measure(config: ReproduceConfig, store: ResultStore, todo: Sequence[Cell],
             results: dict[Cell, CellResult | None], reasons: dict[Cell, str]) -> list[str]:  # fmt: skip
    """Measure cells into `results`, or write into `reasons` why that is impossible; return the failures."""
    runner, failures = Runner(config, store), []
    for i, cell in enumerate(todo, 1):
        started = time.monotonic()
        try:
            values, samples = runner.measure(cell)
        except (NotInstalledError, BaselineError) as error:
            reasons[cell] = str(error)
            failures += [] if isinstance(error, NotInstalledError) else [f"{cell.name}: {error}"]
            echo(f"{i}/{len(todo)} {cell.name}: not measured: {error}")
            continue
        except KeyboardInterrupt as error:
            raise StoppedError(f"stopped; the same command continues in {config.out}") from error
        result = store.save(cell, values, samples, time.monotonic() - started, runner.device)
        results[cell] = result
        means = ", ".join(f"{m.key} {_mean(result, m.key)}" for m in MEASURES[cell.table])
        echo(f"{i}/{len(todo)} {cell.name}: {means}; {result.seconds:.1f} s")
    return failures


def _mean(result: CellResult, key: str) -> str:
    mean = result.values[key].mean
    return "-" if mean is None else f"{mean:.3f}"
