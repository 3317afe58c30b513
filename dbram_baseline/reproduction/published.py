"""Figures that the paper and others have published (paper.json), and the paper's tables as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dbram_baseline.evaluation.metrics import ERROR_SHARE, WRAP, ssim_error_share
from dbram_baseline.evaluation.tables import figure, markdown_table
from dbram_baseline.evaluation.values import Score

PAPER = Path(__file__).with_name("paper.json")
# The keys of Table 4 in paper.json, by the keys of our metrics.
_TABLE_4_KEYS = {"f_measure": "f_measure", "pfm_approx": "pfm", "psnr_binary": "psnr", "drd": "drd"}


@dataclass(frozen=True)
class Table2Row:
    """A row of Table 2: figures ("psnr", "ssim") by the column."""

    system: str
    name: str
    figures: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Table4Row:
    """Published figures of one method by the year of the contest, with the keys of our metrics."""

    name: str
    source: str
    system: str | None  # ours for the same method, if we have one
    years: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Published:
    """The content of paper.json. `table_5` has the edit distance and the normalised one by column and system.

    `all_white` names, by the column of Table 2, the system whose outputs are totally white there.
    """

    table_2: tuple[Table2Row, ...]
    all_white: Mapping[str, str]
    table_4: tuple[Table4Row, ...]
    table_5: Mapping[str, Mapping[str, tuple[float, float]]]
    notes: Mapping[str, str]  # by table

    def row_of_table_2(self, system: str) -> Table2Row | None:
        """The row of a system, if the paper has one."""
        return next((row for row in self.table_2 if row.system == system), None)

    def error_share(self, column: str, system: str) -> float | None:
        """The share of structural error that a system of Table 2 leaves, rounded like the paper's SSIM.

        None where the paper does not have the SSIM of an all-white output.
        """
        row = self.row_of_table_2(system)
        white = self.row_of_table_2(self.all_white.get(column, ""))
        if row is None or white is None or column not in row.figures:
            return None
        return round(ssim_error_share(row.figures[column]["ssim"], white.figures[column]["ssim"]), 3)

    def figures(self, table: str, column: str, system: str) -> dict[str, float]:
        """The published figures of a cell, by the keys of our metrics. Table 4 has rows of its own for them."""
        row = self.row_of_table_2(system) if table == "2" else None
        if row:
            published = row.figures[column]
            share = self.error_share(column, system)
            figures = {WRAP: published["psnr"], "ssim": published["ssim"]}
            return figures if share is None else figures | {ERROR_SHARE: share}
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
    all_white = record["table_2"]["all_white"]
    notes = {table: record[f"table_{table}"]["note"] for table in ("4", "5")}
    return Published(table_2, all_white, table_4, table_5, notes)


def beside_table_2(scores: Sequence[Score]) -> str:
    """The paper's Table 2 as text, with our scores, and why its PSNR is compared with one special measure."""
    text = (
        "\nThe paper's Table 2 beside our rows on our own set. The error share is\n"
        "(1 - SSIM) / (1 - SSIM of an all-white output): SSIM depends on how empty the images of a set are, and the\n"
        "share can be compared between sets; the paper has an all-white output for Sub_Ch. Its PSNR cannot be a true\n"
        "one: that output has 33.75 dB. uint8 arithmetic that overflows in squaring explains it (a page of grey 250\n"
        "has about 34 dB that way, and one of 255 about 59). The last column is only for this comparison.\n\n"
    )
    header = [
        "system", "Sub_Ch: PSNR / SSIM (error share)", "Sub_En: PSNR / SSIM",
        "SSIM", "error share", "PSNR", "PSNR with the wrap",
    ]  # fmt: skip
    published = load_published()
    rows = [
        [row.name, *(_table_2_cell(published, row, column) for column in ("sub_zh", "sub_en")), "", "", "", ""]
        for row in published.table_2
    ]
    for score in scores:
        ssim, share, psnr, wrap = (score.means[key] for key in ("ssim", ERROR_SHARE, "psnr", WRAP))
        cells = f"{ssim:.3f}", figure(share, ".3f"), f"{psnr:.2f}", f"{wrap:.2f}"
        rows.append([f"{score.method} (ours)", "", "", *cells])
    return text + "\n".join(markdown_table(header, rows))


def _table_2_cell(published: Published, row: Table2Row, column: str) -> str:
    """PSNR and SSIM, and the error share in parentheses where there is one."""
    figures, share = row.figures[column], published.error_share(column, row.system)
    return f"{figures['psnr']:.2f} / {figures['ssim']:.4f}" + ("" if share is None else f" ({share:.3f})")


def table_5() -> str:
    """The paper's Table 5 as text."""
    rows = [
        [column, "binarized by DB-RAM" if system == "dbram" else system, f"{distance:g}", f"{normalized:g}"]
        for column in ("sub_zh", "sub_en")
        for system, (distance, normalized) in load_published().table_5[column].items()
    ]
    text = "\nThe paper's Table 5, by another reader (Google Vision) on other sets:\n\n"
    return text + "\n".join(markdown_table(["set", "read from", "edit distance", "normalised"], rows))
