"""Whether a pair costs the same in a large set as in a small one: time and memory by the number of pairs.

    python benchmarks/growth.py [--sizes 10000 100000 1000000] [--lang en] [--workers 2] [--folder FOLDER]

For each size, in processes of its own: an epoch of `SubtitleStream`, whose batches are thrown away, and `subsynth
render` into FOLDER, which needs 18 kB a pair and is emptied afterwards. Times are wall times, for the stream without
its first batch. Memory is the largest resident set of one process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BATCH = 64


def stream(lang: str, n: int, threads: int) -> float:
    """Seconds of an epoch after its first batch."""
    import dataclasses  # noqa: PLC0415 - this process imports nothing that the other measurement does not need

    from subsynth import preset  # noqa: PLC0415
    from subsynth.stream import SubtitleStream  # noqa: PLC0415

    spec = dataclasses.replace(preset(lang), n=n, n_test=1)
    batches = iter(SubtitleStream(spec, "train", batch_size=BATCH, threads=threads))
    count = len(next(batches)["text"])
    started = time.perf_counter()
    count += sum(len(batch["text"]) for batch in batches)
    assert count == n
    return time.perf_counter() - started


def render(lang: str, n: int, workers: int) -> float:
    """Seconds of `subsynth render` into the current folder, with its start."""
    command = ["render", "--lang", lang, "--n", n, "--n-test", 1, "--workers", workers, "--out", "set"]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "subsynth", *map(str, command)], check=True, capture_output=True)
    return time.perf_counter() - started


MEASUREMENTS = {"stream": stream, "render": render}


def measured(name: str, lang: str, n: int, workers: int, folder: Path | None) -> tuple[float, float]:
    """Seconds, and the largest resident set in MB, of one measurement in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        command = [sys.executable, __file__, "--one", name, lang, str(n), str(workers)]
        output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=scratch).stdout
    seconds, memory = json.loads(output)
    return seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--lang", default="en")
    parser.add_argument("--workers", type=int, default=2, help="threads of the stream, workers of the command")
    parser.add_argument("--folder", type=Path, help="where sets are rendered; the system's temporary folder")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, lang, n, workers = options.one
        seconds = MEASUREMENTS[name](lang, int(n), int(workers))
        usage = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(json.dumps([seconds, max(usage) / 1024]))
        return
    folder = options.folder and options.folder.resolve()
    for name in MEASUREMENTS:
        measured(name, options.lang, 2000, options.workers, folder)  # fills the caches
        for n in options.sizes:
            seconds, memory = measured(name, options.lang, n, options.workers, folder)
            print(
                f"{name:<8}{n:>10,} pairs {seconds:>9.1f} s {n / seconds:>8,.0f} pairs/s {memory:>7,.0f} MB", flush=True
            )


if __name__ == "__main__":
    main()
