"""Training without a disk against training from one: samples a second, with the same DataLoader workers.

    python benchmarks/stream.py [--n 20000] [--workers 2] [--rounds 3]

Four ways to the same tensors, batches of 64, workers that live on: rendered by SubtitleStream; rendered by
`iterable`; and decoded from parquet that was rendered before, as `load_dataset(...)` gives it (Pillow), and with
OpenCV (what a careful reader of the same files would write). Files are in the page cache. The first epoch includes the
start of the workers; of the others, the ways take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import datasets
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import subsynth
from subsynth.stream import SubtitleStream, iterable


class Decoded(Dataset[Any]):
    """Rows of a directory decoded by OpenCV."""

    def __init__(self, rows: Any):
        self.rows = rows.cast_column("image", datasets.Image(decode=False)).cast_column(
            "ground_truth", datasets.Image(decode=False)
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> dict[str, Any]:
        cv2.setNumThreads(1)
        row = self.rows[at]
        image = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_COLOR_RGB)
        truth = cv2.imdecode(np.frombuffer(row["ground_truth"]["bytes"], np.uint8), cv2.IMREAD_GRAYSCALE)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "ground_truth": torch.from_numpy(truth[None]),
            "text": row["text"],
        }


def ways(spec: subsynth.Spec, folder: Path, workers: int) -> dict[str, Callable[[], DataLoader[Any]]]:
    rows = datasets.load_dataset(str(folder), split="train").select_columns(["image", "ground_truth", "text"])
    options: dict[str, Any] = {"batch_size": 64, "num_workers": workers, "persistent_workers": True}
    return {
        "SubtitleStream": lambda: DataLoader(SubtitleStream(spec, "train"), **options),
        "iterable": lambda: DataLoader(iterable(spec, "train"), **options),
        "parquet, datasets and Pillow": lambda: DataLoader(rows.with_format("torch"), **options),
        "parquet, OpenCV": lambda: DataLoader(Decoded(rows), **options),
    }


def epoch(loader: DataLoader[Any], n: int) -> float:
    """Samples a second, from the first batch to the last."""
    started = time.perf_counter()
    seen = sum(len(batch["image"]) for batch in loader)
    assert seen == n, f"{seen} samples, not {n}"
    return n / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    datasets.disable_progress_bars()
    for lang in ("en", "zh"):
        spec = subsynth.Spec.from_yaml("{}", "benchmark", lang=lang, n=chosen.n, n_test=10)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HF_DATASETS_CACHE"] = folder
            out = Path(folder) / "set"
            flags = ["--lang", lang, "--n", str(chosen.n), "--n-test", "10", "--out", str(out)]
            subprocess.run([sys.executable, "-m", "subsynth", "render", *flags], check=True, stdout=subprocess.DEVNULL)
            found = ways(spec, out, chosen.workers)
            loaders = {name: make() for name, make in found.items()}
            first = {name: epoch(loader, chosen.n) for name, loader in loaders.items()}
            later: dict[str, list[float]] = {name: [] for name in loaders}
            for _ in range(chosen.rounds):
                for name, loader in loaders.items():
                    later[name].append(epoch(loader, chosen.n))
        print(f"\n{lang}: {chosen.n:,} samples an epoch, {chosen.workers} workers, samples/s")
        print(f"  {'':<30}{'first epoch':>12}{f'median of {chosen.rounds} more':>18}{'to parquet by Pillow':>24}")
        base = statistics.median(later["parquet, datasets and Pillow"])
        for name, some in later.items():
            rate = statistics.median(some)
            print(f"  {name:<30}{first[name]:>12,.0f}{rate:>18,.0f}{rate / base:>23.2f}x")


if __name__ == "__main__":
    main()
