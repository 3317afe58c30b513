"""ReproduceConfig: what a report is asked to measure, and on which data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dbram_baseline.data import dibco

LANGUAGES = {"sub_zh": "zh", "sub_en": "en"}  # of the columns of subtitles


@dataclass(frozen=True)
class ReproduceConfig:
    """The options of a report.

    `sets` has the data of "sub_en" and "sub_zh" (as --data takes it) and the folders of "dibco", "plm" and "istd";
    None is a set that was not named.
    """

    out: Path
    quick: bool
    seed: int
    preset: str  # for subtitles
    pages_preset: str
    steps: int | None
    epochs: int | None
    limit: int  # images of a set to score; 0 for all
    pages: int  # pages of a year to score; 0 for all
    lines: int  # lines of a split to read
    reader: str
    device: str
    sets: Mapping[str, str | None]

    @cached_property
    def contest_years(self) -> dict[str, str]:
        """The year of each folder of dibco. Raises BaselineError for a folder without one."""
        root = self.sets["dibco"]
        return dibco.contest_years(Path(root)) if root else {}

    def subtitles(self, column: str) -> str:
        """The data of a column of subtitles: the named set, ./sub_en if it exists, or one that is to be rendered."""
        existing = column if Path(column).is_dir() and not self.quick else str(self.rendered(column))
        return self.sets[column] or existing

    def rendered(self, column: str) -> Path:
        """Where the set of a column is rendered, if none is named."""
        return self.out / "data" / column
