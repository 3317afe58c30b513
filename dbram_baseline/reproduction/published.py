"""Figures that the paper and others have published (paper.json), and the paper's tables as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dbram_baseline.evaluation.metrics import WRAP
from dbram_baseline.evaluation.tables import markdown_table
from dbram_baseline.evaluation.values import Score

PAPER = Path(__file__).with_name("paper.json")
# The keys of Table 4 in paper.json, by the keys of our metrics.
_TABLE_4_KEYS = {"f_measure": "f_measure", "pfm_approx": "pfm", "psnr_binary": "psnr", "drd": "drd"}


@dataclass(frozen=True)
class Table2Row:
    """A row of Table 2: figures ("psnr", "ssim") by the column; None is a figure that was not at hand."""

    system: str
    name: str
    figures: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class Table4Row:
    """Published figures of one method by the year of the contest, with the keys of our metrics."""

    name: str
    source: str
    system: str | None  # ours for the same method, if we have one
    years: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Published:
    """The content of paper.json. `table_5` has the edit distance and the normalised one by column and system."""

    table_2: tuple[Table2Row, ...]
    table_4: tuple[Table4Row, ...]
    table_5: Mapping[str, Mapping[str, tuple[float, float]]]
    notes: Mapping[str, str]  # by table

    def row_of_table_2(self, system: str) -> Table2Row | None:
        """The row of a system, if the paper has one."""
        return next((row for row in self.table_2 if row.system == system), None)

    def figures(self, table: str, column: str, system: str) -> dict[str, float]:
        """The published figures of a cell, by the keys of our metrics. Table 4 has rows of its own for them."""
        row = self.row_of_table_2(system) if table == "2" else None
        if row:
            published = row.figures.get(column, {})
            pairs = ((WRAP, published.get("psnr")), ("ssim", published.get("ssim")))
            return {key: value for key, value in pairs if value is not None}
        if table == "5" and column.endswith("/test"):
            distances = self.table_5[column.partition("/")[0]].get(system)
            return dict(zip(("edit distance", "normalised"), distances, strict=True)) if distances else {}
        return {}


@cache
def load_published() -> Published:
    """Read paper.json."""
    record = json.loads(PAPER.read_text(encoding="utf-8"))
    table_2 = tuple(
        Table2Row(system, row["name"], {column: figures for column, figures in row.items() if column != "name"})
        for system, row in record["table_2"]["rows"].items()
    )
    table_4 = tuple(
        Table4Row(row["name"], row["source"], row["of"], {
            year: {ours: figures[theirs] for ours, theirs in _TABLE_4_KEYS.items() if theirs in figures}
            for year, figures in row["years"].items()
        })
        for row in record["table_4"]["rows"]
    )  # fmt: skip
    table_5 = {
        column: {system: (pair[0], pair[1]) for system, pair in systems.items()}
        for column, systems in record["table_5"].items()
        if column != "note"
    }
    notes = {table: record[f"table_{table}"]["note"] for table in ("4", "5")}
    return Published(table_2, table_4, table_5, notes)


def beside_table_2(scores: Sequence[Score]) -> str:
    """The paper's Table 2 as text, with our scores, and why its PSNR is compared with one special measure."""
    text = (
        "\nThe paper's Table 2, as far as it is at hand, beside our rows on our own set. Its PSNR cannot be a true\n"
        "one: an output that is all white has 33.75 dB there. uint8 arithmetic that overflows in squaring explains\n"
        "it (a page of grey 250 has about 34 dB that way, and one of 255 about 59). The last column is only for\n"
        "this comparison.\n\n"
    )
    header = ["system", "Sub_Ch: PSNR / SSIM", "Sub_En: PSNR / SSIM", "SSIM", "PSNR", "PSNR with the wrap"]
    rows = [
        [row.name, *(_psnr_and_ssim(row.figures.get(column, {})) for column in ("sub_zh", "sub_en")), "", "", ""]
        for row in load_published().table_2
    ]
    for score in scores:
        ssim, psnr, wrap = (score.means[key] for key in ("ssim", "psnr", WRAP))
        rows.append([f"{score.method} (ours)", "", "", f"{ssim:.3f}", f"{psnr:.2f}", f"{wrap:.2f}"])
    return text + "\n".join(markdown_table(header, rows))


def _psnr_and_ssim(figures: Mapping[str, float | None]) -> str:
    values = [figures.get(key) for key in ("psnr", "ssim")]
    return " / ".join("not at hand" if value is None else f"{value:g}" for value in values)


def table_5() -> str:
    """The paper's Table 5 as text, as far as it is at hand."""
    rows = [
        [column, "binarized by DB-RAM" if system == "dbram" else system, f"{distance:g}", f"{normalized:g}"]
        for column in ("sub_zh", "sub_en")
        for system, (distance, normalized) in load_published().table_5[column].items()
    ]
    text = "\nThe paper's Table 5, by another reader on other sets, as far as it is at hand:\n\n"
    return text + "\n".join(markdown_table(["set", "read from", "edit distance", "normalised"], rows))
