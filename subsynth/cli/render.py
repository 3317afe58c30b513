"""The commands that make a data set: render, merge, spec, prepare."""

from __future__ import annotations

import time

import click

from subsynth.assets import preparation
from subsynth.build import engines
from subsynth.build.build import BuildResult, build_dataset, merge_ranks
from subsynth.cli.options import (
    LANG,
    N_TEST,
    PRESET,
    SEED,
    SPEC,
    TEXT,
    TRUST_PATHS,
    VIDEO,
    N,
    check_at_least_one,
    spec_from_options,
)
from subsynth.cli.progress import ProgressBar, prepare_assets
from subsynth.core import cache
from subsynth.core.main_guard import StoppedError
from subsynth.core.terminal import echo, one_line
from subsynth.kernels import compilation
from subsynth.spec.outside_paths import FLAG, paths_outside
from subsynth.spec.spec import IMAGE_FORMATS, Spec
from subsynth.storage.addresses import open_storage

PLAIN_UNTIL = 2_000_000  # px of all samples: about the time in which compiled kernels are loaded
Rank = tuple[int, int]  # rank, number of ranks


@click.command()
@LANG
@PRESET
@N
@N_TEST
@click.option("--out", help="Directory or address, such as s3://bucket/set, to write to.  [default: <preset>_<lang>]")
@SEED
@click.option(
    "--workers",
    type=int,
    help="Number of shards that are rendered at a time.  [default: all cores, or fewer for a small set]",
)
@click.option(
    "--engine",
    type=click.Choice(engines.NAMES),
    default="local",
    show_default=True,
    help="Where shards are rendered: on this machine, or on a Ray cluster.",
)
@click.option("--rank", type=int, help="Render only the shards of this rank, 0 to W - 1; needs --world-size.")
@click.option(
    "--world-size", type=int, metavar="W", help="Number of ranks that share the work; `subsynth merge` then joins them."
)
@click.option(
    "--image-format",
    type=click.Choice(IMAGE_FORMATS),
    help="Format of the images; with jpeg, a sample that has a JPEG step keeps its JPEG file.  [default: png, or jpeg "
    "with --preset film]",
)
@TEXT
@VIDEO
@SPEC
@click.option("--overwrite", is_flag=True, help="Replace the data set that is already there.")
def render(
    lang: str | None, preset: str | None, n: int | None, n_test: int | None, out: str | None, seed: int | None,
    workers: int | None, engine: str, rank: int | None, world_size: int | None, image_format: str | None,
    texts: tuple[str, ...], videos: tuple[str, ...], spec_file: str | None, overwrite: bool,
) -> None:  # fmt: skip
    """Render a data set as parquet files with a card and a manifest.

    After an interruption, the same command resumes from the finished shards.

    \b
    Examples:
      subsynth render --lang en --n 1000
      subsynth render --lang zh --n 100000 --out data/sub_zh --workers 8
      subsynth render --lang en --preset film --n 20000
      subsynth spec --lang zh > my.yaml && subsynth render --spec my.yaml --seed 7
      subsynth render --text lines.srt --video a.mkv --video b.mp4
      subsynth render --lang zh --n 100000000 --out s3://bucket/sub_zh --engine ray
      subsynth render --lang zh --out s3://bucket/sub_zh --rank 3 --world-size 100
    """
    spec = spec_from_options(
        spec_file, texts, videos, lang=lang, preset=preset, n=n, n_test=n_test, seed=seed, image_format=image_format
    )
    check_at_least_one("--workers", workers)
    part = _rank_of(rank, world_size, engine, overwrite)
    out = out or spec.name
    name = one_line(open_storage(out).name)
    started = time.monotonic()
    if spec.total * spec.height * spec.width <= PLAIN_UNTIL:
        compilation.leave_out()
    prepare_assets(spec, spec.total)
    try:
        with ProgressBar(name, " pairs") as progress:
            result = build_dataset(spec, out, workers, overwrite, progress, engine, part)
    except KeyboardInterrupt as error:
        raise StoppedError(f"stopped; run the same command to resume from the finished shards in {name}") from error
    echo(_summary(spec, name, result, time.monotonic() - started, part))


