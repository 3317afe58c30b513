"""How fast subtitle pairs are made: the figures that the README quotes, in one run.

    python benchmarks/render.py                 # a few minutes
    python benchmarks/render.py --full          # and 100,000 Chinese pairs, as `subsynth render` makes them

Rates are pairs a second of one core's CPU time, start-up left out; "to parquet" is plan, render, encode,
digest and write. Languages and figures take turns over several rounds; medians are given with the
slowest and the fastest round. Workers and the full run are wall time, start-up included.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa

from subsynth import Spec, pairs, render, sub_en, sub_zh
from subsynth.assets.assets import MANY, prepare
from subsynth.core.pixels import ground_truth
from subsynth.format import png, schema
from subsynth.format.content_digest import Content
from subsynth.format.shards import GROUP, Shard, write
from subsynth.kernels import compilation
from subsynth.planning.planner import decide, recipes

SPECS = {"en": sub_en(), "zh": sub_zh()}


def cpu(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def spread(rates: Iterable[float]) -> str:
    some = sorted(rates)
    return f"{statistics.median(some):>8,.0f} ({some[0]:,.0f} to {some[-1]:,.0f})"


def machine() -> None:
    names = ("subsynth", "numpy", "numba", "opencv-python-headless", "pyarrow", "uharfbuzz")
    print("  ".join(f"{n} {importlib.metadata.version(n)}" for n in names))
    model = next((line.split(":")[1].strip() for line in lines("/proc/cpuinfo") if "model name" in line), "")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores {model}, load {os.getloadavg()[0]:.2f}")
    print(f"kernels: {compilation.description()}; PNG: {png.ENCODER}\n")


def lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def rates(n: int, rounds: int) -> None:
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        (out := Path(folder)).joinpath("data").mkdir()
        for turn in range(rounds + 1):
            start = turn * n
            for lang, spec in SPECS.items():
                shard = Shard("train", 0, 1, start, start + n)
                works = {
                    "plan": lambda spec=spec, start=start: decide(spec, "train", start, start + n),
                    "arrays": lambda spec=spec, start=start: sum(1 for _ in pairs(spec, "train", start, start + n)),
                    "to parquet": lambda spec=spec, shard=shard: write(spec, shard, out, out, lambda _rows: None),
                }
                for name, work in works.items():
                    took = cpu(work)
                    if turn:  # the first round warms caches
                        found.setdefault((lang, name), []).append(n / took)
        size = (out / "data" / shard.name).stat().st_size / n
    print(f"pairs/s/core, {rounds} rounds of {n:,}; {size / 1e3:.1f} kB a pair (zh)")
    for (lang, name), some in found.items():
        print(f"  {lang}  {name:<12}{spread(some)}")


def stages(spec: Spec, rounds: int) -> dict[str, float]:
    """Microseconds a pair of each stage, the best of some rounds."""
    decided = decide(spec, "train", 0, GROUP)
    rows = recipes(spec, "train", decided)
    whole = [render(r) for r in rows]
    works: dict[str, Callable[[], Any]] = {"decide": lambda: decide(spec, "train", 0, GROUP)}
    works["recipes"] = lambda: recipes(spec, "train", decided)
    if compilation.enabled():
        works |= drawing(rows)
    files = [png.encode_color(p.image) for p in whole], [png.encode_binary(p.ground_truth) for p in whole]
    table = schema.table(decided, [p.contrast for p in whole], *files)
    content = Content()
    works |= {
        "render, all of it": lambda: [render(r) for r in rows],
        "png image": lambda: [png.encode_color(p.image) for p in whole],
        "png truth": lambda: [png.encode_binary(p.ground_truth) for p in whole],
        "digest": lambda: [[content.pixels(p.image, p.ground_truth) for p in whole], content.columns(table)],
        "arrow": lambda: schema.table(decided, [p.contrast for p in whole], *files),
    }
    return {name: min(cpu(work) for _ in range(rounds)) / GROUP * 1e6 for name, work in works.items()}


def drawing(rows: list[Any]) -> dict[str, Callable[[], Any]]:
    from subsynth.rendering import numba_backend  # noqa: PLC0415 - only where numba is

    glyph_coverage = [numba_backend.glyph_coverage(r) for r in rows]
    composed = [numba_backend.composed(r, *one) for r, one in zip(rows, glyph_coverage, strict=True)]
    degraded = [numba_backend.degraded(r, planes.copy()) for r, planes in zip(rows, composed, strict=True)]
    return {
        "  letters": lambda: [numba_backend.glyph_coverage(r) for r in rows],
        "  layers": lambda: [numba_backend.composed(r, *one) for r, one in zip(rows, glyph_coverage, strict=True)],
        "  resample, blur, noise": lambda: [
            numba_backend.degraded(r, p.copy()) for r, p in zip(rows, composed, strict=True)
        ],
        "  jpeg": lambda: [numba_backend.coded(r, image) for r, image in zip(rows, degraded, strict=True)],
        "  truth": lambda: [ground_truth(one[0]) for one in glyph_coverage],
    }


def staged(rounds: int) -> None:
    both = [stages(spec, rounds) for spec in SPECS.values()]
    print(f"\nmicroseconds a pair, best of {rounds}{'en':>10}{'zh':>8}")
    for name in both[0]:
        print(f"  {name:<28}" + "".join(f"{stage[name]:>8.1f}" for stage in both))


def workers(n: int, rounds: int) -> None:
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count, walls in found.items():
            walls.append(command(n, count)[0])
    one, two = (statistics.median(walls) for walls in found.values())
    print(f"\n{n:,} zh pairs: one worker {one:.1f} s, two {two:.1f} s: {one / two:.2f} times")


def command(n: int, count: int) -> tuple[float, str]:
    """Run the command line -> wall seconds, and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        parts = ["render", "--lang", "zh", "--n", n, "--out", f"{folder}/set", "--workers", count]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "subsynth", *map(str, parts)], check=True, capture_output=True, text=True
        )
        return time.perf_counter() - started, done.stdout.strip().replace(folder, "...")


def cold() -> None:
    """The first pair of a process with an empty cache."""
    code = "import time; t = time.perf_counter(); from subsynth import pairs, sub_{0}; "
    code += "next(pairs(sub_{0}(), 'train', 0, 1)); print(time.perf_counter() - t)"
    for lang in SPECS:
        walls = []
        for _ in range(5):
            with tempfile.TemporaryDirectory() as folder:
                env = os.environ | {"SUBSYNTH_CACHE": folder}
                done = subprocess.run(
                    [sys.executable, "-c", code.format(lang)], check=True, capture_output=True, text=True, env=env
                )
                walls.append(float(done.stdout))
        print(f"first {lang} pair with an empty cache: {statistics.median(walls):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1000, help="pairs a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--full", action="store_true", help="also render 100,000 Chinese pairs with two workers")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    for spec in SPECS.values():
        prepare(spec, MANY)
    machine()
    rates(chosen.n, chosen.rounds)
    staged(chosen.rounds)
    print()
    cold()
    workers(10 * chosen.n, 3)
    if chosen.full:
        wall, said = command(100_000, 2)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"\n{said}\n{wall:.1f} s from start to end; the largest process had {peak:,.0f} MB resident")


if __name__ == "__main__":
    main()
