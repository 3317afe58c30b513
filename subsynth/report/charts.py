"""Small charts, drawn with Pillow: importing a library for plots takes longer than rendering a hundred samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from subsynth.report.drawing import LABEL_SIZE, draw_label, label_width

SERIES_COLORS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75))  # RGB
GRID_COLOR, PLOT_COLOR = (216, 216, 220), (255, 255, 255)
TICKS = 5  # of an axis, about
TICK_SPACE = 46  # px at the left, for the numbers of an axis
FOOT, HEAD = 2 * LABEL_SIZE + 18, LABEL_SIZE + 10  # px below and above the plot
NAMES = 0.36  # of the width of a bar chart, for the names of the bars


class Box(NamedTuple):
    """A rectangle of the page, px."""

    left: int
    top: int
    right: int
    bottom: int


class Axis(NamedTuple):
    """A range of values along a range of pixels."""

    low: float
    high: float
    start: int
    end: int

    def px(self, value: float) -> int:
        """The pixel of a value."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start))


def draw_histograms(
    draw: ImageDraw.ImageDraw,
    box: Box,
    label: str,
    edges: NDArray[np.float64],
    shares: Mapping[str, NDArray[np.float64]],
) -> None:
    """One outline for each series: `shares` (n,) are in percent, of the bins between `edges` (n + 1,)."""
    plot = Box(box.left + TICK_SPACE, box.top + HEAD, box.right, box.bottom - FOOT)
    highest = max((float(s.max()) for s in shares.values() if len(s)), default=0.0)
    x = Axis(float(edges[0]), float(edges[-1]), plot.left, plot.right)
    y = Axis(0.0, highest * 1.05 or 1.0, plot.bottom, plot.top)
    _draw_frame(draw, box, plot, label, "% of rows")
    _draw_x_ticks(draw, plot, x, _numbers(x))
    _draw_y_ticks(draw, plot, y, _numbers(y))
    for color, series in zip(_colors(len(shares)), shares.values(), strict=True):
        points = [(x.px(edges[0]), y.px(0))]
        for left, right, share in zip(edges[:-1], edges[1:], series, strict=True):
            points += [(x.px(left), y.px(share)), (x.px(right), y.px(share))]
        draw.line([*points, (x.px(edges[-1]), y.px(0))], color, 2)


def draw_legend(draw: ImageDraw.ImageDraw, right: float, top: int, names: Sequence[str]) -> None:
    """The names of the series in one line that ends at `right`, each beside its colour."""
    for color, name in reversed(list(zip(_colors(len(names)), names, strict=True))):
        right -= label_width(name)
        draw_label(draw, (right, top), name)
        draw.rectangle((right - 18, top + LABEL_SIZE // 2, right - 6, top + LABEL_SIZE // 2 + 3), color)
        right -= 36


def draw_bars(draw: ImageDraw.ImageDraw, box: Box, label: str, bars: Sequence[tuple[str, float]]) -> None:
    """Horizontal bars from top to bottom, by their names and values."""
    plot = Box(box.left + round(NAMES * (box.right - box.left)), box.top + HEAD, box.right, box.bottom - FOOT)
    x = Axis(0.0, max((value for _, value in bars), default=0.0) * 1.05 or 1.0, plot.left, plot.right)
    _draw_frame(draw, box, plot, label, "")
    _draw_x_ticks(draw, plot, x, _numbers(x))
    pitch = (plot.bottom - plot.top) / max(1, len(bars))
    for i, (name, value) in enumerate(bars):
        middle = plot.top + (i + 0.5) * pitch
        draw.rectangle(
            (plot.left, round(middle - 0.4 * pitch), x.px(value), round(middle + 0.4 * pitch)), SERIES_COLORS[0]
        )
        draw_label(draw, (plot.left - 6 - label_width(name), middle - LABEL_SIZE / 2 - 2), name)


def draw_ranks(draw: ImageDraw.ImageDraw, box: Box, label: str, counts: NDArray[np.int64]) -> None:
    """Counts (n,), the largest first, over their ranks; both axes are logarithmic."""
    plot = Box(box.left + TICK_SPACE, box.top + HEAD, box.right, box.bottom - FOOT)
    x = Axis(0.0, max(1.0, math.log10(len(counts))), plot.left, plot.right)
    y = Axis(min(0.0, math.log10(counts[-1])), max(1.0, 1.02 * math.log10(counts[0])), plot.bottom, plot.top)
    _draw_frame(draw, box, plot, label, "occurrences")
    _draw_x_ticks(draw, plot, x, _powers_of_ten(x))
    _draw_y_ticks(draw, plot, y, _powers_of_ten(y))
    ranks = np.unique(np.geomspace(1, len(counts), 200).round().astype(np.int64))
    draw.line([(x.px(math.log10(rank)), y.px(math.log10(counts[rank - 1]))) for rank in ranks], SERIES_COLORS[0], 2)


def ticks(low: float, high: float) -> list[float]:
    """Round values from `low` to `high`, about TICKS of them: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _draw_frame(draw: ImageDraw.ImageDraw, box: Box, plot: Box, label: str, unit: str) -> None:
    """The white ground of a plot, the label below it, and the unit of its vertical axis above."""
    draw.rectangle(plot, PLOT_COLOR)
    draw_label(draw, ((plot.left + plot.right - label_width(label)) / 2, box.bottom - LABEL_SIZE - 6), label)
    draw_label(draw, (plot.left - TICK_SPACE + 4, box.top + 2), unit)


def _draw_x_ticks(draw: ImageDraw.ImageDraw, plot: Box, axis: Axis, names: Mapping[float, str]) -> None:
    """Lines at the ticks of the horizontal axis, and their names below the plot."""
    for value, name in names.items():
        px = axis.px(value)
        draw.line((px, plot.top, px, plot.bottom), GRID_COLOR)
        draw_label(draw, (px - label_width(name) / 2, plot.bottom + 3), name)


def _draw_y_ticks(draw: ImageDraw.ImageDraw, plot: Box, axis: Axis, names: Mapping[float, str]) -> None:
    """Lines at the ticks of the vertical axis, and their names left of the plot."""
    for value, name in names.items():
        px = axis.px(value)
        draw.line((plot.left, px, plot.right, px), GRID_COLOR)
        draw_label(draw, (plot.left - 6 - label_width(name), px - LABEL_SIZE / 2 - 2), name)


def _numbers(axis: Axis) -> dict[float, str]:
    return {value: f"{round(value, 10):g}" for value in ticks(axis.low, axis.high)}


def _powers_of_ten(axis: Axis) -> dict[float, str]:
    """Names by logarithm."""
    return {float(power): f"{10**power:,}" for power in range(math.floor(axis.high) + 1)}


def _colors(count: int) -> list[tuple[int, int, int]]:
    return [SERIES_COLORS[i % len(SERIES_COLORS)] for i in range(count)]
