"""What a table of the report shows: its measures, and the panels of its columns with their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dbram_baseline.arrays import U8
from dbram_baseline.evaluation.metrics import BLANK_INK, BY_KEY, ERROR_SHARE, WRAP
from dbram_baseline.evaluation.values import Interval


@dataclass(frozen=True)
class Measure:
    """A metric in a table of the report."""

    key: str
    label: str = ""  # instead of the metric's own
    percent: bool = False

    @property
    def factor(self) -> int:
        """What values are multiplied by."""
        return 100 if self.percent else 1

    @property
    def heading(self) -> str:
        """The label with the unit."""
        unit = "%" if self.percent else BY_KEY[self.key].unit
        return (self.label or BY_KEY[self.key].label) + (f", {unit}" if unit else "")

    @property
    def published_name(self) -> str:
        """The name that published figures go by: the paper's PSNR, and the P-FM of the contests' own tool."""
        return self.heading.partition(",")[0].removesuffix(" with the wrap").removesuffix(" approx.")


MEASURES = {
    "2": (Measure("psnr"), Measure("ssim"), Measure(ERROR_SHARE), Measure("f_measure"), Measure(WRAP)),
    "4": (
        Measure("f_measure", "FM", percent=True), Measure("pfm_approx", percent=True),
        Measure("psnr_binary", "PSNR"), Measure("drd"),
    ),
    "5": (Measure("edit distance"), Measure("normalised"), Measure("lines right")),
    "shadows": (Measure("rmse_lab"), Measure("rmse_lab_shadow", "RMSE in shadow"), Measure("psnr"), Measure("ssim")),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of a table: measured values and published figures by the keys of metrics, and a strip of samples."""

    label: str
    values: Mapping[str, Interval] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    strip: U8 | None = None
    note: str = ""  # what it was measured on, or why not
    trained: bool = False


@dataclass(frozen=True)
class Panel:
    """The rows of one column of the paper's table, which is a table of its own here."""

    heading: str
    rows: list[Row]


def shown_measures(table: str, panels: Sequence[Panel]) -> tuple[Measure, ...]:
    """The measures of a table; also the blank ink if a row of the panels has it, for sets with frames without text."""
    has_blank = any(BLANK_INK in row.values for panel in panels for row in panel.rows)
    return MEASURES[table] + ((Measure(BLANK_INK),) if has_blank else ())
