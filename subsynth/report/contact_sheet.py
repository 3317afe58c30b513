"""Contact sheets: many samples on one page, each image above its ground truth."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from subsynth.core.errors import OutputError
from subsynth.core.pixels import U8
from subsynth.format.image_header import image_size
from subsynth.format.stored_pairs import MAX_HEIGHT, MAX_WIDTH
from subsynth.planning.planner import plan_recipes
from subsynth.rendering.render import Renderer
from subsynth.report.drawing import PAGE_COLOR

Sample = tuple[U8, U8]  # image RGB (H, W, 3), ground truth (H, W)

COLUMNS = 3
GAP = 8  # px between samples
INNER_GAP = 2  # px between an image and its ground truth
SCALE = 2  # px of the sheet per px of a sample


def draw_contact_sheet(samples: Sequence[Sample], columns: int = COLUMNS) -> Image.Image:
    """A contact sheet of the samples, row by row; all samples have the same size."""
    height, width = samples[0][1].shape
    cell_width, cell_height = width * SCALE + GAP, 2 * height * SCALE + GAP + INNER_GAP
    rows = -(-len(samples) // columns)
    page = Image.new("RGB", (columns * cell_width + GAP, rows * cell_height + GAP), PAGE_COLOR)
    for i, (image, truth) in enumerate(samples):
        x, y = GAP + i % columns * cell_width, GAP + i // columns * cell_height
        page.paste(_enlarged(image), (x, y))
        page.paste(_enlarged(truth), (x, y + height * SCALE + INNER_GAP))
    return page


def render_samples(renderer: Renderer, count: int) -> list[Sample]:
    """Render the first `count` samples of the renderer's split, or all of them if it has fewer."""
    count = min(count, renderer.assets.spec.size(renderer.assets.split))
    pairs = [renderer.render(recipe) for recipe in plan_recipes(renderer.assets, 0, count)]
    return [(pair.image, pair.ground_truth) for pair in pairs]


def read_samples(directory: Path, split: str, count: int) -> list[Sample]:
    """Read up to `count` samples, evenly spaced over the shards of a split. Raises OutputError if there are none."""
    files = sorted((directory / "data").glob(f"{split}-*.parquet"))
    try:
        sizes = [pq.read_metadata(file).num_rows for file in files]
        total = sum(sizes)
        if not total:
            raise OutputError(f"{directory}: no data/{split}-*.parquet with rows there; render it first")
        count = min(count, total)
        indices = [i * total // count for i in range(count)]
        samples, first = [], 0
        for file, size in zip(files, sizes, strict=True):
            samples += _read_rows(file, [i - first for i in indices if first <= i < first + size])
            first += size
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise OutputError(f"{directory}: its shards cannot be read ({reason}); render it again") from error
    return samples


def _read_rows(file: Path, rows: Sequence[int]) -> list[Sample]:
    if not rows:
        return []
    table = pq.read_table(file, columns=["image", "ground_truth"]).take(rows)
    return [(_decoded(row["image"], "RGB"), _decoded(row["ground_truth"], "L")) for row in table.to_pylist()]


def _decoded(cell: dict[str, Any] | None, mode: str) -> U8:
    """The pixels of an image column's cell, {"bytes", "path"}. Raises ValueError for one that no data set can have."""
    file = (cell or {}).get("bytes") or b""
    size = image_size(file)  # before anything is decoded: a small file may hold a picture that fills memory
    if size is None or size[0] > MAX_HEIGHT or size[1] > MAX_WIDTH:
        raise ValueError(f"an image of {size} px" if size else "an image that is neither PNG nor JPEG")
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert(mode))


def _enlarged(image: U8) -> Image.Image:
    size = (image.shape[1] * SCALE, image.shape[0] * SCALE)
    return Image.fromarray(image).convert("RGB").resize(size, Image.Resampling.BICUBIC)
