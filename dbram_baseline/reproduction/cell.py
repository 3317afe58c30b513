"""Cells: one system on one set, and cells that cannot be measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbram_baseline.training.config import Config


@dataclass(frozen=True)
class MissingCell:
    """A cell that is not measured, and why."""

    table: str
    column: str
    system: str
    why: str

    @property
    def name(self) -> str:
        """The name of its files."""
        return cell_name(self.table, self.column, self.system)

    def to_json(self) -> dict[str, str]:
        """The cell as a JSON object."""
        return {"table": self.table, "data": self.column, "system": self.system, "why": self.why}


@dataclass(frozen=True)
class Cell:
    """One system on one set, with all that its value depends on."""

    table: str
    column: str
    system: str  # the row
    measured_on: str  # as --data takes it
    split: str
    limit: int  # images to score; 0 for all
    quick: bool
    seed: int  # of the rendered set, the weights and the order
    trained_on: str = ""  # as --data takes it; "" if nothing is trained
    preset: str = ""
    reader: str = ""
    config: Config | None = None  # of the training

    @property
    def name(self) -> str:
        """The name of its files."""
        return cell_name(self.table, self.column, self.system)

    def to_json(self) -> dict[str, Any]:
        """The cell as a JSON object."""
        return {
            "table": self.table, "data": self.column, "system": self.system, "measured_on": self.measured_on,
            "split": self.split, "most": self.limit, "quick": self.quick, "seed": self.seed,
            "trained_on": self.trained_on, "preset": self.preset, "reader": self.reader,
            "config": dataclasses.asdict(self.config) if self.config else {},
        }  # fmt: skip

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Cell:
        """Read what `to_json` wrote. Raises KeyError or TypeError."""
        return cls(
            table=record["table"], column=record["data"], system=record["system"], measured_on=record["measured_on"],
            split=record["split"], limit=record["most"], quick=record["quick"], seed=record["seed"],
            trained_on=record["trained_on"], preset=record["preset"], reader=record["reader"],
            config=Config(**record["config"]) if record["config"] else None,
        )  # fmt: skip


def cell_name(table: str, column: str, system: str) -> str:
    """The name of the files of a cell, without a suffix."""
    return f"{table}-{column}-{system}".replace(" ", "_").replace(",", "").replace("/", "_")
