"""A worker renders shards of one job in its process: what every engine runs, on this machine or another."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import pyarrow as pa

from subsynth.assets.assets import Assets
from subsynth.build.ownership import plan_digest
from subsynth.build.records import write_record
from subsynth.build.split_renderers import OpenAssets, SplitRenderers
from subsynth.core.errors import OutputError
from subsynth.core.progress import Progress
from subsynth.format.shard_list import Shard
from subsynth.format.shards import write_shard
from subsynth.spec.spec import Spec
from subsynth.storage.addresses import open_storage
from subsynth.storage.base import Storage
from subsynth.storage.paths import PLAN

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RenderJob:
    """Everything that a worker has to know, on any machine. `plan_sha256` is the digest of the claimed plan."""

    spec: Spec
    address: str = field(repr=False)  # of the storage; it may hold a password
    plan_sha256: str
    row_group: int  # rows of a parquet row group


class Worker:
    """Renders shards of a job. It keeps the assets of one split open at a time."""

    def __init__(self, job: RenderJob, open_assets: OpenAssets = Assets.open):
        """Raises OutputError if this machine would render other pixels, or does not see the claimed storage."""
        self._job = job
        self._storage = open_storage(job.address)
        self._renderers = SplitRenderers(job.spec, open_assets)
        _check_plan(job, self._storage)

    def render_shard(self, shard: Shard, progress: Progress) -> None:
        """Render a shard, move it to its name and record it; `progress.advance(rows)` after each row group.

        Raises OutputError if the storage cannot be written, and SubsynthError as rendering does.
        """
        renderer = self._renderers.get(shard.split)
        with self._storage.scratch() as folder:
            temporary, record = write_shard(renderer, shard, folder, progress, self._job.row_group)
            try:
                self._storage.put_file(temporary, record.file)
            finally:
                temporary.unlink(missing_ok=True)
        write_record(self._storage, self._job.plan_sha256, record)
        log.debug("%s: %d rows", record.file, record.rows)


@lru_cache(maxsize=1)
def process_worker(job: RenderJob) -> Worker:
    """The worker of this process, for engines whose processes render many shards of a job, one call each."""
    return Worker(job)


def limit_threads() -> None:
    """Make this process one of many workers: single-threaded, and returning the memory that a shard needed."""
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    pa.set_memory_pool(pa.system_memory_pool())  # the default pool does not return memory to the system


def _check_plan(job: RenderJob, storage: Storage) -> None:
    local_plan = plan_digest(job.spec)
    if local_plan != job.plan_sha256:
        raise OutputError(
            f"{_host()}: its subsynth, fonts, pictures or text are not those that the run was started with "
            f"(plan {local_plan[:12]}, not {job.plan_sha256[:12]}); install the same on every machine"
        )
    claimed = storage.read(PLAN)
    if claimed is None or claimed.decode(errors="replace") != job.plan_sha256:
        raise OutputError(
            f"{storage.name}: {_host()} does not see there what this run started; name an --out that every machine "
            "sees, and let no other run write to it"
        )


def _host() -> str:
    return f"machine {os.uname().nodename}" if hasattr(os, "uname") else "this machine"
