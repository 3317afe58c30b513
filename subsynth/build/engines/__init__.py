"""Engines: who performs the tasks. Each is one function, given a job, its shards, and how many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from subsynth.core.errors import SpecError
from subsynth.format.shards import Shard
from subsynth.build.worker import Job

NAMES = ("local", "ray")

# (job, shards, workers or None for all that there are, told of rows) -> each shard when it is finished, in any order
Engine = Callable[[Job, Sequence[Shard], int | None, Callable[[int], None]], Iterator[Shard]]


def engine(name: str) -> Engine:
    """The engine of that name. Raises SpecError for another."""
    if name not in NAMES:
        raise SpecError(f"engine {name!r}: use {' or '.join(NAMES)}")
    run: Engine = import_module(f"{__name__}.{name}").run
    return run
