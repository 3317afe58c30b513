"""The Ray engine: a task a shard, over whatever machines a Ray cluster has."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from subsynth.assets import assets
from subsynth.build import worker
from subsynth.core import cache
from subsynth.core.processors import available_cores
from subsynth.core.errors import SubsynthError, WorkerError
from subsynth.format.shards import Shard
from subsynth.build.worker import Job

RETRIES = 5  # of a task whose node or process dies
AHEAD = 2  # tasks waiting for each processor, so that none is idle and an autoscaler sees what is to be done


def run(job: Job, todo: Sequence[Shard], workers: int | None, tick: Callable[[int], None]) -> Iterator[Shard]:
    """Perform tasks on the cluster at hand (RAY_ADDRESS, or one that runs on this machine), else on a local one.

    `workers` is how many at once; None for all processors there are. Yields each shard when it is in its place.
    Raises SubsynthError as tasks do, and WorkerError where Ray is missing, away, or its machines keep dying.
    """
    if not todo:
        return
    with _cluster(workers) as ray:
        remote = ray.remote(num_cpus=1, max_retries=RETRIES)(_work)
        coming = iter(todo)
        waiting: dict[Any, Shard] = {}
        try:
            while True:
                # The driver holds a few tasks, not all: nothing here grows with the number of shards.
                room = workers or AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
                for shard in islice(coming, max(0, room - len(waiting))):
                    waiting[remote.remote(job, shard, str(Path.cwd()))] = shard
                if not waiting:
                    return
                done, _ = ray.wait(list(waiting), num_returns=1, timeout=1)
                for reference in done:
                    ray.get(reference)
                    shard = waiting.pop(reference)
                    tick(shard.stop - shard.start)
                    yield shard
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, SubsynthError):
                raise cause from error
            raise
        except ray.exceptions.RayError as error:
            told = " ".join(str(error).split())[:300]
            raise WorkerError(
                f"Ray gave up on a shard ({type(error).__name__}: {told}); run the same command again: it goes on"
            ) from error


@contextmanager
def _cluster(workers: int | None) -> Iterator[Any]:
    """Ray, connected; the connection ends with the run, and a cluster that was begun for it does too."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no network but the cluster's own
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise WorkerError(f"--engine ray needs Ray ({error}); pip install 'subsynth[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get("RAY_ADDRESS")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        _reached(address)
        try:
            ray.init(address=address or "auto", **quiet)
        except ConnectionError:
            if address:
                raise
            ray.init(address="local", num_cpus=workers or available_cores(), include_dashboard=False, **quiet)
    except Exception as error:  # whatever Ray and gRPC raise
        told = " ".join(str(error).split())[:300]
        raise WorkerError(
            f"RAY_ADDRESS {address or '(not set)'}: no Ray cluster could be reached or begun ({told}); start one, set "
            "the address right, or leave --engine out"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _reached(address: str | None) -> None:
    """Raise OSError at once where nobody listens: Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _work(job: Job, shard: Shard, folder: str) -> None:
    """On some machine: the task, after what it draws on is prepared there once."""
    if Path(folder).is_dir():
        os.chdir(folder)  # where a spec's own paths are relative to
    worker.alone()
    worker.turn_to(shard.split)
    with cache.exclusive():
        assets.prepare(job.spec, job.spec.total)
    worker.perform(job, shard, lambda _rows: None)
