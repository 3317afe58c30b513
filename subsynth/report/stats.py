"""Stats: what is in a data set: distributions of its columns, as a table and as one page of plots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from subsynth.core.errors import OutputError
from subsynth.spec import palette

READ = (
    "text", "text_source", "font", "bold", "italic", "shear", "font_size_px", "text_color", "outline_px", "shadow_opacity",
    "box_opacity", "background", "contrast", "resample", "blur_sigma", "noise_sigma", "jpeg_quality",
)  # fmt: skip
NUMBERS = {
    "characters": "characters a line", "font_size_px": "font size (px an em)", "contrast": "contrast (ratio)",
    "blur_sigma": "blur, where there is one (sigma, px)", "noise_sigma": "noise, where there is any (levels)",
    "jpeg_quality": "JPEG quality, where there is one",
}  # fmt: skip
SHARES = ("font", "slant", "style", "colour", "background", "text_source")


@dataclass(frozen=True)
class Stats:
    """One split: rows, numbers by name, counts of categories by name, and how often each hanzi occurs."""

    rows: int
    numbers: dict[str, NDArray[np.float64]]
    shares: dict[str, Counter[str]]
    hanzi: Counter[str]


def gather(directory: Path) -> dict[str, Stats]:
    """Split -> Stats, from the columns of every shard. Raises OutputError if there is no data set."""
    paths = sorted((directory / "data").glob("*.parquet"))
    if not paths or not (directory / "manifest.json").is_file():
        raise OutputError(f"{directory}: no finished data set there; name a directory that `subsynth render` wrote")
    try:
        by_split: dict[str, list[Path]] = {}
        for path in sorted(paths, key=lambda path: not path.name.startswith("train-")):
            by_split.setdefault(path.name.split("-")[0], []).append(path)
        return {split: of(some) for split, some in by_split.items()}
    except (OSError, KeyError) as error:  # pyarrow's errors are OSErrors and KeyErrors too
        raise OutputError(f"{directory}: {' '.join(str(error).split())}; run subsynth verify {directory}") from error


def of(files: Iterable[Path | IO[bytes]], most: int | None = None) -> Stats:
    """The statistics of one split, of its first rows where `most` is given: whole row groups until they are enough."""
    parts, left = [], most
    for source in files:
        with pq.ParquetFile(source, pre_buffer=True) as file:  # neighbouring columns in one request
            groups, rows = 0, 0
            while groups < file.num_row_groups and (left is None or rows < left):
                rows += file.metadata.row_group(groups).num_rows
                groups += 1
            parts.append(file.read_row_groups(range(groups), columns=list(READ)))
        left = None if left is None else left - rows
        if left is not None and left <= 0:
            break
    held: dict[str, list[Any]] = {name: [v for part in parts for v in part.column(name).to_pylist()] for name in READ}
    numbers = {name: np.array(held[name], dtype=np.float64) for name in NUMBERS if name in held}
    numbers["characters"] = np.array([len(text) for text in held["text"]], dtype=np.float64)
    for name in ("blur_sigma", "noise_sigma", "jpeg_quality"):
        numbers[name] = numbers[name][numbers[name] > 0]
    slants = zip(held["bold"], held["italic"], held["shear"], strict=True)
    styles = zip(held["outline_px"], held["shadow_opacity"], held["box_opacity"], strict=True)
    shares = {
        "font": Counter(held["font"]),
        "slant": Counter(
            f"{'bold ' if bold else ''}{('sheared' if shear else 'true italic') if italic else 'upright'}"
            for bold, italic, shear in slants
        ),
        "style": Counter(
            " + ".join(w for w, v in zip(("outline", "shadow", "box"), d, strict=True) if v) or "plain" for d in styles
        ),
        "colour": Counter(_named(color) for color in held["text_color"]),
        "background": Counter(name.split("-")[0] if "/" in name else "photograph" for name in held["background"]),
        "text_source": Counter(held["text_source"]),
    }
    hanzi = Counter(c for text in held["text"] for c in text if "\u3400" <= c <= "\u9fff")
    return Stats(len(held["text"]), numbers, shares, hanzi)


def _named(color: list[int]) -> str:
    """The named fill that a colour strays from, or "other"."""
    for name, base in palette.COLORS.items():
        if max(abs(a - b) for a, b in zip(color, base, strict=True)) <= palette.STRAY:
            return name
    return "other"


def table(found: dict[str, Stats]) -> str:
    """The distributions in words and figures."""
    lines = []
    for split, one in found.items():
        lines.append(f"{split}: {one.rows:,} rows")
        lines.append(f"  {'':<40}{'1 %':>8}{'25 %':>8}{'median':>8}{'75 %':>8}{'99 %':>8}{'mean':>8}")
        for name, label in NUMBERS.items():
            values = one.numbers[name]
            if len(values):
                points = [*np.percentile(values, (1, 25, 50, 75, 99)), values.mean()]
                lines.append(f"  {label:<40}" + "".join(f"{p:>8.2f}" for p in points))
        for name in SHARES:
            parts = [f"{key} {100 * n / one.rows:.1f} %" for key, n in one.shares[name].most_common()]
            lines.append(f"  {name}: {', '.join(parts)}")
        if one.hanzi:
            rare = sum(1 for n in one.hanzi.values() if n == 1)
            lines.append(f"  hanzi: {sum(one.hanzi.values()):,} of {len(one.hanzi):,} kinds, {rare:,} of them once")
    return "\n".join(lines)


def page(found: dict[str, Stats], title: str, path: Path) -> None:
    """Draw the distributions of every split on one page, a PNG. Raises OutputError if it cannot be written."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a quarter of a second, of every command

    figure = Figure(figsize=(15, 13))
    if title:
        figure.suptitle(title)
    margins = {"left": 0.11, "right": 0.99, "bottom": 0.045, "top": 0.96, "wspace": 0.42, "hspace": 0.24}
    axes = figure.subplots(4, 3, gridspec_kw=margins).reshape(-1)
    for ax, (name, label) in zip(axes, NUMBERS.items(), strict=False):
        pooled = np.concatenate([one.numbers[name] for one in found.values()])
        edges = _edges(name, pooled)
        for split, one in found.items():
            values = one.numbers[name]
            weights = np.full(len(values), 100 / max(1, len(values)))
            ax.hist(np.minimum(values, edges[-1]), edges, weights=weights, histtype="step", label=split)
        ax.set_xlabel(label)
        ax.set_ylabel("% of rows")
    axes[0].legend(fontsize=8)
    rest = axes[len(NUMBERS) :]
    for ax, name in zip(rest, ("font", "slant", "style", "colour", "background"), strict=False):
        _bars(ax, name, found)
    _coverage(rest[5], found)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}; name an --out that can be written") from error


