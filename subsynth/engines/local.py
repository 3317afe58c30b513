"""The local engine: shards over processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa

from subsynth import shards
from subsynth.errors import WorkerError
from subsynth.materials import materials
from subsynth.shards import Shard
from subsynth.spec import Spec

DEATHS = 3  # a worker may die (killed, out of memory) so often before the run gives up

Entry = dict[str, Any]
_split = ""  # in a worker: the split whose material is open
_counter: Any = None  # in a worker: the shared count of rendered rows


def run(
    spec: Spec, todo: Sequence[Shard], out: Path, scratch: Path, workers: int, tick: Callable[[int], None]
) -> Iterator[Entry]:
    """Render shards, each once, in any order; yields each one's entry when it is in its place.

    Raises SubsynthError as the shards do, and WorkerError when workers keep dying.
    """
    if workers == 1 or len(todo) <= 1:
        for shard in todo:
            yield shards.write(spec, shard, out, scratch, tick)
        return
    left = list(todo)
    for death in range(DEATHS + 1):
        try:
            for shard, entry in _pool(spec, left, out, scratch, workers, tick):
                left.remove(shard)
                yield entry
            return
        except BrokenProcessPool as error:
            if death == DEATHS:
                raise WorkerError(
                    f"workers died {DEATHS + 1} times (killed, or out of memory?) with {len(left)} shards to go; "
                    "run the same command again, with fewer --workers"
                ) from error


def _pool(
    spec: Spec, todo: Sequence[Shard], out: Path, scratch: Path, workers: int, tick: Callable[[int], None]
) -> Iterator[tuple[Shard, Entry]]:
    context = multiprocessing.get_context("spawn")
    rows = context.Value("Q", 0)
    pool = ProcessPoolExecutor(min(workers, len(todo)), context, _start, (rows, os.getpid()))
    told = 0
    try:
        waiting: dict[Future[Entry], Shard] = {pool.submit(_work, spec, s, out, scratch): s for s in todo}
        while waiting:
            done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            now = rows.value
            tick(now - told)
            told = now
            for future in done:
                yield waiting.pop(future), future.result()
    finally:
        # Workers hold nothing that must be saved: an unfinished shard is a temporary file.
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _start(rows: Any, parent: int) -> None:
    """Make this process a worker: deaf to Ctrl-C (the parent decides), single-threaded, not outliving its parent."""
    global _counter  # noqa: PLW0603 - the one way to hand a shared value to a pool's workers
    _counter = rows
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    pa.set_memory_pool(pa.system_memory_pool())  # gives back what a shard needed; the default pool keeps it
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(spec: Spec, shard: Shard, out: Path, scratch: Path) -> Entry:
    global _split  # noqa: PLW0603 - what this process has open
    if shard.split != _split:  # splits come one after the other: no need to hold the material of two
        materials.cache_clear()
        _split = shard.split

    def tick(rows: int) -> None:
        with _counter.get_lock():
            _counter.value += rows

    return shards.write(spec, shard, out, scratch, tick)
