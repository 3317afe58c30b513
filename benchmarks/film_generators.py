"""Which data teach a network films: the same network, with the same steps, on the pairs of several generators.

    python benchmarks/film.py strips bbb.mp4 --cache strips.npz --only          # the strips it is judged by
    python benchmarks/film_generators.py WORK_DIR strips.npz [--pairs 10000] [--steps 6000]

trdg and synthtiger draw the same sentences in the same fonts on the same photographs as `against_peers.py` describes.
Their lines are brought to a height of 32 px, joined, and cut into strips of 280 px. The network is the body of
`compact` with one plane, because a pair of another generator has no erase mask. What exists in WORK_DIR is kept.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import against_peers
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from dbram_baseline.evaluation.evaluate import predict_tiled, prepare_network
from dbram_baseline.evaluation.metrics import f_measure
from dbram_baseline.networks.device import select_device
from dbram_baseline.training.checkpoint import load_generator

HEIGHT, WIDTH = 32, 280
MASKS = {"trdg": "{}_mask.png", "synthtiger": "{}.png"}  # beside {}.jpg
OURS = {"subsynth, sub": "render:sub_en,sub_zh", "subsynth, film and sub": "render:film_en,film_zh,sub_en,sub_zh"}


def generate(tool: str, lang: str, count: int, work: Path) -> Path:
    """`count` lines of another generator, as a folder of images and masks."""
    out = work / f"{tool}-{lang}-{count}"
    if not (out / "complete").exists():
        out.mkdir(exist_ok=True)
        assets = against_peers.write_assets(work, lang, "ours")
        command = against_peers.TOOLS[tool](work, lang, count, assets, out)
        subprocess.run(command, check=True, capture_output=True)
        (out / "complete").touch()
    return out


def lines(folder: Path, mask_name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The lines of a folder in a fixed random order, HEIGHT px high: RGB, and 255 where text covers half of a pixel."""
    images = sorted(folder.rglob("*.jpg"))
    random.Random(0).shuffle(images)
    for path in images:
        image, mask = cv2.imread(str(path))[:, :, ::-1], cv2.imread(str(path.with_name(mask_name.format(path.stem))))
        if mask is None or mask.shape[:2] != image.shape[:2]:
            raise SystemExit(f"{path}: no mask of its size")
        size = max(1, round(image.shape[1] * HEIGHT / image.shape[0])), HEIGHT
        mask = covered(mask.max(axis=2))
        image, mask = (cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in (image, mask))
        yield image, np.where(mask >= 128, np.uint8(255), np.uint8(0))


def covered(mask: np.ndarray) -> np.ndarray:
    """255 where text covers half of a pixel: trdg multiplies the coverage of a character by its number in the line."""
    count, labels = cv2.connectedComponents((mask > 0).astype(np.uint8))
    strongest = np.zeros(count, np.uint8)
    np.maximum.at(strongest, labels, mask)
    return np.where((mask > 0) & (2 * mask.astype(int) >= strongest[labels]), np.uint8(255), np.uint8(0))


def strips(folder: Path, mask_name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Strips of WIDTH px: images, and ground truths with text 0."""
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for line in lines(folder, mask_name):
        parts.append(line)
        if sum(image.shape[1] for image, _ in parts) < WIDTH:
            continue
        image, mask = (np.concatenate(planes, axis=1) for planes in zip(*parts, strict=True))
        cuts = image.shape[1] // WIDTH
        for x in range(0, cuts * WIDTH, WIDTH):
            yield image[:, x : x + WIDTH], 255 - mask[:, x : x + WIDTH]
        parts = [(image[:, cuts * WIDTH :], mask[:, cuts * WIDTH :])]


def store(tool: str, lang: str, count: int, work: Path) -> Path:
    """The strips of another generator as a set that `dbram_baseline.train` reads."""
    out = work / f"set-{tool}-{lang}-{count}"
    if not (out / "train-00000-of-00001.parquet").exists():
        out.mkdir(exist_ok=True)
        pairs = list(strips(generate(tool, lang, count, work), MASKS[tool]))
        columns = [[{"bytes": png(plane), "path": None} for plane in planes] for planes in zip(*pairs, strict=True)]
        table = pa.table(dict(zip(("image", "ground_truth"), columns, strict=True)))
        features = {name: {"_type": "Image"} for name in table.column_names}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        pq.write_table(table, out / "train-00000-of-00001.parquet")
        picture = np.concatenate([np.concatenate((i, np.repeat(t[:, :, None], 3, 2)), axis=1) for i, t in pairs[:30]])
        cv2.imwrite(str(out / "first.png"), picture[:, :, ::-1])
        print(f"{tool}, {lang}: {len(pairs)} strips", flush=True)
    return out


def png(plane: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "png")
    return buffer.getvalue()


def train(data: str, steps: int, out: Path) -> Path:
    checkpoint = out / "last.safetensors"
    if not (out / "complete").exists():
        options = {
            "model": "plainu", "width": 16, "dropout": 0.0, "adversarial": 0.0, "l1": 0.0, "ssim": 0.0, "bce": 1.0,
            "batch": 16, "crop": 240, "lr": 2e-3, "steps": steps, "validation": 64, "validate_every": steps,
            "epoch_pairs": 20_000, "workers": 1, "data": data, "out": out,
        }  # fmt: skip
        arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        resume = ["--resume"] if checkpoint.exists() else []
        subprocess.run([sys.executable, "-m", "dbram_baseline.train", *arguments, *resume], check=True)
        (out / "complete").touch()
    return checkpoint


def score(checkpoint: Path, cache: Path, enlargement: int) -> str:
    """F-measure on the strips with text, and ink on those without, read at a multiple of their size."""
    data = np.load(cache, allow_pickle=False)
    kinds = [record[3] for record in json.loads(str(data["records"]))]
    network = prepare_network(load_generator(checkpoint)[0], select_device("cpu"))
    scores, ink = [], []
    for image, truth, kind in zip(data["images"], data["truths"], kinds, strict=True):
        size = image.shape[1] * enlargement, image.shape[0] * enlargement
        grey = predict_tiled(network, np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)))
        mask = cv2.resize(grey, image.shape[1::-1], interpolation=cv2.INTER_AREA) < 0.5
        if kind == "text":
            scores.append(f_measure(mask, truth))
        else:
            ink.append(mask.mean())
    worst = np.sort(scores)[: max(1, len(scores) // 20)]
    below = np.mean(np.array(scores) < 0.8)
    return f"F {np.mean(scores):.4f}  below .8 {below:.3f}  worst 5 % {worst.mean():.3f}  blank ink {np.mean(ink):.5f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for environments, sets and runs")
    parser.add_argument("strips", type=Path, help="the strips that film.py has stored")
    parser.add_argument("--pairs", type=int, default=10_000, help="lines of each language and other generator")
    parser.add_argument("--steps", type=int, default=6000)
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    against_peers.PEERS.pop("neots")  # it has no masks
    against_peers.install(work)
    data = {tool: ",".join(str(store(tool, lang, options.pairs, work)) for lang in ("en", "zh")) for tool in MASKS}
    for name, refs in (data | OURS).items():
        run = work / f"run-{name.replace(', ', '-').replace(' ', '-')}-{options.steps}"
        checkpoint = train(refs, options.steps, run)
        for enlargement in (1, 2):
            print(f"{name:<24} read at {enlargement} x: {score(checkpoint, options.strips, enlargement)}", flush=True)


if __name__ == "__main__":
    main()
