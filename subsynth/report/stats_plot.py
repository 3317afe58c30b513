"""The statistics of a data set as one page of charts, in PNG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from subsynth.core.terminal import one_line
from subsynth.report.charts import Box, draw_bars, draw_histograms, draw_legend, draw_ranks
from subsynth.report.drawing import PAGE_COLOR, draw_label, save_png
from subsynth.report.stats import NUMBERS, Stats

BARS = ("font", "slant", "style", "colour", "background")  # the categories that have a chart of their own
MAX_BARS = 14
MAX_NAME, MAX_TITLE = 24, 120  # characters; longer names are cut
COLUMNS, CHART_WIDTH, CHART_HEIGHT = 3, 480, 310  # px
GAP, HEAD = 16, 30  # px between charts, and above them


def plot_stats(stats: Mapping[str, Stats], title: str, path: Path) -> None:
    """Draw the distributions of all splits into a PNG file. Raises OutputError if it cannot be written."""
    save_png(_draw(stats, title), path)


def _draw(stats: Mapping[str, Stats], title: str) -> Image.Image:
    count = len(NUMBERS) + len(BARS) + 1
    width = COLUMNS * (CHART_WIDTH + GAP) + GAP
    page = Image.new("RGB", (width, HEAD + -(-count // COLUMNS) * (CHART_HEIGHT + GAP)), PAGE_COLOR)
    draw = ImageDraw.Draw(page)
    draw_label(draw, (GAP, 8), one_line(title, MAX_TITLE))
    draw_legend(draw, width - GAP, 8, list(stats))
    boxes = [_box(i) for i in range(count)]
    for box, (name, label) in zip(boxes, NUMBERS.items(), strict=False):
        _draw_histograms(draw, box, name, label, stats)
    for box, name in zip(boxes[len(NUMBERS) :], BARS, strict=False):
        _draw_bars(draw, box, name, stats)
    _draw_hanzi(draw, boxes[-1], stats)
    return page


def _box(number: int) -> Box:
    """The place of a chart on the page, row by row."""
    left = GAP + number % COLUMNS * (CHART_WIDTH + GAP)
    top = HEAD + number // COLUMNS * (CHART_HEIGHT + GAP)
    return Box(left, top, left + CHART_WIDTH, top + CHART_HEIGHT)


def _draw_histograms(draw: ImageDraw.ImageDraw, box: Box, name: str, label: str, stats: Mapping[str, Stats]) -> None:
    """One histogram per split; values above the last bin are counted in it."""
    edges = _bin_edges(name, np.concatenate([of_split.numbers[name] for of_split in stats.values()]))
    shares = {}
    for split, of_split in stats.items():
        values = np.minimum(of_split.numbers[name], edges[-1])
        shares[split] = 100 * np.histogram(values, edges)[0] / max(1, len(values))
    draw_histograms(draw, box, label, edges, shares)


def _bin_edges(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The edges of a histogram's bins, up to the 99.5th percentile; whole numbers lie in the middle of a bin."""
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = float(values.min()), float(np.percentile(values, 99.5))
    if name in ("characters", "jpeg_quality"):
        return np.arange(low - 0.5, high + 1, max(1, (high - low) // 40))
    return np.linspace(low, max(high, low + 1e-6), 33)


def _draw_bars(draw: ImageDraw.ImageDraw, box: Box, name: str, stats: Mapping[str, Stats]) -> None:
    """The most frequent values of a category, of all splits together."""
    counts = sum((of_split.categories[name] for of_split in stats.values()), Counter[str]())
    if name == "font":
        counts = _by_family(counts)
    bars = [(one_line(key, MAX_NAME), 100 * count / counts.total()) for key, count in counts.most_common(MAX_BARS)]
    draw_bars(draw, box, f"{name} (% of all rows)", bars)


def _by_family(faces: Counter[str]) -> Counter[str]:
    """Counts of faces, such as "Arimo Bold Italic", added up by family."""
    families = Counter[str]()
    for name, count in faces.items():
        style = "Bold Italic" if name.endswith("Bold Italic") else name.rsplit(" ", 1)[-1]
        families[name.removesuffix(f" {style}")] += count
    return families


def _draw_hanzi(draw: ImageDraw.ImageDraw, box: Box, stats: Mapping[str, Stats]) -> None:
    """How often hanzi occur, by rank; the sources of the text where there are none."""
    hanzi = sum((of_split.hanzi for of_split in stats.values()), Counter[str]())
    if not hanzi:
        _draw_bars(draw, box, "text_source", stats)
        return
    counts = np.array(sorted(hanzi.values(), reverse=True))
    draw_ranks(draw, box, f"occurrences by rank, of {len(counts):,} hanzi", counts)
