"""Outputs of the networks of `benchmarks/ablations.py` beside each other.

    python benchmarks/ablations_picture.py OUT --data DIR --out ablations.png [--pairs 2]

OUT is the folder that `ablations.py` wrote, DIR has sub_en and sub_zh. From the top: the image, the ground truth, and
the output of each model, for the first pairs of `test` in each language.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from ablations_report import MODELS
from PIL import Image, ImageDraw

from dbram_baseline.data.refs import DataRef
from dbram_baseline.evaluation.eval_set import load_eval_set
from dbram_baseline.evaluation.evaluate import predict
from dbram_baseline.training.checkpoint import load_generator

GAP, LABEL = 4, 96  # px between the tiles, and of the column of names


def columns(lang: str, options: argparse.Namespace) -> np.ndarray:
    """The tiles of a language, uint8 (rows, pairs, H, W, 3): images, ground truths, outputs of each model."""
    eval_set = load_eval_set(DataRef.parse(str(options.data / f"sub_{lang}")), "test", options.pairs)
    rows = [np.asarray(eval_set.images), _colored(np.asarray(eval_set.truths))]
    for model in MODELS:
        network, _ = load_generator(options.folder / "kept" / f"{lang}-{model}-0.safetensors")
        outputs = np.stack(list(predict(network, eval_set.images, torch.device("cpu"))))
        rows.append(_colored(np.round(outputs * 255).astype(np.uint8)))
    return np.stack(rows)


def _colored(planes: np.ndarray) -> np.ndarray:
    return np.repeat(planes[..., None], 3, axis=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=2, help="of each language")
    options = parser.parse_args()
    tiles = np.concatenate([columns(lang, options) for lang in ("en", "zh")], axis=1)
    rows, count, height, width, _ = tiles.shape
    sheet = np.full((rows * (height + GAP), LABEL + count * (width + GAP), 3), 255, np.uint8)
    for row in range(rows):
        for column in range(count):
            y, x = row * (height + GAP), LABEL + column * (width + GAP)
            sheet[y : y + height, x : x + width] = tiles[row, column]
    image = Image.fromarray(sheet)
    draw = ImageDraw.Draw(image)
    for row, name in enumerate(("image", "ground truth", *MODELS)):
        draw.text((2, row * (height + GAP) + height // 2 - 5), name, fill=(0, 0, 0))
    image.save(options.out, optimize=True)


if __name__ == "__main__":
    main()
