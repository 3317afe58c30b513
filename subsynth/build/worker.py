"""Task: one shard rendered, put in its place and recorded there. What every engine does, and all that it does."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import cv2
import pyarrow as pa

from subsynth.build import ownership, records
from subsynth.format import shards
from subsynth.storage.addresses import open_storage
from subsynth.core.errors import OutputError
from subsynth.assets.assets import materials
from subsynth.storage.paths import PLAN
from subsynth.format.shards import Shard
from subsynth.spec.spec import Spec

log = logging.getLogger(__name__)
_split = ""  # in a worker: the split whose material is open


class Job(NamedTuple):
    """What a worker anywhere has to know: the spec, the address of the place, and the plan's digest."""

    spec: Spec
    address: str
    identity: str


def perform(job: Job, shard: Shard, tick: Callable[[int], None]) -> None:
    """Render a shard, put it in its place, and record it; `tick` is told of every row group.

    Raises OutputError if the place cannot be written or has been taken over, and as rendering does.
    """
    _agreed(job)
    there = open_storage(job.address)
    with there.scratch() as folder:
        temporary, entry = shards.write(job.spec, shard, folder, tick)
        try:
            there.put_file(temporary, entry["file"])
        finally:
            temporary.unlink(missing_ok=True)
    records.record(there, job.identity, entry)
    log.debug("%s: %d rows", entry["file"], entry["rows"])


def alone() -> None:
    """Make this process one of many workers: single-threaded, and giving back the memory that a shard needed."""
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    pa.set_memory_pool(pa.system_memory_pool())  # the default pool keeps what it had


def turn_to(split: str) -> None:
    """Close the material of other splits: shards come split by split, and there is no need to hold two."""
    global _split  # noqa: PLW0603 - what this process has open
    if split != _split:
        materials.cache_clear()
        _split = split


@lru_cache(maxsize=4)
def _agreed(job: Job) -> None:
    """Once a process: it sees the place that was claimed, and would make the same pixels."""
    here = ownership.plan_digest(job.spec)
    if here != job.identity:
        raise OutputError(
            f"{_host()}: its subsynth, fonts, pictures or text are not those that the run was begun with "
            f"(plan {here[:12]}, not {job.identity[:12]}); install the same on every machine"
        )
    there = open_storage(job.address)
    found = there.read(PLAN)
    if found is None or found.decode(errors="replace") != job.identity:
        raise OutputError(
            f"{there.name}: {_host()} does not find there what this run began; name an --out that every machine sees, "
            "and let no other run take it"
        )


def _host() -> str:
    return f"machine {os.uname().nodename}" if hasattr(os, "uname") else "this machine"
