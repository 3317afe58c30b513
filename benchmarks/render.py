"""How fast subtitle pairs are rendered: the figures that the documentation quotes, in one run.

    python benchmarks/render.py                   # a few minutes
    python benchmarks/render.py --full            # and 100,000 Chinese pairs, as `subsynth render` writes them
    python benchmarks/render.py --against PATH    # only: this checkout against another one, round by round

Rates are pairs per second of one core's CPU time, without start-up; "to parquet" is plan, render, encode, digest and
write. Languages and figures alternate over several rounds; the median is given, with the slowest and the fastest round.
Times of workers and of the full run are wall time with start-up.

`--against` starts one process for each checkout, with kernels and a cache of its own that is kept for the next time.
Both render the same samples with `pairs`, in alternating order, and have to return the same pixels.
"""

from __future__ import annotations

import argparse
import hashlib
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

from subsynth import Recipe, Spec, film_en, film_zh, pairs, sub_en, sub_zh
from subsynth.assets.assets import Assets
from subsynth.assets.preparation import COMPILE_FROM, prepare
from subsynth.core.cache import cache_folder
from subsynth.core.pixels import U8, ground_truth
from subsynth.format import png, schema
from subsynth.format.content_digest import ContentDigest
from subsynth.format.shard_list import DEFAULT_LAYOUT, Shard
from subsynth.format.shards import encode, write_shard
from subsynth.kernels import compilation
from subsynth.planning import layout
from subsynth.planning.planner import plan_columns, recipes_of
from subsynth.rendering.params import RenderParams
from subsynth.rendering.render import Renderer

ROOT = Path(__file__).resolve().parents[1]
SPECS = {spec.name: spec for spec in (sub_en(), sub_zh(), film_en(), film_zh())}
OLDEST = ("sub_en", "sub_zh")  # every checkout has these
ROWS = DEFAULT_LAYOUT.row_group  # samples that the stages are measured on
WARM_UP = 300  # samples, from which fonts and pictures are packed

Work = Callable[[], Any]


def cpu_seconds(work: Work) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def spread(values: Iterable[float], digits: int = 0) -> str:
    """The median, and the smallest and the largest value in brackets."""
    ordered = sorted(values)
    low, high = (f"{value:,.{digits}f}" for value in (ordered[0], ordered[-1]))
    return f"{statistics.median(ordered):>8,.{digits}f} ({low} to {high})"


def print_machine() -> None:
    names = ("subsynth", "numpy", "numba", "opencv-python-headless", "pyarrow", "uharfbuzz")
    print("  ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores {model}, load {os.getloadavg()[0]:.2f}")
    print(f"kernels: {compilation.description()}; PNG: {png.ENCODER}\n")


def measure_rates(renderers: dict[str, Renderer], n: int, rounds: int) -> None:
    """Pairs per second of planning alone, as arrays, and to parquet; the first round only warms caches."""
    rates: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            start, stop = number * n, (number + 1) * n
            for set_name, renderer in renderers.items():
                shard = Shard("train", 0, 1, start, stop)
                works: dict[str, Work] = {
                    "plan": lambda r=renderer, a=start, b=stop: recipes_of(r.assets, plan_columns(r.assets, a, b)),
                    "arrays": lambda spec=SPECS[set_name], a=start, b=stop: sum(1 for _ in pairs(spec, "train", a, b)),
                    "to parquet": lambda r=renderer, s=shard: write_shard(r, s, Path(folder)),
                }
                for name, work in works.items():
                    seconds = cpu_seconds(work)
                    if number:
                        rates.setdefault((set_name, name), []).append(n / seconds)
        path, _ = write_shard(renderers["sub_zh"], shard, Path(folder))
        size = path.stat().st_size / n
    print(f"pairs/s/core, {rounds} rounds of {n:,}; {size / 1e3:.1f} kB per pair (sub_zh)")
    for (set_name, name), values in rates.items():
        print(f"  {set_name:<8}{name:<12}{spread(values)}")


