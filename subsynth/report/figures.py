"""Figures: the pictures of a card: a contact sheet, the ground truth from near, and the distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageDraw

from subsynth.planning.planner import plan
from subsynth.rendering.render import layers
from subsynth.report import contact_sheet, stats
from subsynth.spec.spec import Spec
from subsynth.storage.paths import DISTRIBUTIONS, SHEET, TRUTH

ENOUGH = 10_000  # rows of a split that the distributions are of, the first


def draw(spec: Spec, shards: Mapping[str, Iterable[IO[bytes]]], folder: Path) -> None:
    """Write all FIGURES into a folder. `shards` are the files of each split, in order."""
    contact_sheet.sheet(contact_sheet.from_spec(spec, "train", 0, 18)).save(folder / SHEET, "PNG")
    near(spec).save(folder / TRUTH, "PNG", optimize=True)
    stats.page({s: stats.of(shards[s], ENOUGH) for s in spec.splits}, "", folder / DISTRIBUTIONS)


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
        pen.text((6, y + 3), name, (40, 40, 44), contact_sheet.label_font())
        page.paste(part.resize((width * side, height), Image.Resampling.NEAREST), (0, y + line))
    return page
