"""Tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dbram_baseline.evaluation.metrics import Metric
from dbram_baseline.evaluation.values import Score


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], aligned: bool = False) -> list[str]:
    """The lines of a table; `aligned` pads cells, so that it is readable as plain text too."""
    if not aligned:
        return [_line(header), "|" + "---|" * len(header), *map(_line, rows)]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    padded = [[cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in (header, *rows)]
    return [_line(padded[0]), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(_line, padded[1:])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def figure(value: float, spec: str) -> str:
    """A value as a cell of a table, in the format `spec`; "-" for nan, the mean of a metric that no image has."""
    return "-" if math.isnan(value) else format(value, spec)


def score_table(scores: Sequence[Score], metrics: Sequence[Metric]) -> str:
    """One row per method, one column per metric."""
    rows = [[s.method, *(figure(s.means[m.key], m.format) for m in metrics)] for s in scores]
    return "\n".join(markdown_table(["method", *(m.label for m in metrics)], rows, aligned=True))
