"""The local engine: tasks over processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from subsynth.build import worker
from subsynth.core.errors import WorkerError
from subsynth.core.processors import available_cores
from subsynth.format.shards import Shard
from subsynth.build.worker import Job

DEATHS = 3  # a worker may die (killed, out of memory) so often before the run gives up
AHEAD = 4  # tasks a worker has waiting

_counter: Any = None  # in a worker: the shared count of rendered rows


def run(job: Job, todo: Sequence[Shard], workers: int | None, tick: Callable[[int], None]) -> Iterator[Shard]:
    """Perform tasks, each once, in any order; yields each shard when it is in its place.

    Raises SubsynthError as tasks do, and WorkerError when workers keep dying.
    """
    workers = workers or available_cores()
    if workers == 1 or len(todo) <= 1:
        for shard in todo:
            worker.perform(job, shard, tick)
            yield shard
        return
    left = dict.fromkeys(todo)
    for death in range(DEATHS + 1):
        try:
            for shard in _pool(job, list(left), workers, tick):
                del left[shard]
                yield shard
            return
        except BrokenProcessPool as error:
            if death == DEATHS:
                raise WorkerError(
                    f"workers died {DEATHS + 1} times (killed, or out of memory?) with {len(left)} shards to go; "
                    "run the same command again, with fewer --workers"
                ) from error


def _pool(job: Job, todo: list[Shard], workers: int, tick: Callable[[int], None]) -> Iterator[Shard]:
    context = multiprocessing.get_context("spawn")
    rows = context.Value("Q", 0)
    workers = min(workers, len(todo))
    pool = ProcessPoolExecutor(workers, context, _start, (rows, os.getpid()))
    told = 0
    coming = iter(todo)
    try:
        waiting: dict[Future[None], Shard] = {}
        while True:
            for shard in islice(coming, workers * AHEAD - len(waiting)):
                waiting[pool.submit(_work, job, shard)] = shard
            if not waiting:
                return
            done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            now = rows.value
            tick(now - told)
            told = now
            for future in done:
                future.result()
                yield waiting.pop(future)
    finally:
        # Workers hold nothing that must be saved: an unfinished shard is a temporary file.
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _start(rows: Any, parent: int) -> None:
    """Make this process a worker: deaf to Ctrl-C (the parent decides), and not outliving its parent."""
    global _counter  # noqa: PLW0603 - the one way to hand a shared value to a pool's workers
    _counter = rows
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker.alone()
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(job: Job, shard: Shard) -> None:
    def tick(rows: int) -> None:
        with _counter.get_lock():
            _counter.value += rows

    worker.turn_to(shard.split)
    worker.perform(job, shard, tick)
