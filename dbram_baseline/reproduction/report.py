"""The report: Markdown, JSON, and a picture for each table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dbram_baseline.data.refs import DataRef
from dbram_baseline.evaluation.tables import markdown_table
from dbram_baseline.evaluation.values import Interval
from dbram_baseline.files import write_file
from dbram_baseline.reproduction.cell import MissingCell
from dbram_baseline.reproduction.figures import draw_table
from dbram_baseline.reproduction.panels import Panel, Row, shown_measures
from dbram_baseline.reproduction.published import PAPER, Published, load_published
from dbram_baseline.reproduction.results import CellResult, ResultStore, picture_name

TITLES = {
    "2": "Table 2: the models, on each kind of data",
    "4": "Table 4: the contests of document binarization, year by year",
    "5": "Table 5: what a reader makes of it",
    "shadows": "Shadow removal by the same generators (the paper prints no figures)",
}
COLUMN_NAMES = {"sub_zh": "Sub_Ch", "sub_en": "Sub_En", "hdibco_16": "HDIBCO-16", "plm": "PLM", "istd": "ISTD"}
TEXTS = {
    "2": "The paper's PSNR cannot be a true one: an output that is all white has 33.75 dB there. uint8 arithmetic that "
    "overflows in squaring explains it; the last measure is computed that way, only for this comparison. The SSIM "
    "error share is (1 - SSIM) / (1 - SSIM of an all-white output) on the same set: the share of structural error that "
    "is left. SSIM alone depends on how empty the images are. For the paper's rows the share is known on Sub_Ch and "
    "PLM, where CycleGAN's outputs are all white. Each of our figures is the mean over images with its 95 % interval, "
    "of one run with one seed; text is dark on white.",
    "4": "Means over the pages of a year, with 95 % intervals over pages. Trained rows saw no page of the year that "
    "they are scored on, nor any of 2014 and 2016. P-FM is an approximation of the contests' own (see metrics.py).",
    "5": "Edit distances in characters, and divided by the length of the line. The ground truth is the ceiling: what "
    "the reader makes of a perfect binarization. Thresholds are applied to the image (raw), and to whichever of the "
    "image and its negative fits the ground truth better.",
    "shadows": "Errors in CIELAB, at 256 x 256 px.",
}


def write_report(out: Path, cells: Sequence[CellResult | MissingCell], quick: bool) -> str:
    """Write report.md, report.json and the pictures of all cells, in their order; return the Markdown."""
    results = [c for c in cells if isinstance(c, CellResult)]
    lines = ["# The tables of DB-RAM (2019), measured again", ""]
    if quick:
        lines += ["**Quick report**: small models, few steps, few images. It shows that everything runs, not how good "
                  "the methods are. Each row says what it was measured on.", ""]  # fmt: skip
    lines.append(f"Measured at {'; '.join(sorted({r.commit for r in results})) or 'nothing yet'}  ")
    lines.append(f"on {'; '.join(sorted({r.machine for r in results})) or 'nothing yet'}  ")
    for table in TITLES:
        lines += _table(out, table, [c for c in cells if _position(c)[0] == table], quick)
    text = "\n".join(lines) + "\n"
    write_file(out / "report.md", text.encode())
    record = {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "cells": [r.to_json() for r in results],
        "not_measured": [c.to_json() for c in cells if isinstance(c, MissingCell)],
        "published": json.loads(PAPER.read_text(encoding="utf-8")),
    }
    write_file(out / "report.json", (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return text


def _position(cell: CellResult | MissingCell) -> tuple[str, str, str]:
    """Table, column and system."""
    at = cell.cell if isinstance(cell, CellResult) else cell
    return at.table, at.column, at.system


def _table(out: Path, table: str, cells: Sequence[CellResult | MissingCell], quick: bool) -> list[str]:
    """The section of a table; draws its picture."""
    published = load_published()
    lines = ["", f"## {TITLES[table]}", "", TEXTS[table], ""]
    panels = []
    for column in dict.fromkeys(_position(c)[1] for c in cells):
        own = [c for c in cells if _position(c)[1] == column]
        panel = Panel(_heading(column), list(_rows(ResultStore(out / "cells"), table, column, own, published)))
        lines += _panel_lines(table, panel, {c.why for c in own if isinstance(c, MissingCell)})
        if any(row.values for row in panel.rows):
            panels.append(panel)
    if table in published.notes:
        lines.append(f"Published: {published.notes[table]}")
    if panels:
        name = f"table-{table}.png" if table.isdigit() else f"{table}.png"
        draw_table(out / name, f"{TITLES[table]}{' (quick)' if quick else ''}", shown_measures(table, panels), panels)
        lines += ["", f"![{TITLES[table]}]({name})"]
    return lines


def _heading(column: str) -> str:
    name, _, split = column.partition("/")
    return COLUMN_NAMES.get(name, name) + (f", {split}" if split else "")


def _rows(store: ResultStore, table: str, column: str, cells: Sequence[CellResult | MissingCell],
          published: Published) -> Iterator[Row]:  # fmt: skip
    for what in ("image", "truth"):
        strip = store.load_picture(picture_name(table, column, what))
        if strip is not None:
            yield Row(what, strip=strip)
    for row in published.table_4 if table == "4" else ():
        if figures := row.years.get(column):
            yield Row(row.name, {}, figures, note=f"published: {row.source}")
    for cell in cells:
        system = _position(cell)[2]
        figures = published.figures(table, column, system)
        if isinstance(cell, MissingCell):
            yield Row(system, {}, figures, note=f"not measured: {cell.why}")
        else:
            strip = store.load_picture(cell.cell.name)
            yield Row(system, cell.values, figures, strip, _measured_on(cell), trained=bool(cell.cell.trained_on))


def _measured_on(result: CellResult) -> str:
    """On what data a cell was measured, and how its network was trained."""
    cell, data = result.cell, DataRef.parse(result.cell.measured_on)
    text = f"{'quick: ' if cell.quick else ''}{data.short_name}"
    text += f", {cell.split}" if data.has_splits else ""
    text += f", {result.n} {'lines' if cell.table == '5' else 'images'}"
    if cell.reader:
        text += f", read by {cell.reader}"
    if cell.config:
        config, training_data = cell.config, DataRef.parse(cell.trained_on)
        length = f"{config.steps:,} steps" if config.steps else f"{config.epochs} epochs"
        text += f"; trained on {training_data.short_name}{', train' if training_data.has_splits else ''}: "
        text += f"{length} of {config.batch}, width {config.width}, seed {config.seed}"
    return text


def _panel_lines(table: str, panel: Panel, reasons: set[str]) -> list[str]:
    lines = [f"### {panel.heading}", ""]
    rows = [r for r in panel.rows if r.note]
    if len(reasons) == 1 and not any(r.values for r in rows):  # the same reason for all rows, given once
        lines += [f"Not measured: {reasons.pop()}.", ""]
        rows = [r for r in rows if r.published]
    if not rows:
        return lines
    measures = shown_measures(table, [panel])
    names = {m.key: m.published_name for m in measures}
    cells = [
        [
            row.label,
            *(_figure(row.values.get(m.key), m.factor) for m in measures),
            ", ".join(f"{names[key]} {value:g}" for key, value in row.published.items()),
            row.note,
        ]
        for row in rows
    ]
    return [*lines, *markdown_table(["", *(m.heading for m in measures), "published", "measured on"], cells), ""]


def _figure(value: Interval | None, factor: int) -> str:
    if value is None or value.mean is None:
        return "–"
    digits = 1 if factor == 100 else 2 if abs(value.mean) >= 2 else 3
    mean = f"{value.mean * factor:.{digits}f}"
    if value.low is None or value.high is None:
        return mean
    return f"{mean} ± {(value.high - value.low) / 2 * factor:.{digits}f}"
