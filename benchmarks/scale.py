"""What a large set asks of the one process that directs it: seconds and memory by number of shards, none of them real.

    python benchmarks/scale.py [--shards 1000 10000 100000] [--ray] [--store s3://bucket/scratch]

Empty files stand for shards, with entries beside them as a real run writes them. Measured, in a process of its own
each time: recording (which in a real run is the workers'), finding what is finished (what a resumed run and a merge
begin with), collecting the manifest, and removing the entries; and with --ray the Ray engine over tasks that do
nothing, on a local cluster. Memory is the growth of the process's peak resident set beyond its imports.
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
from pathlib import Path
from typing import Any

from subsynth import Spec
from subsynth.assets import assets
from subsynth.build import merge, ownership, records
from subsynth.build.engines import engine
from subsynth.build.worker import Job
from subsynth.format import shards
from subsynth.storage.addresses import open_storage
from subsynth.storage.paths import DATA, SCRATCH

shards.FILES = 1  # as the largest sets have it: every file of 20,000 rows


def peak() -> float:
    """MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def simulate(count: int, address: str) -> dict[str, float]:
    spec = Spec.from_yaml("{}", "benchmark", n=count * shards.LARGEST * shards.ROWS, n_test=1)
    identity, there = ownership.plan_digest(spec), open_storage(address)
    for split in spec.splits:
        assets.materials(spec, split)
    everything = shards.shards(spec)
    assert len(everything) == count + 3
    found: dict[str, float] = {}
    before = peak()

    def step(name: str, work: Callable[[], Any]) -> None:
        started = time.perf_counter()
        work()
        found[f"{name}, s"] = time.perf_counter() - started
        found[f"{name}, MB more"] = peak() - before

    def record() -> None:
        for shard in everything:
            there.write_text(f"{DATA}/{shard.name}", "")
            digest = hashlib.sha256(shard.name.encode()).hexdigest()
            entry = {"file": f"{DATA}/{shard.name}", "split": shard.split, "rows": shard.stop - shard.start, "bytes": 0}
            records.record(there, identity, entry | {"sha256": digest, "content_sha256": digest, "arrow_bytes": 0})

    def find() -> None:
        left = [s for s, entry in records.finished(there, identity, everything, thorough=False) if entry is None]
        assert not left

    def collect() -> None:
        with there.scratch() as folder:
            lines = folder / "manifest.lines"
            head = merge.collected(there, spec, identity, everything, False, lines)
            assert sum(s["rows"] for s in head["splits"].values()) == spec.total
            found["manifest, MB"] = lines.stat().st_size / 1e6
            lines.unlink()

    step("record", record)
    step("find what is finished", find)
    step("collect the manifest", collect)
    step("remove the entries", lambda: there.remove([f"{SCRATCH}/{name}" for name in there.list_folder(SCRATCH)]))
    return found


def nothing(_job: Job, _shard: shards.Shard, _folder: str) -> None:
    """A task that does nothing."""


def over_ray(count: int) -> dict[str, float]:
    from subsynth.build.engines import ray as by_ray  # noqa: PLC0415

    by_ray._work = nothing
    spec = Spec.from_yaml("{}", "benchmark", n=count * shards.LARGEST * shards.ROWS, n_test=1)
    everything = shards.shards(spec)
    before, started, seen = peak(), time.perf_counter(), 0
    found = {}
    for _ in engine("ray")(Job(spec, "", ""), everything, None, lambda _rows: None):
        seen += 1
        if seen == 1000:
            found["first 1,000 tasks, s"] = time.perf_counter() - started
            found["after them, MB more"] = peak() - before
    assert seen == len(everything)
    return found | {"all tasks, s": time.perf_counter() - started, "after all, MB more": peak() - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--ray", action="store_true", help="also the Ray engine over tasks that do nothing")
    parser.add_argument("--store", help="an address to write to instead of a directory")
    parser.add_argument("--one", choices=["simulate", "ray"], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one == "ray":
        print(json.dumps(over_ray(chosen.shards[0])))
    elif chosen.one:
        print(json.dumps(simulate(chosen.shards[0], chosen.store)))
    else:
        for count in chosen.shards:
            for one in ["simulate", *(["ray"] if chosen.ray else [])]:
                folder = tempfile.mkdtemp()
                where = f"{chosen.store.rstrip('/')}/{count}" if chosen.store else str(Path(folder) / "set")
                command = [sys.executable, __file__, "--one", one, "--shards", str(count), "--store", where]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                shutil.rmtree(folder)
                print(f"{count:,} shards, {one}")
                for name, value in json.loads(done.stdout.splitlines()[-1]).items():
                    print(f"  {name:<32}{value:>10.2f}")


if __name__ == "__main__":
    main()
