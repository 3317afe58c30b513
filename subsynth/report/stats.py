"""Statistics of a data set: the distributions of its columns, computed from its shards, and as a text table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from subsynth.core.errors import OutputError
from subsynth.core.terminal import one_line
from subsynth.spec import palette

COLUMNS = (
    "text", "text_source", "font", "bold", "italic", "shear", "font_size_px", "text_color", "outline_px",
    "shadow_opacity", "box_opacity", "background", "contrast", "resample", "blur_sigma", "noise_sigma", "jpeg_quality",
)  # fmt: skip
NUMBERS = {
    "characters": "characters per line", "font_size_px": "font size (px per em)", "contrast": "contrast (ratio)",
    "blur_sigma": "blur, where there is one (sigma, px)", "noise_sigma": "noise, where there is any (levels)",
    "jpeg_quality": "JPEG quality, where there is one",
}  # fmt: skip
ZERO_MEANS_NONE = ("blur_sigma", "noise_sigma", "jpeg_quality")
CATEGORIES = ("font", "slant", "style", "colour", "background", "text_source")
MAX_NAME = 100  # characters of a name in the table; longer ones are cut
PERCENTILES = (1, 25, 50, 75, 99)


@dataclass(frozen=True)
class Stats:
    """One split: its number of rows, and of rows with text; of these the values of NUMBERS, the counts of CATEGORIES,
    and how often each hanzi occurs.

    Values that mean "none" (no blur, no noise, no JPEG) are left out of `numbers`.
    """

    rows: int
    with_text: int
    numbers: Mapping[str, NDArray[np.float64]]
    categories: Mapping[str, Counter[str]]
    hanzi: Counter[str]


def stats_of_directory(directory: Path) -> dict[str, Stats]:
    """The statistics of each split, train first. Raises OutputError if there is no finished data set."""
    shards = sorted((directory / "data").glob("*.parquet"))
    if not shards or not (directory / "manifest.json").is_file():
        raise OutputError(f"{directory}: no finished data set there; name a directory that `subsynth render` wrote")
    by_split: dict[str, list[Path]] = {}
    for path in sorted(shards, key=lambda path: not path.name.startswith("train-")):
        by_split.setdefault(path.name.split("-")[0], []).append(path)
    try:
        return {split: compute_stats(files) for split, files in by_split.items()}
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:  # also for nulls in a row
        raise OutputError(f"{directory}: {one_line(str(error), 200)}; run subsynth verify {directory}") from error


def compute_stats(files: Iterable[Path | IO[bytes]], max_rows: int | None = None) -> Stats:
    """The statistics of one split.

    With `max_rows`, only the first row groups are read, as many as it takes to have at least so many rows.
    """
    parts, remaining = [], max_rows
    for source in files:
        part = _read_first_groups(source, remaining)
        parts.append(part)
        if remaining is not None:
            remaining -= len(part)
            if remaining <= 0:
                break
    columns: dict[str, list[Any]] = {
        name: [value for part in parts for value in part.column(name).to_pylist()] for name in COLUMNS
    }
    shown = [bool(text) for text in columns["text"]]
    if not all(shown):
        columns = {name: list(compress(values, shown)) for name, values in columns.items()}
    hanzi = Counter(c for text in columns["text"] for c in text if "\u3400" <= c <= "\u9fff")
    return Stats(len(shown), len(columns["text"]), _numbers(columns), _categories(columns), hanzi)


def _read_first_groups(source: Path | IO[bytes], max_rows: int | None) -> pa.Table:
    """The row groups of a file from its first on, until they have `max_rows` rows; None reads them all."""
    with pq.ParquetFile(source, pre_buffer=True) as file:  # neighbouring columns in one request
        groups, rows = 0, 0
        while groups < file.num_row_groups and (max_rows is None or rows < max_rows):
            rows += file.metadata.row_group(groups).num_rows
            groups += 1
        table = file.read_row_groups(range(groups), columns=list(COLUMNS))
    for name in COLUMNS:
        if table.column(name).null_count:
            raise ValueError(f"{name} has rows without a value")
    return table


def _numbers(columns: Mapping[str, list[Any]]) -> dict[str, NDArray[np.float64]]:
    numbers = {name: np.array(columns[name], dtype=np.float64) for name in NUMBERS if name in columns}
    for name, values in numbers.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name} has values that are not numbers")
    lines = (line for text in columns["text"] for line in text.split("\n"))
    numbers["characters"] = np.array([len(line) for line in lines], dtype=np.float64)
    for name in ZERO_MEANS_NONE:
        numbers[name] = numbers[name][numbers[name] > 0]
    return numbers


def _categories(columns: Mapping[str, list[Any]]) -> dict[str, Counter[str]]:
    slants = zip(columns["bold"], columns["italic"], columns["shear"], strict=True)
    styles = zip(columns["outline_px"], columns["shadow_opacity"], columns["box_opacity"], strict=True)
    return {
        "font": Counter(columns["font"]),
        "slant": Counter(_slant(*values) for values in slants),
        "style": Counter(_style(*values) for values in styles),
        "colour": Counter(_color_name(color) for color in columns["text_color"]),
        "background": Counter(name.split("-")[0] if "/" in name else "photograph" for name in columns["background"]),
        "text_source": Counter(columns["text_source"]),
    }


def _slant(bold: bool, italic: bool, shear: float) -> str:
    slant = ("sheared" if shear else "true italic") if italic else "upright"
    return f"bold {slant}" if bold else slant


def _style(outline: float, shadow: int, box: int) -> str:
    parts = [name for name, value in (("outline", outline), ("shadow", shadow), ("box", box)) if value]
    return " + ".join(parts) or "plain"


def _color_name(color: list[int]) -> str:
    """The named fill that a colour was varied from, or "other"."""
    for name, base in palette.COLORS.items():
        if max(abs(a - b) for a, b in zip(color, base, strict=True)) <= palette.DEVIATION:
            return name
    return "other"


def format_stats(stats: Mapping[str, Stats]) -> str:
    """The statistics of each split as text: a table of percentiles, and the share of each category."""
    return "\n".join(line for split, of_split in stats.items() for line in _lines(split, of_split))


def _lines(split: str, stats: Stats) -> list[str]:
    heads = [f"{percentile} %" if percentile != 50 else "median" for percentile in PERCENTILES]
    lines = [
        f"{one_line(split, MAX_NAME)}: {stats.rows:,} rows"
        + (f", {stats.with_text:,} of them with text" if stats.with_text < stats.rows else ""),
        f"  {'':<40}" + "".join(f"{head:>8}" for head in (*heads, "mean")),
    ]
    for name, label in NUMBERS.items():
        values = stats.numbers[name]
        if len(values):
            points = (*np.percentile(values, PERCENTILES), values.mean())
            lines.append(f"  {label:<40}" + "".join(f"{point:>8.2f}" for point in points))
    for name in CATEGORIES:
        shares = [
            f"{one_line(key, MAX_NAME)} {100 * count / max(1, stats.with_text):.1f} %"
            for key, count in stats.categories[name].most_common()
        ]
        lines.append(f"  {name}: {', '.join(shares)}")
    if stats.hanzi:
        once = sum(1 for count in stats.hanzi.values() if count == 1)
        lines.append(
            f"  hanzi: {stats.hanzi.total():,} in total, {len(stats.hanzi):,} different, {once:,} of them only once"
        )
    return lines
