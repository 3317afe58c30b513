"""The cost of a large data set for the one process that directs it: seconds and memory by the number of shards.

    python benchmarks/scale.py [--shards 1000 10000 100000] [--ray] [--store s3://bucket/scratch]

Empty files stand in for shards, with records as a real run writes them. Each number of shards is measured in its own
process: writing the records (done by the workers in a real run), finding the finished shards (the first step of a
resumed run and of a merge), summing them up for the manifest, and removing the records; with --ray also the Ray
engine with tasks that do nothing, on a local cluster. Memory is the growth of the peak resident set after imports.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from subsynth import Spec
from subsynth.assets.assets import Assets
from subsynth.build.engines import ray as ray_engine
from subsynth.build.merge import sum_records
from subsynth.build.ownership import plan_digest
from subsynth.build.records import finished_shards, write_record
from subsynth.build.worker import RenderJob
from subsynth.core.progress import NoProgress
from subsynth.format.manifest import ShardRecord
from subsynth.format.shard_list import Shard, ShardLayout, ShardList, list_shards
from subsynth.storage.addresses import open_storage
from subsynth.storage.base import Storage
from subsynth.storage.paths import SCRATCH

LAYOUT = ShardLayout(max_shards=1)  # as in the largest data sets: every shard has the most rows, 20,000
ROWS = LAYOUT.rows * LAYOUT.max_factor


def peak_memory() -> float:
    """MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def spec_of(shards: int) -> Spec:
    """A spec whose train split has this many shards."""
    return Spec.from_yaml("{}", "benchmark", n=shards * ROWS, n_test=1)


def measure_steps(count: int, address: str) -> dict[str, float]:
    spec, storage = spec_of(count), open_storage(address)
    plan_sha256, shards = plan_digest(spec), list_shards(spec, LAYOUT)
    lines_dropped = {split: Assets.open(spec, split).lines_dropped for split in spec.splits}
    assert len(shards) == count + 3
    results: dict[str, float] = {}
    before = peak_memory()

    def measure(name: str, step: Callable[[], object]) -> None:
        started = time.perf_counter()
        step()
        results[f"{name}, s"] = time.perf_counter() - started
        results[f"{name}, MB more"] = peak_memory() - before

    def sum_up() -> None:
        finished = finished_shards(storage, plan_sha256, shards, thorough=False)
        with storage.scratch() as folder:
            lines = folder / "manifest.lines"
            manifest = sum_records(storage.name, spec, plan_sha256, shards, finished, lines_dropped, lines)
            assert manifest.total_rows == spec.total
            results["manifest, MB"] = lines.stat().st_size / 1e6
            lines.unlink()

    measure("write records", partial(write_records, storage, plan_sha256, shards))
    measure("find finished shards", lambda: check_finished(storage, plan_sha256, shards))
    measure("sum up", sum_up)
    measure("remove records", lambda: storage.remove([f"{SCRATCH}/{name}" for name in storage.list_folder(SCRATCH)]))
    return results


def write_records(storage: Storage, plan_sha256: str, shards: ShardList) -> None:
    for shard in shards:
        storage.write_text(shard.path, "")
        digest = hashlib.sha256(shard.name.encode()).hexdigest()
        record = ShardRecord(shard.path, shard.split, shard.rows, 0, digest, digest, 0)
        write_record(storage, plan_sha256, record)


def check_finished(storage: Storage, plan_sha256: str, shards: ShardList) -> None:
    assert sum(1 for _ in finished_shards(storage, plan_sha256, shards, thorough=False)) == len(shards)


def no_task(_job: RenderJob, _shard: Shard, _folder: str) -> None:
    """A task that does nothing."""


def measure_ray(count: int) -> dict[str, float]:
    spec = spec_of(count)
    shards = list_shards(spec, LAYOUT)
    before, started, finished = peak_memory(), time.perf_counter(), 0
    results = {}
    for _ in ray_engine.run(RenderJob(spec, "", "", LAYOUT.row_group), shards, None, NoProgress(), no_task):
        finished += 1
        if finished == 1000:
            results["first 1,000 tasks, s"] = time.perf_counter() - started
            results["after them, MB more"] = peak_memory() - before
    assert finished == len(shards)
    return results | {"all tasks, s": time.perf_counter() - started, "after all, MB more": peak_memory() - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--ray", action="store_true", help="also measure the Ray engine with tasks that do nothing")
    parser.add_argument("--store", help="address to write to instead of a temporary directory")
    parser.add_argument("--only", choices=["steps", "ray"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only == "ray":
        print(json.dumps(measure_ray(options.shards[0])))
    elif options.only:
        print(json.dumps(measure_steps(options.shards[0], options.store)))
    else:
        for count in options.shards:
            for part in ["steps", *(["ray"] if options.ray else [])]:
                print_part(count, part, options.store)


def print_part(count: int, part: str, store: str | None) -> None:
    """Measure in a process of its own, and print the results."""
    folder = tempfile.mkdtemp()
    address = f"{store.rstrip('/')}/{count}" if store else str(Path(folder) / "set")
    command = [sys.executable, __file__, "--only", part, "--shards", str(count), "--store", address]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    shutil.rmtree(folder)
    print(f"{count:,} shards, {part}")
    for name, value in json.loads(result.stdout.splitlines()[-1]).items():
        print(f"  {name:<32}{value:>10.2f}")


if __name__ == "__main__":
    main()
