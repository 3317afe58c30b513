"""Measure the paper's Tables 2, 4 and 5 again: `python -m dbram_baseline.reproduce --quick`.

A cell of a table is one system on one set. Finished cells are stored in OUT/cells and not measured again, and a
training that was stopped continues from its last checkpoint: the same command finishes what an earlier one started.
"""

from __future__ import annotations

from pathlib import Path

import click

from dbram_baseline.command import WIDE, device_option, run_command
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.readers import READERS
from dbram_baseline.reproduction.config import ReproduceConfig
from dbram_baseline.reproduction.experiments import HOW_TO_GET
from dbram_baseline.reproduction.measure import Selection, reproduce
from dbram_baseline.reproduction.report import TITLES
from dbram_baseline.training.config import PRESETS


@click.command("reproduce", context_settings=WIDE)
@click.option("--quick", is_flag=True, help="Small models, few steps, few images: a quarter of an hour on two cores.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory.  [reproduction, or reproduction-quick]")
@click.option("--table", "tables", multiple=True, type=click.Choice(list(TITLES)), help="May be repeated.  [all]")
@click.option("--column", "columns", multiple=True, help="Such as sub_en or 2013; may be repeated.  [all]")
@click.option("--system", "systems", multiple=True, help="A row, such as dbram; may be repeated.  [all]")
@click.option(
    "--sub-en", help="English set: directory or hub name.  [./sub_en if present and not --quick, or rendered]"
)
@click.option("--sub-zh", help="Chinese set, likewise.")
@click.option("--dibco", help="Folder of the DIBCO sets, with a folder per year.  [not measured]")
@click.option("--plm", help="Folder of the palm leaf manuscripts.  [not measured]")
@click.option("--istd", help="Folder of ISTD, for shadows.  [not measured]")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Of training on subtitles.  [paper, or quick]")
@click.option("--pages-preset", type=click.Choice(list(PRESETS)), help="Of training on pages.  [pages, or quick-pages]")
@click.option("--steps", type=click.IntRange(4), help="Steps of each run; a quarter of them for CycleGAN.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of each run; a quarter of them for CycleGAN.")
@click.option("--n", "limit", type=click.IntRange(0), help="Images of a set to score; 0 is all.  [0; quick: 100]")
@click.option("--pages", type=click.IntRange(0), help="Pages of a year to score; 0 is all.  [0; quick: 3]")
@click.option("--lines", type=click.IntRange(1), help="Lines of a split to read.  [500; quick: 24]")
@click.option("--reader", type=click.Choice(list(READERS)), default="rapidocr", show_default=True, help="Text reader.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of data, weights and order.")
@device_option
def command(quick: bool, out: Path | None, tables: tuple[str, ...], columns: tuple[str, ...],
            systems: tuple[str, ...], preset: str | None, pages_preset: str | None, steps: int | None,
            epochs: int | None, limit: int | None, pages: int | None, lines: int | None, reader: str, seed: int,
            device_name: str, **sets: str | None) -> None:  # fmt: skip
    """Measure the paper's tables again, beside its own figures: report.md, report.json and a picture per table.

    \b
    Examples:
      python -m dbram_baseline.reproduce --quick
      python -m dbram_baseline.reproduce --quick --dibco PATH
      python -m dbram_baseline.reproduce --table 2 --epochs 10 --device cuda
    """
    config = ReproduceConfig(
        out=out or Path("reproduction-quick" if quick else "reproduction"),
        quick=quick,
        seed=seed,
        preset=preset or ("quick" if quick else "paper"),
        pages_preset=pages_preset or ("quick-pages" if quick else "pages"),
        steps=steps,
        epochs=epochs,
        limit=(100 if quick else 0) if limit is None else limit,
        pages=(3 if quick else 0) if pages is None else pages,
        lines=lines or (24 if quick else 500),
        reader=reader,
        device=device_name,
        sets=sets | {name: _folder(name, sets[name]) for name in HOW_TO_GET},
    )
    reproduce(config, Selection(tables, columns, systems))


def _folder(option: str, path: str | None) -> str | None:
    """The folder that an option names. Raises BaselineError if it does not exist, or cannot be part of a reference."""
    if not path:
        return path
    if not Path(path).is_dir():
        raise BaselineError(f"--{option} {path}: no such folder; needed is {HOW_TO_GET[option].partition(': ')[2]}")
    if set(path) & set(":,+"):
        raise BaselineError(f"--{option} {path}: its path has a colon, comma or plus; rename the folder")
    return str(Path(path))


if __name__ == "__main__":
    run_command(command)