def _edges(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Borders of the bins of a histogram: whole numbers have bins of their own."""
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = float(values.min()), float(np.percentile(values, 99.5))
    if name in ("characters", "jpeg_quality"):
        return np.arange(low - 0.5, high + 1, max(1, (high - low) // 40))
    return np.linspace(low, max(high, low + 1e-6), 33)


def _bars(ax: Any, name: str, found: dict[str, Stats]) -> None:
    pooled: Counter[str] = sum((one.shares[name] for one in found.values()), Counter())
    if name == "font":  # faces of one family together
        families = Counter[str]()
        for key, n in pooled.items():
            families[key.rsplit(" ", 1)[0] if not key.endswith("Bold Italic") else key[: -len(" Bold Italic")]] += n
        pooled = families
    most = pooled.most_common(14)[::-1]
    ax.barh([key for key, _ in most], [100 * n / sum(pooled.values()) for _, n in most])
    ax.tick_params(axis="y", labelsize=8)
    ax.set_xlabel(f"{name} (% of all rows)")


def _coverage(ax: Any, found: dict[str, Stats]) -> None:
    """How often hanzi occur, by rank; for English, the sources."""
    pooled: Counter[str] = sum((one.hanzi for one in found.values()), Counter())
    if not pooled:
        _bars(ax, "text_source", found)
        return
    counts = np.array(sorted(pooled.values(), reverse=True))
    ax.loglog(np.arange(1, len(counts) + 1), counts)
    ax.set_xlabel(f"rank of {len(counts):,} hanzi")
    ax.set_ylabel("occurrences")