def measure_stages(renderer: Renderer, rounds: int) -> dict[str, float]:
    """Microseconds per pair of each stage, the best of several rounds."""
    assets = renderer.assets
    columns = plan_columns(assets, 0, ROWS)
    recipes = recipes_of(assets, columns)
    samples = [renderer.render(recipe) for recipe in recipes]
    names = schema.columns_of(assets.spec)
    images = [name for name in names if name in schema.IMAGES]
    masks = [name for name in images if name != "image"]
    measured = schema.Measured(
        [pair.contrast for pair in samples],
        {name: [encode(pair, name, "png") for pair in samples] for name in images},
        {name: [getattr(pair, name) for pair in samples] for name in names if name.endswith("_boxes")},
    )
    table = schema.arrow_table(names, columns, measured)
    digest = ContentDigest(names)
    works: dict[str, Work] = {
        "plan_columns": lambda: plan_columns(assets, 0, ROWS),
        "recipes_of": lambda: recipes_of(assets, columns),
        "render, all of it": lambda: [renderer.render(recipe) for recipe in recipes],
        **drawing_stages(renderer, recipes),
        "png image": lambda: [png.encode_color(pair.image) for pair in samples],
        "png masks": lambda: [encode(pair, name, "png") for pair in samples for name in masks],
        "digest of pixels": lambda: [digest.add_pixels(*(getattr(pair, name) for name in images)) for pair in samples],
        "digest of columns": lambda: digest.add_columns(table),
        "arrow table": lambda: schema.arrow_table(names, columns, measured),
    }
    return {name: min(cpu_seconds(work) for _ in range(rounds)) / ROWS * 1e6 for name, work in works.items()}


def drawing_stages(renderer: Renderer, recipes: list[Recipe]) -> dict[str, Work]:
    """The parts of `Renderer.render`: the parameters, and each method of the backend on the output of the last."""
    recipes = [recipe for recipe in recipes if recipe.text]
    backend, assets = renderer.backend, renderer.assets
    params = [RenderParams.decode(recipe) for recipe in recipes]
    glyphs = [assets.face(recipe.font) for recipe in recipes]
    lines = [
        layout.join_lines(layout.set_lines(g, r.text, p.shear, p.line_dx, p.line_dy))
        for g, r, p in zip(glyphs, recipes, params, strict=True)
    ]
    levels = [assets.scene(recipe.background).levels[recipe.background_level] for recipe in recipes]
    coverages = [renderer.coverage(recipe) for recipe in recipes]
    inks = [
        layout.pixel_bounds(layout.ink_box(line, p.size, p.embolden), p.x, p.y)
        for line, p in zip(lines, params, strict=True)
    ]
    backgrounds = [backend.background(level, p) for level, p in zip(levels, params, strict=True)]

    def compose() -> list[U8]:
        stages = zip(backgrounds, coverages, inks, params, strict=True)
        return [backend.compose(planes.copy(), coverage, ink, p, None) for planes, coverage, ink, p in stages]

    composed = compose()
    return {
        "  parameters": lambda: [RenderParams.decode(recipe) for recipe in recipes],
        "  coverage": lambda: [backend.coverage(*one) for one in zip(glyphs, lines, params, strict=True)],
        "  background": lambda: [backend.background(level, p) for level, p in zip(levels, params, strict=True)],
        "  compose": compose,
        "  surrounding_light": lambda: [
            backend.surrounding_light(planes, coverage)
            for planes, coverage in zip(composed, coverages, strict=True)
        ],
        "  degrade": lambda: [backend.degrade(planes.copy(), p) for planes, p in zip(composed, params, strict=True)],
        "  ground truth": lambda: [ground_truth(coverage) for coverage in coverages],
    }  # fmt: skip


def print_stages(renderers: dict[str, Renderer], rounds: int) -> None:
    by_set = [measure_stages(renderer, rounds) for renderer in renderers.values()]
    print(f"\nmicroseconds per pair, best of {rounds:<6}" + "".join(f"{name:>9}" for name in renderers))
    for name in by_set[0]:
        print(f"  {name:<28}" + "".join(f"{stages[name]:>9.1f}" for stages in by_set))


def measure_workers(n: int, rounds: int) -> None:
    walls: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, seconds in walls.items():
            seconds.append(render_command(n, workers)[0])
    one, two = (statistics.median(seconds) for seconds in walls.values())
    print(f"\n{n:,} zh pairs: one worker {one:.1f} s, two {two:.1f} s: {one / two:.2f} times")


