"""Measure the paper's Tables 2, 4 and 5 anew: `python -m dbram_baseline.reproduce --quick`.

A cell is one system on one set. A finished one is kept in OUT/cells and not measured again, and a run that was stopped
in training goes on from its last checkpoint: the same command finishes what another began. `agenda.py` lists the
cells, `bench.py` measures one, `cells.py` keeps it, `report.py` shows all.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from dbram_baseline import ocr
from dbram_baseline.errors import BaselineError, run
from dbram_baseline.reproduction import report
from dbram_baseline.reproduction import results as cells
from dbram_baseline.reproduction.experiments import ELSEWHERE, Order, agenda
from dbram_baseline.reproduction.results import Cell, Missing
from dbram_baseline.reproduction.runner import AbsentError, Bench
from dbram_baseline.training.config import PRESETS, device

TABLES = list(report.TITLES)


@click.command("reproduce", context_settings={"max_content_width": 100})
@click.option("--quick", is_flag=True, help="Small models, few steps, few images: a quarter of an hour on two cores.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory.  [reproduction, or reproduction-quick]")
@click.option("--table", "tables", multiple=True, type=click.Choice(TABLES), help="May be repeated.  [all]")
@click.option("--column", "columns", multiple=True, help="Such as sub_en or 2013; may be repeated.  [all]")
@click.option("--system", "systems", multiple=True, help="A row, such as dbram; may be repeated.  [all]")
@click.option("--sub-en", help="English set: directory or hub name.  [./sub_en, if there and not quick; or rendered]")
@click.option("--sub-zh", help="Chinese set, the same.")
@click.option("--dibco", help="Folder of the DIBCO sets, a folder a year.  [not measured]")
@click.option("--plm", help="Folder of the palm leaf manuscripts.  [not measured]")
@click.option("--istd", help="Folder of ISTD, for shadows.  [not measured]")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="To train on subtitles by.  [paper, or quick]")
@click.option("--pages-preset", type=click.Choice(list(PRESETS)), help="On pages.  [pages, or quick-pages]")
@click.option("--steps", type=click.IntRange(4), help="Steps of each run, of CycleGAN's a quarter.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of each run, of CycleGAN's a quarter.")
@click.option("--n", "most", type=click.IntRange(0), help="Images of a set to score; 0 is all.  [0; quick: 100]")
@click.option("--pages", type=click.IntRange(0), help="Pages of a year to score; 0 is all.  [0; quick: 3]")
@click.option("--lines", type=click.IntRange(1), help="Lines of a split to read.  [500; quick: 24]")
@click.option("--reader", type=click.Choice(list(ocr.READERS)), default="rapidocr", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of data, weights and order.")
@click.option("--device", "on", default="auto", show_default=True, help="auto, cpu, cuda, ...")
def command(quick: bool, out: Path | None, tables: tuple[str, ...], columns: tuple[str, ...],
            systems: tuple[str, ...], preset: str | None, pages_preset: str | None, steps: int | None,
            epochs: int | None, most: int | None, pages: int | None, lines: int | None, reader: str, seed: int,
            on: str, **sets: str | None) -> None:  # fmt: skip
    """Measure the paper's tables anew, beside its own figures: report.md, report.json and a picture a table.

    \b
    Examples:
      python -m dbram_baseline.reproduce --quick
      python -m dbram_baseline.reproduce --quick --dibco PATH
      python -m dbram_baseline.reproduce --table 2 --epochs 10 --device cuda
    """
    hardware = device(on)
    out = out or Path("reproduction-quick" if quick else "reproduction")
    preset = preset or ("quick" if quick else "paper")
    pages_preset = pages_preset or ("quick-pages" if quick else "pages")
    most = (100 if quick else 0) if most is None else most
    pages = (3 if quick else 0) if pages is None else pages
    lines = lines or (24 if quick else 500)
    for kind in ("dibco", "plm", "istd"):
        if path := sets[kind]:
            if not Path(path).is_dir():
                raise BaselineError(f"--{kind} {path}: no such folder; needed is {ELSEWHERE[kind].partition(': ')[2]}")
            if set(path) & set(":,+"):
                raise BaselineError(f"--{kind} {path}: a colon, comma or plus in its path; call it otherwise")
            sets[kind] = str(Path(path))
    order = Order(out, quick, seed, preset, pages_preset, steps, epochs, most, pages, lines, reader, on, sets)
    everything = list(agenda(order))
    for flag, asked, there in (("column", columns, {c.data for c in everything}),
                               ("system", systems, {c.system for c in everything})):  # fmt: skip
        for name in asked:
            if name not in there:
                raise BaselineError(f"--{flag} {name!r} is not there; {', '.join(sorted(there))}")
    found = {c: cells.kept(out / "cells", c) for c in everything if isinstance(c, Cell)}
    todo = [c for c, record in found.items() if record is None and (not tables or c.table in tables)]
    todo = [c for c in todo if (not columns or c.data in columns) and (not systems or c.system in systems)]
    finished = sum(record is not None for record in found.values())
    click.echo(
        f"{len(found)} cells, {finished} of them finished; {len(todo)} to measure at {cells.commit()}, into {out}"
    )
    bench, why, failed = Bench(order), dict.fromkeys(found, "not asked for"), ""
    for at, cell in enumerate(todo, 1):
        started = time.monotonic()
        try:
            values, strip = bench.measure(cell)
        except (AbsentError, BaselineError) as error:
            why[cell] = str(error)
            failed = failed if isinstance(error, AbsentError) else failed or f"{cell.name}: {error}"
            click.echo(f"{at}/{len(todo)} {cell.name}: not measured: {error}")
            continue
        record = cells.keep(out / "cells", cell, values, strip, time.monotonic() - started, hardware)
        found[cell] = record
        told = ", ".join(f"{k} {record['values'][k]['mean'] or 0:.3f}" for k in report.MEASURES[cell.table])
        click.echo(f"{at}/{len(todo)} {cell.name}: {told}; {record['seconds']:.1f} s")
    shown: list[dict[str, Any] | Missing] = []
    for c in everything:  # what was measured when other sets were named is shown as well
        kept = found[c] if isinstance(c, Cell) else cells.stored(out / "cells", c)
        shown.append(kept or Missing(c.table, c.data, c.system, why[c] if isinstance(c, Cell) else c.why))
    click.echo("\n" + report.write(out, shown, quick))
    click.echo(f"wrote report.md, report.json and pictures in {out}")
    if failed:
        raise BaselineError(f"some cells could not be measured, the first of them {failed}")


if __name__ == "__main__":
    run(command)
