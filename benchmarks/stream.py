"""Training without a disk against training from one: samples per second, with the same DataLoader workers.

    python benchmarks/stream.py [--n 20000] [--workers 2] [--rounds 3]

Five sources of the same tensors, in batches of 64 with persistent workers: rendered by SubtitleStream; rendered by its
threads, as many as workers; rendered by `iterable`; and decoded from parquet files that were rendered before, by
`load_dataset(...)` with Pillow, and by a loader that uses OpenCV. Files are in the page cache. The first epoch includes
the start of the workers; in later ones the sources alternate.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
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
    """The rows of a data set, decoded by OpenCV."""

    def __init__(self, rows: Any):
        self.rows = rows.cast_column("image", datasets.Image(decode=False)).cast_column(
            "ground_truth", datasets.Image(decode=False)
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        cv2.setNumThreads(1)
        row = self.rows[index]
        image = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_COLOR_RGB)
        truth = cv2.imdecode(np.frombuffer(row["ground_truth"]["bytes"], np.uint8), cv2.IMREAD_GRAYSCALE)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "ground_truth": torch.from_numpy(truth[None]),
            "text": row["text"],
        }


def make_loaders(spec: subsynth.Spec, folder: Path, workers: int) -> dict[str, DataLoader[Any]]:
    rows = datasets.load_dataset(str(folder), split="train").select_columns(["image", "ground_truth", "text"])
    options: dict[str, Any] = {"batch_size": 64, "num_workers": workers, "persistent_workers": True}
    return {
        "SubtitleStream": DataLoader(SubtitleStream(spec, "train"), **options),
        "SubtitleStream, batches": DataLoader(
            SubtitleStream(spec, "train", batch_size=64, threads=workers), batch_size=None
        ),
        "iterable": DataLoader(iterable(spec, "train"), **options),
        "parquet, datasets and Pillow": DataLoader(rows.with_format("torch"), **options),
        "parquet, OpenCV": DataLoader(Decoded(rows), **options),
    }


def epoch_rate(loader: DataLoader[Any], n: int) -> float:
    """Samples per second, from the first batch to the last."""
    started = time.perf_counter()
    count = sum(len(batch["image"]) for batch in loader)
    assert count == n, f"{count} samples, not {n}"
    return n / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    datasets.disable_progress_bars()
    for lang in ("en", "zh"):
        spec = subsynth.Spec.from_yaml("{}", "benchmark", lang=lang, n=options.n, n_test=10)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HF_DATASETS_CACHE"] = folder
            out = Path(folder) / "set"
            flags = ["--lang", lang, "--n", str(options.n), "--n-test", "10", "--out", str(out)]
            subprocess.run([sys.executable, "-m", "subsynth", "render", *flags], check=True, stdout=subprocess.DEVNULL)
            loaders = make_loaders(spec, out, options.workers)
            first = {name: epoch_rate(loader, options.n) for name, loader in loaders.items()}
            later: dict[str, list[float]] = {name: [] for name in loaders}
            for _ in range(options.rounds):
                for name, loader in loaders.items():
                    later[name].append(epoch_rate(loader, options.n))
        print(f"\n{lang}: {options.n:,} samples per epoch, {options.workers} workers, samples/s")
        print(f"  {'':<30}{'first epoch':>12}{f'median of {options.rounds} more':>18}{'relative to Pillow':>24}")
        base = statistics.median(later["parquet, datasets and Pillow"])
        for name, rates in later.items():
            rate = statistics.median(rates)
            print(f"  {name:<30}{first[name]:>12,.0f}{rate:>18,.0f}{rate / base:>23.2f}x")


if __name__ == "__main__":
    main()