def render_command(n: int, workers: int) -> tuple[float, str]:
    """Run `subsynth render` -> wall seconds, and its output."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--lang", "zh", "--n", str(n), "--out", f"{folder}/set", "--workers", str(workers)]
        started = time.perf_counter()
        process = subprocess.run(
            [sys.executable, "-m", "subsynth", "render", *options], check=True, capture_output=True, text=True
        )
        return time.perf_counter() - started, process.stdout.strip().replace(folder, "...")


def measure_cold_start(rounds: int) -> None:
    """The first pair of a process with an empty cache."""
    code = "import time; t = time.perf_counter(); from subsynth import pairs, {0}; "
    code += "next(pairs({0}(), 'train', 0, 1)); print(time.perf_counter() - t)"
    for name in SPECS:
        walls = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                env = os.environ | {"SUBSYNTH_CACHE": folder}
                command = [sys.executable, "-c", code.format(name)]
                process = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
                walls.append(float(process.stdout))
        print(f"first {name} pair with an empty cache: {statistics.median(walls):.2f} s")


# Reads "name start stop" line by line; answers CPU seconds and a digest of the pixels, which is not part of the time.
CHILD = """
import hashlib, sys, time
import cv2, subsynth
from subsynth import pairs, sub_en, sub_zh
cv2.setNumThreads(1)
specs = {"sub_en": sub_en(), "sub_zh": sub_zh()}
print(subsynth.__file__, flush=True)
for line in sys.stdin:
    name, start, stop = line.split()
    started = time.process_time()
    samples = [pair for pair in pairs(specs[name], "train", int(start), int(stop))]
    seconds = time.process_time() - started
    digest = hashlib.sha256()
    for pair in samples:
        digest.update(pair.image.tobytes() + pair.ground_truth.tobytes())
    print(seconds, digest.hexdigest(), flush=True)
"""


class Checkout:
    """A process that renders with the subsynth of one checkout, by its public functions alone."""

    def __init__(self, root: Path):
        self.root = root.resolve()
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        cache = cache_folder().with_name("subsynth-benchmark") / name
        env = os.environ | {"PYTHONPATH": str(self.root), "SUBSYNTH_CACHE": str(cache), "SUBSYNTH_KERNELS": "numba"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD], cwd=self.root, env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        imported = Path(self.read_line()).resolve()
        if not imported.is_relative_to(self.root):
            raise SystemExit(f"{self.root}: imported {imported} instead; name the root of a checkout")

    def read_line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"{self.root}: the process ended with code {self.process.wait()} (above)")
        return line

    def render(self, name: str, start: int, stop: int) -> tuple[float, str]:
        """CPU seconds, and the digest of the pixels."""
        assert self.process.stdin is not None
        print(name, start, stop, file=self.process.stdin, flush=True)
        seconds, digest = self.read_line().split()
        return float(seconds), digest

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def compare(other_root: Path, n: int, rounds: int) -> None:
    """This checkout against another: a ratio above 1 means that this one is faster."""
    this, other = checkouts = [Checkout(ROOT), Checkout(other_root)]
    print(f"this checkout against {other.root}: arrays, pairs/s/core, {rounds} rounds of {n:,}")
    for name in OLDEST:
        rates: list[tuple[float, float]] = []
        differences = 0
        for number in range(rounds + 1):
            start, stop = (WARM_UP + (number - 1) * n, WARM_UP + number * n) if number else (0, WARM_UP)
            order = checkouts if number % 2 else checkouts[::-1]
            results = {checkout: checkout.render(name, start, stop) for checkout in order}
            differences += results[this][1] != results[other][1]
            if number:
                rates.append((n / results[this][0], n / results[other][0]))
        ratios = [mine / theirs for mine, theirs in rates]
        print(f"  {name}  this {spread(r for r, _ in rates)}  other {spread(r for _, r in rates)}")
        print(f"      ratio {spread(ratios, 3)}; pixels {'DIFFER' if differences else 'equal'}")
    for checkout in checkouts:
        checkout.close()


def open_renderer(spec: Spec) -> Renderer:
    prepare(spec, COMPILE_FROM)
    return Renderer(Assets.open(spec, "train"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1000, help="pairs per round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--full", action="store_true", help="also render 100,000 Chinese pairs with two workers")
    parser.add_argument("--against", type=Path, metavar="PATH", help="only compare with the checkout in this folder")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    if options.against:
        compare(options.against, options.n, options.rounds)
        return
    renderers = {name: open_renderer(spec) for name, spec in SPECS.items()}
    print_machine()
    measure_rates(renderers, options.n, options.rounds)
    print_stages(renderers, options.rounds)
    print()
    measure_cold_start(min(5, options.rounds))
    measure_workers(10 * options.n, min(3, options.rounds))
    if options.full:
        wall, output = render_command(100_000, 2)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"\n{output}\n{wall:.1f} s from start to end; the largest process had {peak:,.0f} MB resident")


if __name__ == "__main__":
    main()
