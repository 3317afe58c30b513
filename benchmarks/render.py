"""Pairs per second on one core, end to end and without encoding, for both presets.

    python benchmarks/render.py [--n 2500]

Times are CPU seconds of one process, from warm packs, start-up and opening the materials left out.
End to end is plan, render, encode, digest and parquet on disk.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2

from subsynth import pairs, sub_en, sub_zh
from subsynth.planning import plan
from subsynth.shards import Shard, write


def rate(work, n: int) -> float:
    started = time.process_time()
    work()
    return n / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=2500, help="pairs for each figure")
    n = parser.parse_args().n
    cv2.setNumThreads(1)
    print(f"{'pairs/s/core':<14}{'plan only':>12}{'arrays only':>14}{'end to end':>13}{'bytes/pair':>13}")
    for spec in (sub_en(), sub_zh()):
        list(pairs(spec, "train", 0, 50))
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            (out / "data").mkdir()
            shard = Shard("train", 0, 1, 0, n)
            figures = [
                rate(lambda spec=spec: plan(spec, "train", 0, n), n),
                rate(lambda spec=spec: sum(1 for _ in pairs(spec, "train", 0, n)), n),
                rate(
                    lambda spec=spec, shard=shard, out=out: write(spec, shard, out, out, lambda _rows: None),
                    n,
                ),
            ]
            size = (out / "data" / shard.name).stat().st_size / n
        print(f"{spec.lang:<14}{figures[0]:>12,.0f}{figures[1]:>14,.0f}{figures[2]:>13,.0f}{size:>13,.0f}")


if __name__ == "__main__":
    main()
