"""Building a data set: take ownership of the output, render the missing shards, merge them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from subsynth.assets.assets import shared_assets
from subsynth.build.engines import Engine, find_engine
from subsynth.build.merge import merge_shards
from subsynth.build.missing_shards import MissingShards
from subsynth.build.ownership import (
    check_ownership,
    plan_digest,
    release_ownership,
    remove_dataset,
    stored_spec,
    take_ownership,
)
from subsynth.build.records import finished_shards
from subsynth.build.worker import RenderJob
from subsynth.core.errors import MaterialError, SpecError, WorkerError
from subsynth.core.progress import NoProgress, Progress
from subsynth.format.shard_list import DEFAULT_LAYOUT, ShardLayout, list_shards
from subsynth.spec.outside_paths import check_paths
from subsynth.spec.spec import Spec
from subsynth.storage.addresses import open_storage
from subsynth.storage.base import Storage


@dataclass(frozen=True)
class BuildResult:
    """What a build did: `pairs` in total, of which `rendered` now and `resumed` from finished shards; see `bytes`."""

    pairs: int
    rendered: int
    resumed: int
    bytes: int = 0  # of all shards' files; 0 for one rank's part


def build_dataset(
    spec: Spec,
    out: str | Path,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    engine: str | Engine = "local",
    rank: tuple[int, int] | None = None,
    layout: ShardLayout = DEFAULT_LAYOUT,
) -> BuildResult:
    """Render a data set into a directory or an object store, resuming after the shards that are finished there.

    `workers` is how many shards are rendered at a time (None: one per core). `engine` is a name of `engines.NAMES`
    or an engine. With `rank` (r, count) every count-th shard from the r-th on is rendered; when all ranks are done,
    `merge_ranks` makes a data set of them. `progress` counts pairs.

    Raises OutputError if the location holds other data (unless `overwrite`) or cannot be written, and SubsynthError
    as rendering does. An interrupted build leaves complete shards only.
    """
    run = find_engine(engine)
    storage = open_storage(str(out))
    plan_sha256 = plan_digest(spec)
    lines_dropped = _check_assets(spec)
    all_shards = list_shards(spec, layout)
    own_shards = all_shards[rank[0] :: rank[1]] if rank else all_shards
    check_ownership(spec, plan_sha256, storage, all_shards, overwrite)
    with storage.lock(shared=rank is not None):
        if check_ownership(spec, plan_sha256, storage, all_shards, overwrite):  # again: now nobody else can change it
            remove_dataset(storage)
        if rank is None:
            storage.remove_unfinished()
        take_ownership(spec, plan_sha256, storage)
        missing = MissingShards(own_shards)
        for shard, _ in finished_shards(storage, plan_sha256, own_shards, thorough=True):
            missing.done(shard)
        total, todo = own_shards.total_rows, missing.total_rows
        progress = progress or NoProgress()
        progress.start(total, total - todo)
        job = RenderJob(spec, storage.address, plan_sha256, layout.row_group)
        _render(run, job, missing, workers, progress, storage, exclusive=rank is None)
        if rank is not None:
            return BuildResult(total, todo, total - todo)
        manifest = merge_shards(storage, spec, plan_sha256, all_shards, lines_dropped)
    return BuildResult(total, todo, total - todo, manifest.total_bytes)


def merge_ranks(out: str | Path, layout: ShardLayout = DEFAULT_LAYOUT, trust_paths: bool = False) -> BuildResult:
    """Make a data set of the shards that all ranks have rendered.

    What the stored spec names outside of the location is opened only with `trust_paths`.

    Raises OutputError if some are missing, or were rendered by another version or with other assets than this
    machine's, or if the spec names files that are not trusted.
    """
    storage = open_storage(str(out))
    spec = stored_spec(storage)
    check_paths(spec, Path(out) if Path(out).is_dir() else None, storage.name, trust_paths)
    plan_sha256 = plan_digest(spec)
    shards = list_shards(spec, layout)
    check_ownership(spec, plan_sha256, storage, shards, overwrite=False)
    with storage.lock(shared=False):
        manifest = merge_shards(storage, spec, plan_sha256, shards, _check_assets(spec))
    return BuildResult(shards.total_rows, 0, shards.total_rows, manifest.total_bytes)


def _check_assets(spec: Spec) -> dict[str, int]:
    """Open the assets of every split, so that unusable ones are rejected first; how many lines each split dropped.

    The figures of the card use the opened assets again.
    """
    return {split: shared_assets(spec, split).lines_dropped for split in spec.splits}


def _render(
    run: Engine,
    job: RenderJob,
    shards: MissingShards,
    workers: int | None,
    progress: Progress,
    storage: Storage,
    exclusive: bool,
) -> None:
    """Render shards. After an error, an exclusive build removes its temporary files, and gives up an empty location."""
    try:
        for _ in run(job, shards, workers, progress):
            pass
    except BaseException as error:
        if exclusive:
            storage.remove_unfinished()
            if isinstance(error, SpecError | MaterialError | WorkerError):
                release_ownership(storage)
        raise
