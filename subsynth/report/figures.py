"""The pictures of the card: a contact sheet, an enlarged ground truth, and the distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageDraw

from subsynth.assets.assets import shared_assets
from subsynth.core.pixels import U8
from subsynth.planning.planner import plan_recipes
from subsynth.planning.recipe import Recipe
from subsynth.rendering.render import Renderer
from subsynth.report.contact_sheet import draw_contact_sheet, render_samples
from subsynth.report.drawing import PAGE_COLOR, draw_label, save_png
from subsynth.report.stats import compute_stats
from subsynth.report.stats_plot import plot_stats
from subsynth.spec.spec import Spec
from subsynth.storage.paths import DISTRIBUTIONS, SHEET, TRUTH

SHEET_SAMPLES = 18
STATS_ROWS = 10_000  # the distributions are those of the first rows of each split, about this many
CLOSEUP_CANDIDATES = 200  # samples of train; the first suitable one is shown
CLOSEUP_WIDTH = 100  # px of the sample
CLOSEUP_SCALE = 10  # px of the picture per px of the sample
LABEL_HEIGHT = 22  # px


def draw_figures(spec: Spec, shards: Mapping[str, Iterable[IO[bytes]]], folder: Path) -> None:
    """Write all FIGURES into a folder. `shards` are the files of each split, in order."""
    renderer = Renderer(shared_assets(spec, "train"))
    save_png(draw_contact_sheet(render_samples(renderer, SHEET_SAMPLES)), folder / SHEET)
    save_png(draw_closeup(renderer), folder / TRUTH, optimize=True)
    stats = {split: compute_stats(shards[split], STATS_ROWS) for split in spec.splits}
    plot_stats(stats, "", folder / DISTRIBUTIONS)


def draw_closeup(renderer: Renderer) -> Image.Image:
    """A part of one sample, enlarged: the image, the coverage of its fill, and its ground truth."""
    panels, left, width = _closeup_panels(renderer)
    panel_width, panel_height = width * CLOSEUP_SCALE, renderer.assets.spec.height * CLOSEUP_SCALE
    page = Image.new("RGB", (panel_width, len(panels) * (panel_height + LABEL_HEIGHT)), PAGE_COLOR)
    draw = ImageDraw.Draw(page)
    for i, (label, image) in enumerate(panels.items()):
        part = Image.fromarray(np.ascontiguousarray(image[:, left : left + width]))
        y = i * (panel_height + LABEL_HEIGHT)
        draw_label(draw, (6, y + 3), label)
        page.paste(part.resize((panel_width, panel_height), Image.Resampling.NEAREST), (0, y + LABEL_HEIGHT))
    return page


def _closeup_recipe(renderer: Renderer) -> Recipe:
    """The first sample with an outline and blur: it shows that neither changes the ground truth."""
    recipes = plan_recipes(renderer.assets, 0, min(CLOSEUP_CANDIDATES, renderer.assets.spec.n))
    return next((r for r in recipes if r.outline_px and r.blur_sigma), recipes[0])


def _closeup_panels(renderer: Renderer) -> tuple[dict[str, U8], int, int]:
    """The pictures by their labels, each RGB (H, W, 3); and the left edge and width of the part to show, px."""
    steps = renderer.layers(_closeup_recipe(renderer))
    layer = dict(steps)
    truth = layer["ground truth"]
    image = [picture for name, picture in steps if name not in ("coverage", "ground truth")][-1]
    panels = {"the image": image, "coverage of the fill": layer["coverage"], "ground truth: at least one half": truth}
    text_columns = np.flatnonzero((truth[:, :, 0] == 0).any(axis=0))
    width = min(CLOSEUP_WIDTH, truth.shape[1])
    left = int(text_columns[0]) if len(text_columns) else 0  # none: no stroke covers half of a pixel
    return panels, min(left, truth.shape[1] - width), width
