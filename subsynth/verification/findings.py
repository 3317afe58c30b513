"""What verification reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from subsynth.core.terminal import one_line
from subsynth.format.stored_rows import UnusableShardError

READ_ERRORS = (pa.ArrowException, OSError, ValueError, UnusableShardError)  # of a file that is not usable parquet
MAX_REPORTED = 20  # differing rows of one shard that are reported one by one; the rest are counted


class Violation(NamedTuple):
    """A problem of a row of a shard; `row` is -1 for one of the file as a whole, or of another file or a split."""

    shard: str
    row: int
    what: str


@dataclass(frozen=True)
class Report:
    """The outcome: shards and rows read, rows rendered again, and the violations in the manifest's order."""

    shards: int
    rows: int
    rendered: int
    violations: tuple[Violation, ...]
    not_checked: str = ""  # what could not be checked, and why; "" if everything was


@dataclass
class Findings:
    """The results so far."""

    shards: int = 0
    rows: int = 0
    rendered: int = 0
    not_checked: str = ""
    readable: bool = False  # a shard that can be read to its end
    violations: list[Violation] = field(default_factory=list)
    lines: dict[str, set[str]] = field(default_factory=dict)  # split -> letters and digits of its lines
    photographs: dict[str, set[str]] = field(default_factory=dict)  # split -> names

    def skip_rendering(self, reason: str) -> None:
        """Say once that rows are not rendered again."""
        self.not_checked = self.not_checked or f"rows were not rendered again: {one_line(reason, 300)}"

    def add(self, shard: str, row: int, what: str) -> None:
        """Add one violation."""
        self.violations.append(Violation(shard, row, what))

    def extend(self, other: Findings) -> None:
        """Add the results of a part."""
        self.shards += other.shards
        self.rows += other.rows
        self.rendered += other.rendered
        self.violations += other.violations
        for own, others in ((self.lines, other.lines), (self.photographs, other.photographs)):
            for split, values in others.items():
                own.setdefault(split, set()).update(values)
