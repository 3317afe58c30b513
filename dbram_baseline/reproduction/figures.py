"""The picture of a table: bars with 95 % intervals beside sample outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dbram_baseline.reproduction.panels import Measure, Panel, Row

BAR_WIDTH, SAMPLE_WIDTH, ROW_HEIGHT = 1.6, 7.5, 0.27  # inches
TRAINED, UNTRAINED, PUBLISHED = "#4878a8", "#b5b5b5", "#c04830"


def draw_table(path: Path, title: str, measures: Sequence[Measure], panels: Sequence[Panel]) -> None:
    """Draw a panel of rows for each column of the table. Published figures are hatched bars, or diamonds on ours."""
    drawn = [(panel.heading, _drawn_rows(panel)) for panel in panels]
    heights = [0.75 + len(rows) * _row_height(rows) for _, rows in drawn]
    width = 2.2 + BAR_WIDTH * len(measures) + SAMPLE_WIDTH
    figure = Figure(figsize=(width, sum(heights) + 0.6), layout="constrained")
    legend = "; hatched and diamonds: published" if any(r.published for _, rows in drawn for r in rows) else ""
    figure.suptitle(f"{title}\nbars: means with 95 % intervals{legend}", fontsize=12, x=0.01, ha="left")
    parts = figure.subfigures(len(drawn), 1, height_ratios=heights, squeeze=False)
    for part, (heading, rows) in zip(parts[:, 0], drawn, strict=True):
        ratios = [BAR_WIDTH] * len(measures) + [SAMPLE_WIDTH]
        axes = part.subplots(1, len(measures) + 1, width_ratios=ratios, sharey=True)
        for bars, measure in zip(axes, measures, strict=False):
            _draw_bars(bars, measure, rows)
        axes[0].set_yticks(range(len(rows)), [r.label for r in rows], fontsize=9)
        axes[0].set_ylabel(heading, fontsize=12)
        _draw_samples(axes[-1], rows)
    figure.savefig(path, dpi=110)


def _drawn_rows(panel: Panel) -> list[Row]:
    return [r for r in panel.rows if r.strip is not None or r.values or r.published]


def _row_height(rows: Sequence[Row]) -> float:
    """The height that shows a strip of samples in full width, inches."""
    shapes = [r.strip.shape for r in rows if r.strip is not None]
    return max(ROW_HEIGHT, SAMPLE_WIDTH * shapes[0][0] / shapes[0][1] + 0.06) if shapes else ROW_HEIGHT


def _draw_bars(axes: Axes, measure: Measure, rows: Sequence[Row]) -> None:
    for y, row in enumerate(rows):
        value = row.values.get(measure.key)
        if value and value.mean is not None:
            mean = value.mean * measure.factor
            axes.barh(y, mean, height=0.7, color=TRAINED if row.trained else UNTRAINED)
            if value.low is not None and value.high is not None:
                arms = [[mean - value.low * measure.factor], [value.high * measure.factor - mean]]
                axes.errorbar(mean, y, xerr=arms, color="black", capsize=2, linewidth=0.9)
        if measure.key in row.published:
            figure = row.published[measure.key]
            if row.values:
                axes.plot(figure, y, "D", color=PUBLISHED, markersize=5)
            else:
                axes.barh(y, figure, height=0.7, fill=False, edgecolor=PUBLISHED, hatch="///", linewidth=0.8)
    axes.set_title(measure.heading, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlim(left=0)


def _draw_samples(axes: Axes, rows: Sequence[Row]) -> None:
    for y, row in enumerate(rows):
        if row.strip is not None:
            axes.imshow(row.strip, extent=(0, 1, y + 0.46, y - 0.46), aspect="auto", interpolation="antialiased")
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xticks=[])
    axes.tick_params(left=False, labelleft=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
