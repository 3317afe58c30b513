"""The report of `reproduce`: Markdown, JSON, and a picture a table: bars with 95 % intervals beside sample outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dbram_baseline.reproduction.results import Cell, Missing
from dbram_baseline.score import PAPER, WRAP

U8 = NDArray[np.uint8]
Record = dict[str, Any]  # of a finished cell, as cells.keep writes it
TITLES = {
    "2": "Table 2: the models, on each kind of data",
    "4": "Table 4: the contests of document binarization, year by year",
    "5": "Table 5: what a reader makes of it",
    "shadows": "Shadow removal by the same generators (the paper prints no figures)",
}
# Of each table the measures that are shown, with their names and factors.
MEASURES: dict[str, dict[str, tuple[str, float]]] = {
    "2": {
        "psnr": ("PSNR, dB", 1), "ssim": ("SSIM", 1), "f_measure": ("F-measure", 1), WRAP: ("PSNR with the wrap", 1),
    },
    "4": {
        "f_measure": ("FM, %", 100), "pfm_approx": ("P-FM approx., %", 100), "psnr_binary": ("PSNR, dB", 1),
        "drd": ("DRD", 1),
    },
    "5": {"edit distance": ("edit distance", 1), "normalised": ("normalised", 1), "lines right": ("lines right", 1)},
    "shadows": {
        "rmse_lab": ("RMSE Lab", 1), "rmse_lab_shadow": ("RMSE in shadow", 1), "psnr": ("PSNR, dB", 1),
        "ssim": ("SSIM", 1),
    },
}  # fmt: skip
PUBLISHED = {"f_measure": "f_measure", "pfm_approx": "pfm", "psnr_binary": "psnr", "drd": "drd"}  # of Table 4
NAMES = {"sub_zh": "Sub_Ch", "sub_en": "Sub_En", "hdibco_16": "HDIBCO-16", "plm": "PLM", "istd": "ISTD"}
TEXTS = {
    "2": "The paper's PSNR is none of the true ones: an output that is all white has 33.75 dB there. Bytes that wrap "
    "round in squaring explain it; the last measure is reckoned so, and is for that comparison alone. Each of our "
    "figures is the mean over images with its 95 % interval, of one run of one seed; text is dark on white.",
    "4": "Means over the pages of a year, with 95 % intervals over pages. Trained rows saw no page of the year that "
    "they are scored on, nor any of 2014 and 2016. P-FM is an approximation of the contests' own (see metrics.py).",
    "5": "Edit distances in characters, and over the length of the line. The ground truth is the ceiling: what the "
    "reader makes of a perfect binarization. Both polarities of a threshold are shown, as it comes and the better one.",
    "shadows": "Errors in CIELAB, in 256 x 256 px.",
}


class Row(NamedTuple):
    """A row of a table: measured values, published ones, the strip of samples, and what is to be said of it."""

    label: str
    values: dict[str, dict[str, float | None]]
    published: dict[str, float]
    strip: U8 | None
    told: str


def write(out: Path, shown: Sequence[Record | Missing], quick: bool) -> str:
    """Write report.md, report.json and the pictures of finished and missing cells, in their order; the Markdown."""
    paper = json.loads(PAPER.read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    records = [r for r in shown if isinstance(r, dict)]
    missing = [m for m in shown if isinstance(m, Missing)]
    lines = ["# The tables of DB-RAM (2019), measured anew", ""]
    if quick:
        lines += ["**Quick report**: small models, few steps, few images. It shows that everything runs, not how good "
                  "the methods are. Each row says what it was measured on.", ""]  # fmt: skip
    for key, what in (("commit", "Measured at"), ("machine", "on")):
        lines.append(f"{what} {'; '.join(sorted({r[key] for r in records})) or 'nothing yet'}  ")
    for table, title in TITLES.items():
        lines += ["", f"## {title}", "", TEXTS[table], ""]
        panels = []
        for column in dict.fromkeys(_place(c)[1] for c in shown if _place(c)[0] == table):
            here = [c for c in shown if _place(c)[:2] == (table, column)]
            rows = list(_rows(out, table, column, here, paper))
            lines += _markdown(table, column, rows, {m.why for m in here if isinstance(m, Missing)})
            if any(r.values for r in rows):
                panels.append((_heading(column), rows))
        lines += [f"Published: {paper[f'table_{table}']['note']}"] if table in ("4", "5") else []
        if panels:
            name = f"table-{table}.png" if table.isdigit() else f"{table}.png"
            picture(out / name, f"{title}{' (quick)' if quick else ''}", table, panels)
            lines += ["", f"![{title}]({name})"]
    text = "\n".join(lines) + "\n"
    (out / "report.md").write_text(text, encoding="utf-8")
    kept: dict[str, Any] = {"written": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick}
    kept |= {"cells": records, "not_measured": [m._asdict() for m in missing], "published": paper}
    (out / "report.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return text


def _heading(column: str) -> str:
    name, _, split = column.partition("/")
    return f"{NAMES.get(name, name)}, {split}" if split else NAMES.get(name, name)


def _place(shown: Record | Missing) -> tuple[str, str, str]:
    """Table, column and row."""
    if isinstance(shown, Missing):
        return shown[:3]
    return shown["cell"]["table"], shown["cell"]["data"], shown["cell"]["system"]


def _rows(out: Path, table: str, column: str, here: list[Record | Missing], paper: Any) -> Iterator[Row]:
    for kind in ("image", "truth"):
        strip = _strip(out / "cells" / f"{table}-{column.replace('/', '_')}-{kind}.png")
        if strip is not None:
            yield Row(kind, {}, {}, strip, "")
    for row in paper["table_4"]["rows"] if table == "4" else []:
        figures = row["years"].get(column, {})
        values = {ours: figures[theirs] for ours, theirs in PUBLISHED.items() if theirs in figures}
        yield Row(row["name"], {}, values, None, f"published: {row['source']}{'' if values else '; not at hand'}")
    for shown in here:
        system = _place(shown)[2]
        theirs = _published(table, column, system, paper)
        lacking = table == "2" and system in paper["table_2"]["rows"] and not theirs
        unknown = "; the paper's figure is not at hand" if lacking else ""
        if isinstance(shown, Missing):
            yield Row(system, {}, theirs, None, f"not measured: {shown.why}{unknown}")
        else:
            strip = _strip(out / "cells" / f"{Cell(**shown['cell']).name}.png")
            yield Row(system, shown["values"], theirs, strip, _measured_on(shown) + unknown)


def _published(table: str, column: str, system: str, paper: Any) -> dict[str, float]:
    if table == "2":
        figures = paper["table_2"]["rows"].get(system, {}).get(column, {})
        return {ours: figures[k] for ours, k in ((WRAP, "psnr"), ("ssim", "ssim")) if figures.get(k) is not None}
    if table == "5" and column.endswith("/test"):
        pair = paper["table_5"][column.partition("/")[0]].get(system)
        return dict(zip(("edit distance", "normalised"), pair, strict=True)) if pair else {}
    return {}


def _measured_on(record: Record) -> str:
    cell, config = record["cell"], record["cell"]["config"]
    said = f"{'quick: ' if cell['quick'] else ''}{_base(cell['measured_on'])}"
    said += "" if cell["measured_on"].startswith("dibco:") else f", {cell['split']}"
    said += f", {record['n']} {'lines' if cell['table'] == '5' else 'images'}"
    if cell["reader"]:
        said += f", read by {cell['reader']}"
    if cell["trained_on"]:
        length = f"{config['steps']:,} steps" if config["steps"] else f"{config['epochs']} epochs"
        split = "" if cell["trained_on"].startswith("dibco:") else ", train"
        said += (
            f"; trained on {_base(cell['trained_on'])}{split}: {length} of {config['batch']}, width {config['width']}, "
        )
        said += f"seed {config['seed']}"
    return said


def _base(name: str) -> str:
    """A name of data without the folders that its path lies in; a name on the hub as it is."""
    prefix, colon, where = name.partition(":") if ":" in name else ("", "", name)
    path, *words = where.split(":")
    hub = not colon and path.count("/") == 1 and path[0] not in "/."
    return ":".join([prefix + colon + (path if hub else Path(path).name), *words])


def _strip(path: Path) -> U8 | None:
    found = cv2.imread(str(path)) if path.exists() else None
    return None if found is None else np.asarray(found[:, :, ::-1], np.uint8)


def _markdown(table: str, column: str, rows: list[Row], whys: set[str]) -> list[str]:
    measures = MEASURES[table]
    lines = [f"### {_heading(column)}", ""]
    shown = [r for r in rows if r.told]
    if len(whys) == 1 and not any(r.values for r in shown):  # said once
        lines += [f"Not measured: {whys.pop()}.", ""]
        shown = [r for r in shown if r.published]
    if not shown:
        return lines
    heads = ["", *(told for told, _ in measures.values()), "published", "measured on"]
    lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in shown:
        cells = [_figure(row.values.get(k), factor) for k, (_, factor) in measures.items()]
        # Theirs is the PSNR that they call so, and the contests' own P-FM.
        names = {
            k: told.partition(",")[0].removesuffix(" with the wrap").removesuffix(" approx.")
            for k, (told, _) in measures.items()
        }
        theirs = ", ".join(f"{names[k]} {v:g}" for k, v in row.published.items())
        lines.append(f"| {row.label} | {' | '.join(cells)} | {theirs} | {row.told} |")
    return [*lines, ""]


def _figure(value: dict[str, float | None] | None, factor: float) -> str:
    if not value or value["mean"] is None:
        return "–"
    digits = 1 if factor == 100 else 2 if abs(value["mean"]) >= 2 else 3
    mean = f"{value['mean'] * factor:.{digits}f}"
    if value["low"] is None or value["high"] is None:
        return mean
    return f"{mean} ± {(value['high'] - value['low']) / 2 * factor:.{digits}f}"


def picture(path: Path, title: str, table: str, panels: list[tuple[str, list[Row]]]) -> None:
    """Rows of bars, with 95 % intervals, and of sample outputs; published figures are hollow, or diamonds."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes its time

    measures, wide = MEASURES[table], 7.5  # inches of the samples
    shown = [(name, [r for r in rows if r.strip is not None or r.values or r.published]) for name, rows in panels]
    tall = []  # inches of a row, by panel
    for _, rows in shown:
        strips = [r.strip for r in rows if r.strip is not None]
        tall.append(max(0.27, wide * strips[0].shape[0] / strips[0].shape[1] + 0.06) if strips else 0.27)
    heights = [0.75 + len(rows) * t for (_, rows), t in zip(shown, tall, strict=True)]
    figure = Figure(figsize=(2.2 + 1.6 * len(measures) + wide, sum(heights) + 0.6), layout="constrained")
    told = "; hatched and diamonds: published" if any(r.published for _, rows in panels for r in rows) else ""
    figure.suptitle(f"{title}\nbars: means with 95 % intervals{told}", fontsize=12, x=0.01, ha="left")
    parts: Any = figure.subfigures(len(shown), 1, height_ratios=heights, squeeze=False)
    for part, (name, rows) in zip(parts[:, 0], shown, strict=True):
        axes = part.subplots(1, len(measures) + 1, width_ratios=[1.6] * len(measures) + [wide], sharey=True)
        for at, (key, (told, factor)) in enumerate(measures.items()):
            _bars(axes[at], key, rows, factor)
            axes[at].set_title(told, fontsize=9)
            axes[at].tick_params(labelsize=8)
            axes[at].set_ylim(len(rows) - 0.5, -0.5)
        axes[0].set_yticks(range(len(rows)), [r.label for r in rows], fontsize=9)
        axes[0].set_ylabel(name, fontsize=12)
        samples = axes[-1]
        for at, row in enumerate(rows):
            if row.strip is not None:
                samples.imshow(
                    row.strip, extent=(0, 1, at + 0.46, at - 0.46), aspect="auto", interpolation="antialiased"
                )
        samples.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xticks=[])
        samples.tick_params(left=False, labelleft=False)
        for spine in samples.spines.values():
            spine.set_visible(False)
    figure.savefig(path, dpi=110)


def _bars(axes: Any, key: str, rows: list[Row], factor: float) -> None:
    for at, row in enumerate(rows):
        value = row.values.get(key)
        mean = value["mean"] if value else None
        if value and mean is not None:
            learned = "trained on" in row.told
            axes.barh(at, mean * factor, height=0.7, color="#4878a8" if learned else "#b5b5b5")
            if value["low"] is not None and value["high"] is not None:
                reach = [[(mean - value["low"]) * factor], [(value["high"] - mean) * factor]]
                axes.errorbar(mean * factor, at, xerr=reach, color="black", capsize=2, linewidth=0.9)
        if key in row.published:
            if row.values:
                axes.plot(row.published[key], at, "D", color="#c04830", markersize=5)
            else:
                axes.barh(
                    at, row.published[key], height=0.7, fill=False, edgecolor="#c04830", hatch="///", linewidth=0.8
                )
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlim(left=0)
