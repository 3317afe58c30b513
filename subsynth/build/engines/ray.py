"""The Ray engine: one task per shard, on the machines of a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from subsynth.assets.preparation import prepare
from subsynth.build.worker import RenderJob, limit_threads, process_worker
from subsynth.core import cache
from subsynth.core.addresses import without_secrets
from subsynth.core.errors import SubsynthError, WorkerError
from subsynth.core.processors import available_cores
from subsynth.core.progress import NoProgress, Progress
from subsynth.format.shard_list import Shard

MAX_RETRIES = 5  # of a task whose node or process dies
QUEUE_PER_CPU = 2  # tasks that wait for each processor, so that none is idle and an autoscaler sees the demand

Task = Callable[[RenderJob, Shard, str], None]  # (job, shard, working folder of the driver)


def render_shard(job: RenderJob, shard: Shard, folder: str) -> None:
    """The task, on any machine: prepare the assets there once, then render the shard."""
    if Path(folder).is_dir():
        os.chdir(folder)  # a spec may hold relative paths
    limit_threads()
    with cache.exclusive():
        prepare(job.spec, job.spec.total)
    process_worker(job).render_shard(shard, NoProgress())


def run(
    job: RenderJob, shards: Sequence[Shard], workers: int | None, progress: Progress, task: Task = render_shard
) -> Iterator[Shard]:
    """Run one task per shard on the cluster of RAY_ADDRESS, else on one running on this machine, else on a new one.

    `workers` is how many tasks run at a time; None for all processors. Yields each shard once it is stored. Raises
    SubsynthError as tasks do, and WorkerError if Ray is missing, cannot be reached, or its machines keep dying.
    """
    if not len(shards):
        return
    with _connect(workers) as ray:
        try:
            yield from _run_tasks(
                ray, ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(task), job, shards, workers, progress
            )
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, SubsynthError):
                raise cause from error
            raise
        except ray.exceptions.RayError as error:
            message = without_secrets(" ".join(str(error).split()))[:300]
            raise WorkerError(
                f"Ray gave up on a shard ({type(error).__name__}: {message}); run the same command again: it resumes"
            ) from error


def _run_tasks(
    ray: Any, remote: Any, job: RenderJob, shards: Sequence[Shard], workers: int | None, progress: Progress
) -> Iterator[Shard]:
    """Submit a limited number of tasks at a time: the driver's memory does not grow with the number of shards."""
    queue = iter(shards)
    pending: dict[Any, Shard] = {}
    while True:
        limit = workers or QUEUE_PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 1)))
        for shard in islice(queue, max(0, limit - len(pending))):
            pending[remote.remote(job, shard, str(Path.cwd()))] = shard
        if not pending:
            return
        done, _ = ray.wait(list(pending), num_returns=1, timeout=1)
        for reference in done:
            ray.get(reference)
            shard = pending.pop(reference)
            progress.advance(shard.rows)
            yield shard


@contextmanager
def _connect(workers: int | None) -> Iterator[Any]:
    """Ray, connected. The connection ends with the run, and so does a cluster that was started for it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no network but the cluster's own
    try:
        import ray  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise WorkerError(f"--engine ray needs Ray ({error}); pip install 'subsynth[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get("RAY_ADDRESS")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        _check_reachable(address)
        try:
            ray.init(address=address or "auto", **quiet)
        except ConnectionError:
            if address:
                raise
            ray.init(address="local", num_cpus=workers or available_cores(), include_dashboard=False, **quiet)
    except Exception as error:  # whatever Ray and gRPC raise
        message = without_secrets(" ".join(str(error).split()))[:300]
        raise WorkerError(
            f"RAY_ADDRESS {without_secrets(address or '(not set)')}: no Ray cluster could be reached or started "
            f"({message}); start one, correct the address, or leave --engine out"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str | None) -> None:
    """Raise OSError at once if nothing listens at the address: Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()
