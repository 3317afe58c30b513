"""Figures: the pictures of a card: a contact sheet, the ground truth from near, and the distributions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from subsynth import preview, stats
from subsynth.planning import plan
from subsynth.render import layers
from subsynth.spec import Spec

SHEET, TRUTH, DISTRIBUTIONS = "contact-sheet.png", "ground-truth.png", "distributions.png"
NAMES = (SHEET, TRUTH, DISTRIBUTIONS)
ENOUGH = 8  # shards of a split that the distributions are read from


def draw(spec: Spec, shards: list[Path], folder: Path) -> None:
    """Write all of NAMES into a folder. `shards` are the data set's files."""
    preview.sheet(preview.from_spec(spec, "train", 0, 18)).save(folder / SHEET, "PNG")
    near(spec).save(folder / TRUTH, "PNG", optimize=True)
    by_split = [[p for p in shards if p.name.startswith(f"{split}-")][:ENOUGH] for split in spec.splits]
    stats.page(stats.gathered([p for some in by_split for p in some]), "", folder / DISTRIBUTIONS)


def near(spec: Spec, side: int = 10) -> Image.Image:
    """Of one sample with an outline or a shadow: fill, coverage and ground truth, enlarged `side` times."""
    recipes = plan(spec, "train", 0, 200)
    recipe = next((r for r in recipes if r.outline_px and r.blur_sigma), recipes[0])
    steps = dict(layers(recipe))
    truth = steps["ground truth"]
    columns = np.flatnonzero((truth[:, :, 0] == 0).any(axis=0))
    width = min(100, truth.shape[1])
    left = int(min(columns[0], truth.shape[1] - width))
    last = [image for name, image in layers(recipe) if name not in ("coverage", "ground truth")][-1]
    shown = {"the image": last, "coverage of the fill": steps["coverage"], "ground truth: at least one half": truth}
    line = 22
    height = truth.shape[0] * side
    page = Image.new("RGB", (width * side, len(shown) * (height + line)), (238, 238, 240))
    pen = ImageDraw.Draw(page)
    for i, (name, image) in enumerate(shown.items()):
        part = Image.fromarray(np.ascontiguousarray(image[:, left : left + width]))
        y = i * (height + line)
        pen.text((6, y + 3), name, (40, 40, 44), preview.label_font())
        page.paste(part.resize((width * side, height), Image.Resampling.NEAREST), (0, y + line))
    return page