@click.command()
@click.argument("out")
@TRUST_PATHS
def merge(out: str, trust_paths: bool) -> None:
    """Complete a data set whose shards were rendered by several ranks.

    OUT is the directory or address that the ranks rendered into; figures, card, licences and manifest are added to
    it. If shards are missing, they are named, the exit code is 2, and nothing is changed.

    \b
    Examples:
      subsynth merge s3://bucket/sub_zh
      subsynth merge my_set --trust-paths          rendered from your own material
    """
    result = merge_ranks(out, trust_paths=trust_paths)
    echo(f"{one_line(open_storage(out).name)}: {result.pairs:,} pairs, {result.bytes / 1e6:,.1f} MB, complete")


@click.command()
@LANG
@PRESET
@N
@N_TEST
@SEED
@TEXT
@VIDEO
@SPEC
def spec(
    lang: str | None, preset: str | None, n: int | None, n_test: int | None, seed: int | None,
    texts: tuple[str, ...], videos: tuple[str, ...], spec_file: str | None,
) -> None:  # fmt: skip
    """Print the full spec as YAML, with the unit of each key.

    \b
    Examples:
      subsynth spec --lang zh
      subsynth spec --lang en --preset film > my.yaml
    """
    full_spec = spec_from_options(spec_file, texts, videos, lang=lang, preset=preset, n=n, n_test=n_test, seed=seed)
    echo(full_spec.to_yaml(), end="")


@click.command()
@LANG
@PRESET
@TEXT
@VIDEO
@SPEC
def prepare(
    lang: str | None, preset: str | None, texts: tuple[str, ...], videos: tuple[str, ...], spec_file: str | None
) -> None:
    """Fill the cache with fonts, pictures, films and compiled kernels.

    `subsynth render` does this by itself; ahead of time, it is useful for a cache that many machines share.

    \b
    Examples:
      subsynth prepare --lang zh
      SUBSYNTH_CACHE=/shared/cache subsynth prepare --spec my.yaml
    """
    started = time.monotonic()
    full_spec = spec_from_options(spec_file, texts, videos, lang=lang, preset=preset)
    prepare_assets(full_spec, preparation.COMPILE_FROM)
    seconds = time.monotonic() - started
    echo(f"prepared {cache.cache_folder()} in {seconds:.1f} s; kernels: {compilation.description()}")


def _rank_of(rank: int | None, world_size: int | None, engine: str, overwrite: bool) -> Rank | None:
    """The checked options of a run with ranks; None without them. Raises click.UsageError."""
    if rank is None and world_size is None:
        return None
    if rank is None or world_size is None:
        raise click.UsageError(
            "--rank and --world-size need each other: --rank 0 --world-size 4 renders the first of four parts"
        )
    if world_size < 1 or not 0 <= rank < world_size:
        raise click.BadParameter(f"--rank is {rank} of --world-size {world_size}; must be 0 to world size - 1")
    if engine != "local":
        raise click.UsageError(f"--rank does not combine with --engine {engine}; leave out one of them")
    if overwrite:
        raise click.UsageError(
            "--overwrite would remove the shards of other ranks; empty the output location before the ranks start"
        )
    return rank, world_size


def _summary(spec: Spec, name: str, result: BuildResult, seconds: float, part: Rank | None) -> str:
    """The line that `subsynth render` prints at its end."""
    resumed = f"; {result.resumed:,} pairs were finished before" if result.resumed else ""
    if part is not None:
        rank, world_size = part
        trust = f" {FLAG}" if paths_outside(spec, None) else ""
        return (
            f"rank {rank} of {world_size}: rendered {result.rendered:,} of its {result.pairs:,} pairs to {name} in "
            f"{seconds:.1f} s{resumed}; when all ranks are done: subsynth merge {name}{trust}"
        )
    sizes = " + ".join(f"{spec.size(split):,} {split}" for split in spec.splits) + " pairs"
    megabytes = f"{result.bytes / 1e6:,.1f} MB"
    if not result.rendered:
        return f"{name} is complete already: {sizes}, {megabytes}"
    return f"wrote {sizes} ({megabytes}) to {name} in {seconds:.1f} s{resumed}"
