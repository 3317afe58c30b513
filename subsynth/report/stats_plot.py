"""The statistics of a data set as one page of plots, in PNG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from subsynth.report.drawing import unwritable
from subsynth.report.plotting import plot_label, plot_settings
from subsynth.report.stats import NUMBERS, Stats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BARS = ("font", "slant", "style", "colour", "background")  # the categories that have a plot of their own
MAX_BARS = 14
MAX_TICKS = 5  # of an axis of numbers: most of the time of drawing goes into their labels
MAX_LABEL, MAX_TITLE = 28, 120  # characters; longer names are cut
MARGINS = {"left": 0.11, "right": 0.99, "bottom": 0.045, "top": 0.96, "wspace": 0.42, "hspace": 0.24}


def plot_stats(stats: Mapping[str, Stats], title: str, path: Path) -> None:
    """Draw the distributions of all splits into a PNG file. Raises OutputError if it cannot be written."""
    with plot_settings():
        figure = _draw(stats, title)
        try:
            figure.savefig(path, format="png")
        except OSError as error:
            raise unwritable(path, error) from error


def _draw(stats: Mapping[str, Stats], title: str) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - its import takes a quarter of a second

    figure = Figure(figsize=(15, 13))
    if title:
        figure.suptitle(plot_label(title, MAX_TITLE))
    axes = list(figure.subplots(4, 3, gridspec_kw=MARGINS).reshape(-1))
    for ax, (name, label) in zip(axes, NUMBERS.items(), strict=False):
        _plot_histograms(ax, name, label, stats)
    axes[0].legend(fontsize=8)
    remaining = axes[len(NUMBERS) :]
    for ax, name in zip(remaining, BARS, strict=False):
        _plot_bars(ax, name, stats)
    _plot_hanzi(remaining[len(BARS)], stats)
    return figure


def _plot_histograms(ax: Axes, name: str, label: str, stats: Mapping[str, Stats]) -> None:
    """One histogram per split; values above the last bin are counted in it."""
    edges = _bin_edges(name, np.concatenate([of_split.numbers[name] for of_split in stats.values()]))
    for split, of_split in stats.items():
        values = of_split.numbers[name]
        weights = np.full(len(values), 100 / max(1, len(values)))
        ax.hist(np.minimum(values, edges[-1]), edges.tolist(), weights=weights, histtype="step", label=split)
    ax.locator_params(nbins=MAX_TICKS)
    ax.set_xlabel(label)
    ax.set_ylabel("% of rows")


def _bin_edges(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The edges of a histogram's bins, up to the 99.5th percentile; whole numbers lie in the middle of a bin."""
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = float(values.min()), float(np.percentile(values, 99.5))
    if name in ("characters", "jpeg_quality"):
        return np.arange(low - 0.5, high + 1, max(1, (high - low) // 40))
    return np.linspace(low, max(high, low + 1e-6), 33)


def _plot_bars(ax: Axes, name: str, stats: Mapping[str, Stats]) -> None:
    """The most frequent values of a category, of all splits together."""
    counts = sum((of_split.categories[name] for of_split in stats.values()), Counter[str]())
    if name == "font":
        counts = _by_family(counts)
    bars = counts.most_common(MAX_BARS)[::-1]
    ax.barh(range(len(bars)), [100 * count / counts.total() for _, count in bars])
    ax.set_yticks(range(len(bars)), [plot_label(key, MAX_LABEL) for key, _ in bars], fontsize=8)
    ax.locator_params(axis="x", nbins=MAX_TICKS)
    ax.set_xlabel(f"{name} (% of all rows)")


def _by_family(faces: Counter[str]) -> Counter[str]:
    """Counts of faces, such as "Arimo Bold Italic", added up by family."""
    families = Counter[str]()
    for name, count in faces.items():
        style = "Bold Italic" if name.endswith("Bold Italic") else name.rsplit(" ", 1)[-1]
        families[name.removesuffix(f" {style}")] += count
    return families


def _plot_hanzi(ax: Axes, stats: Mapping[str, Stats]) -> None:
    """How often hanzi occur, by rank; the sources of the text where there are none."""
    hanzi = sum((of_split.hanzi for of_split in stats.values()), Counter[str]())
    if not hanzi:
        _plot_bars(ax, "text_source", stats)
        return
    counts = np.array(sorted(hanzi.values(), reverse=True))
    ax.loglog(np.arange(1, len(counts) + 1), counts)
    ax.set_xlabel(f"rank of {len(counts):,} hanzi")
    ax.set_ylabel("occurrences")
