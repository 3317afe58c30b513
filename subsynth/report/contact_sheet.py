"""Preview: contact sheets of many samples, and the layers of one, as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

from subsynth.core.errors import OutputError
from subsynth.core.pixels import U8
from subsynth.data import font_catalogue
from subsynth.planning.planner import plan
from subsynth.rendering.render import layers, render
from subsynth.spec.spec import Spec

COLUMNS = 3
GAP = 8  # px between samples
SCALE = 2  # a sample's pixel is so many of the sheet's
_PAPER, _INK = (238, 238, 240), (40, 40, 44)


def sheet(samples: Sequence[tuple[U8, U8]], columns: int = COLUMNS) -> Image.Image:
    """A contact sheet of (image (H, W, 3), ground_truth (H, W)): each image above its ground truth."""
    height, width = samples[0][1].shape
    cell_w, cell_h = width * SCALE + GAP, 2 * height * SCALE + GAP + 2
    rows = -(-len(samples) // columns)
    page = Image.new("RGB", (columns * cell_w + GAP, rows * cell_h + GAP), _PAPER)
    for i, (image, truth) in enumerate(samples):
        x, y = GAP + i % columns * cell_w, GAP + i // columns * cell_h
        page.paste(_enlarged(image), (x, y))
        page.paste(_enlarged(truth), (x, y + height * SCALE + 2))
    return page


def strip(spec: Spec, split: str, index: int) -> Image.Image:
    """The layers of one sample from top to bottom, each with its name and what was decided for it."""
    recipe = plan(spec, split, index, index + 1)[0]
    steps = layers(recipe)
    row = recipe.row()
    told = {
        "background": ("background", "background_level", "grade_gain", "grade_lift"),
        "box": ("box_color", "box_opacity"),
        "shadow": ("shadow_dx", "shadow_dy", "shadow_blur_px", "shadow_opacity"),
        "outline": ("outline_px", "outline_color"),
        "fill": ("text_color", "font", "font_size_px"),
        "resample": ("resample",),
        "blur": ("blur_sigma",),
        "noise": ("noise_sigma",),
        "jpeg": ("jpeg_quality",),
    }
    side, line = 3 * SCALE // 2, 18
    height, width = spec.height * side, spec.width * side
    page = Image.new("RGB", (width + 2 * GAP, len(steps) * (height + line + GAP) + GAP), _PAPER)
    draw = ImageDraw.Draw(page)
    for i, (name, image) in enumerate(steps):
        y = GAP + i * (height + line + GAP)
        facts = ", ".join(f"{key} {row[key]}" for key in told.get(name, ()))
        draw.text((GAP, y), f"{i + 1}  {name}" + (f":  {facts}" if facts else ""), _INK, label_font())
        page.paste(Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST), (GAP, y + line))
    return page


def from_directory(folder: Path, split: str, count: int) -> list[tuple[U8, U8]]:
    """Samples spread evenly over the shards of a data set's split. Raises OutputError if there are none."""
    files = sorted((folder / "data").glob(f"{split}-*.parquet"))
    try:
        sizes = [pq.read_metadata(f).num_rows for f in files]
        total = sum(sizes)
        if not total:
            raise OutputError(f"{folder}: no data/{split}-*.parquet with rows there; render it first")
        count = min(count, total)
        wanted = [i * total // count for i in range(count)]
        found, first = [], 0
        for file, size in zip(files, sizes, strict=True):
            mine = [w - first for w in wanted if first <= w < first + size]
            if mine:
                table = pq.read_table(file, columns=["image", "ground_truth"]).take(mine)
                found += [(_decoded(r["image"]["bytes"], "RGB"), _decoded(r["ground_truth"]["bytes"], "L"))
                          for r in table.to_pylist()]  # fmt: skip
            first += size
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise OutputError(f"{folder}: its shards cannot be read ({reason}); render it again") from error
    return found


def from_spec(spec: Spec, split: str, start: int, count: int) -> list[tuple[U8, U8]]:
    """Samples start..start + count - 1, rendered now."""
    made = [render(recipe) for recipe in plan(spec, split, start, start + count)]
    return [(pair.image, pair.ground_truth) for pair in made]


def _decoded(data: bytes, mode: str) -> U8:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode))


def _enlarged(image: U8) -> Image.Image:
    size = (image.shape[1] * SCALE, image.shape[0] * SCALE)
    return Image.fromarray(image).convert("RGB").resize(size, Image.Resampling.BICUBIC)


@lru_cache(maxsize=1)
def label_font() -> ImageFont.FreeTypeFont:
    """The font of labels."""
    return ImageFont.truetype(font_catalogue.bundled("Open Sans")[0].path, 12)
