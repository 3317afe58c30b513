"""The local engine: shards are rendered by processes of this machine."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from subsynth.assets.assets import shared_assets
from subsynth.build.worker import RenderJob, Worker, limit_threads, process_worker
from subsynth.core.errors import WorkerError
from subsynth.core.processors import available_cores
from subsynth.core.progress import NoProgress, Progress
from subsynth.core.worker_processes import become_worker, submit
from subsynth.format.shard_list import Shard

MAX_DEATHS = 3  # times that a worker may die (killed, out of memory) before the run gives up
QUEUE_PER_WORKER = 4  # shards that wait for each worker
POLL_SECONDS = 0.2
ROWS_PER_WORKER = 2000  # at least, unless told: a process takes as long to start as to render them


def run(job: RenderJob, shards: Sequence[Shard], workers: int | None, progress: Progress) -> Iterator[Shard]:
    """Render shards, each once, in any order; yields each shard once it is stored.

    Without a number of `workers`, there is one for each core, but none for less than ROWS_PER_WORKER.

    A dead worker is replaced and its shards are rendered again. Raises SubsynthError as rendering does, and
    WorkerError if workers die more than MAX_DEATHS times.
    """
    workers = workers or _useful_workers(shards)
    if workers == 1 or len(shards) <= 1:
        yield from _run_in_process(job, shards, progress)
        return
    done: set[Shard] = set()
    for deaths in range(MAX_DEATHS + 1):
        try:
            remaining = (shard for shard in shards if shard not in done)
            for shard in _run_pool(job, remaining, min(workers, len(shards) - len(done)), progress):
                done.add(shard)
                yield shard
            return
        except BrokenProcessPool as error:
            if deaths == MAX_DEATHS:
                raise WorkerError(
                    f"workers died {MAX_DEATHS + 1} times (killed, or out of memory?) with {len(shards) - len(done):,} "
                    "shards to go; run the same command again, with fewer --workers"
                ) from error


def _useful_workers(shards: Iterable[Shard]) -> int:
    """One worker per core, but none for less than ROWS_PER_WORKER."""
    workers, rows = 1, 0
    for shard in shards:  # there may be millions: only as many are counted as are needed
        rows += shard.rows
        workers = min(available_cores(), max(1, rows // ROWS_PER_WORKER))
        if workers == available_cores():
            break
    return workers


def _run_in_process(job: RenderJob, shards: Sequence[Shard], progress: Progress) -> Iterator[Shard]:
    if len(shards):
        worker = Worker(job, shared_assets)  # this process has opened them already, to check them
        for shard in shards:
            worker.render_shard(shard, progress)
            yield shard


def _run_pool(job: RenderJob, shards: Iterable[Shard], workers: int, progress: Progress) -> Iterator[Shard]:
    context = multiprocessing.get_context("spawn")
    rows = context.Value("Q", 0)  # rendered by all workers
    pool = ProcessPoolExecutor(workers, context, _start_worker, (rows, os.getpid()))
    reported = 0
    queue = iter(shards)
    try:
        pending: dict[Future[None], Shard] = {}
        while True:
            for shard in islice(queue, workers * QUEUE_PER_WORKER - len(pending)):
                pending[submit(pool, _render_shard, job, shard)] = shard
            if not pending:
                return
            done, _ = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            rendered = rows.value
            if rendered > reported:
                progress.advance(rendered - reported)
                reported = rendered
            for future in done:
                future.result()
                yield pending.pop(future)
    finally:
        # Workers can be terminated at any moment: an unfinished shard is only a temporary file.
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


class _SharedCounter(NoProgress):
    """Progress of a worker process: adds rows to a counter that the parent reads."""

    def __init__(self, rows: Any):
        self._rows = rows

    def advance(self, amount: int) -> None:
        """Add rows."""
        with self._rows.get_lock():
            self._rows.value += amount


_worker_progress: Progress = NoProgress()  # of this process; set in worker processes


def _start_worker(rows: Any, parent: int) -> None:
    """Make this process a worker: it ignores Ctrl-C, which the parent handles, and ends with its parent."""
    global _worker_progress  # noqa: PLW0603 - a pool passes shared values to its processes only by their initializer
    become_worker(parent)
    _worker_progress = _SharedCounter(rows)
    logging.getLogger("subsynth").addHandler(logging.NullHandler())  # the parent warns of the same, once
    limit_threads()


def _render_shard(job: RenderJob, shard: Shard) -> None:
    process_worker(job).render_shard(shard, _worker_progress)
