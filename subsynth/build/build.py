"""Dataset: a whole data set rendered into its place: claimed, filled, resumed, finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from subsynth.assets import assets
from subsynth.build import merge, ownership, records
from subsynth.format import shards
from subsynth.storage.addresses import open_storage
from subsynth.build.engines import Engine, engine
from subsynth.core.errors import MaterialError, SpecError, WorkerError
from subsynth.storage.base import Storage
from subsynth.format.shards import Shard
from subsynth.spec.spec import Spec
from subsynth.build.worker import Job


@dataclass(frozen=True)
class Written:
    """What `build` did: pairs of it, pairs rendered now, pairs found finished; and bytes of the whole set."""

    pairs: int
    rendered: int
    found: int
    bytes: int = 0


def build_dataset(
    spec: Spec,
    out: str | Path,
    workers: int | None = None,
    overwrite: bool = False,
    begin: Callable[[int, int], None] = lambda _total, _found: None,
    tick: Callable[[int], None] = lambda _rows: None,
    by: str = "local",
    rank: tuple[int, int] | None = None,
) -> Written:
    """Render a data set into a directory or object store, going on from whatever shards of it are finished there.

    `by` names the engine. With `rank` (r, of w) it renders each w-th shard from the r-th on, and `gather` makes
    a data set of them when all ranks are done. `begin` is told the number of pairs and how many of them are found
    finished, `tick` of each group rendered. Raises OutputError if the place holds something else (unless
    `overwrite`) or cannot be written, and SubsynthError as rendering does. An interrupted build leaves whole
    shards only.
    """
    run: Engine = engine(by)
    there = open_storage(str(out))
    identity = ownership.plan_digest(spec)
    for split in spec.splits:  # what cannot be used is told before anything is written
        assets.materials(spec, split)
    everything = shards.shards(spec)
    mine = everything[rank[0] :: rank[1]] if rank else everything
    names = {s.name for s in everything}
    ownership.refuse(spec, identity, there, names, overwrite)
    with there.lock(shared=rank is not None):
        if ownership.refuse(spec, identity, there, names, overwrite):
            ownership.clear(there)
        if rank is None:
            there.remove_unfinished()
        ownership.take(spec, identity, there)
        left = [s for s, entry in records.finished(there, identity, mine, thorough=True) if entry is None]
        total, todo = _rows(mine), _rows(left)
        begin(total, total - todo)
        try:
            for _ in run(Job(spec, there.address, identity), left, workers, tick):
                pass
        except BaseException as error:
            if rank is None:
                there.remove_unfinished()
                if isinstance(error, SpecError | MaterialError | WorkerError):
                    ownership.release(there)  # what cannot be rendered, or by nobody, leaves nothing behind
            raise
        if rank is not None:
            return Written(total, todo, total - todo)
        head = merge.merge(there, spec, identity, everything, thorough=False)
    return Written(total, todo, total - todo, _bytes(head))


def merge_ranks(out: str | Path) -> Written:
    """Make a data set of the shards that all ranks have rendered into a place.

    Raises OutputError if some are missing, or are of another version or other material than is here.
    """
    there: Storage = open_storage(str(out))
    spec = ownership.held_by(there)
    identity = ownership.plan_digest(spec)
    everything = shards.shards(spec)
    ownership.refuse(spec, identity, there, {s.name for s in everything}, overwrite=False)
    with there.lock(shared=False):
        head = merge.merge(there, spec, identity, everything, thorough=True)
    return Written(_rows(everything), 0, _rows(everything), _bytes(head))


def _rows(some: list[Shard]) -> int:
    return sum(s.stop - s.start for s in some)


def _bytes(head: merge.Head) -> int:
    return sum(split["bytes"] for split in head["splits"].values())
