"""Engines render the shards of a job: in processes of this machine, or on the machines of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from subsynth.build.worker import RenderJob
from subsynth.core.errors import SpecError
from subsynth.core.progress import Progress
from subsynth.format.shard_list import Shard

NAMES = ("local", "ray")

# (job, shards, number of workers or None for all processors, progress in rows) -> each shard once it is stored,
# in any order. An engine raises SubsynthError as rendering does, and WorkerError if its workers keep dying.
Engine = Callable[[RenderJob, Sequence[Shard], int | None, Progress], Iterator[Shard]]


def find_engine(engine: str | Engine) -> Engine:
    """The engine of a name of NAMES; an engine is returned as it is. Raises SpecError for another name."""
    if not isinstance(engine, str):
        return engine
    if engine not in NAMES:
        raise SpecError(f"engine {engine!r}: use {' or '.join(NAMES)}")
    run: Engine = import_module(f"{__name__}.{engine}").run
    return run
