"""The command line: parses and calls, nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from subsynth import verify
from subsynth.assets import assets
from subsynth.build import engines
from subsynth.build.build import build_dataset, merge_ranks
from subsynth.core import cache
from subsynth.core.errors import OutputError, SubsynthError
from subsynth.core.version import __version__
from subsynth.kernels import compilation
from subsynth.report import contact_sheet, layer_strip, stats, stats_plot
from subsynth.spec.spec import IMAGE_FORMATS, LANGUAGES, SPLITS, Spec
from subsynth.storage import paths
from subsynth.storage.addresses import open_storage

LANG = click.option("--lang", type=click.Choice(list(LANGUAGES)), help="Language.  [default: en]")
SPEC = click.option("--spec", "file", metavar="FILE.yaml", help="A whole spec; flags beside it override it.")
SEED = click.option("--seed", type=int, help="Seed of every decision.  [default: 0]")


@click.group(context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="subsynth")
def cli() -> None:
    """Synthetic subtitle crops with exact binary ground truth."""


@cli.command()
@LANG
@click.option("--n", type=int, help="Train pairs.  [default: 100000]")
@click.option("--n-test", type=int, help="Pairs of each test split.  [default: a tenth of --n]")
@click.option("--out", help="LocalStorage, or address such as s3://bucket/set.  [default: sub_<lang>]")
@SEED
@click.option("--workers", type=int, help="Shards at a time.  [default: all cores]")
@click.option("--engine", type=click.Choice(engines.NAMES), default="local", show_default=True, help="Who renders.")
@click.option("--rank", type=int, help="Render this part only, 0 to W-1 ...")
@click.option("--world-size", type=int, metavar="W", help="... of so many; then `subsynth merge`.")
@click.option("--image-format", type=click.Choice(IMAGE_FORMATS), help="jpeg keeps JPEG steps' files.  [default: png]")
@SPEC
@click.option("--overwrite", is_flag=True, help="Replace what the directory holds.")
def render(
    lang: str | None, n: int | None, n_test: int | None, out: str | None, seed: int | None, workers: int | None,
    engine: str, rank: int | None, world_size: int | None, image_format: str | None, file: str | None, overwrite: bool,
) -> None:  # fmt: skip
    """Render a data set: train and test pairs as parquet, with card, spec and manifest.

    Stopped or killed, the same command goes on from the finished shards.

    \b
    Examples:
      subsynth render --lang en --n 1000
      subsynth render --lang zh --n 100000 --out data/sub_zh --workers 8
      subsynth spec --lang zh > my.yaml && subsynth render --spec my.yaml --seed 7
      subsynth render --lang zh --n 100000000 --out s3://bucket/sub_zh --engine ray
      subsynth render --lang zh --out s3://bucket/sub_zh --rank 3 --world-size 100
    """
    spec = _spec(file, lang=lang, n=n, n_test=n_test, seed=seed, image_format=image_format)
    if workers is not None and workers < 1:
        raise click.BadParameter(f"--workers is {workers}; at least 1 is needed")
    part = _part(rank, world_size, engine, overwrite)
    out = out or f"sub_{spec.lang}"
    name = open_storage(out).name
    quiet = not sys.stderr.isatty()
    started = time.monotonic()
    assets.prepare(spec, spec.total, lambda names: _steps(names, quiet))
    bar = _bar(quiet, unit=" pairs", desc=name, smoothing=0.1)

    def begin(total: int, found: int) -> None:
        bar.reset(total)
        bar.initial = bar.n = found
        bar.refresh()

    try:
        with bar:
            done = build_dataset(
                spec,
                out,
                workers,
                overwrite,
                begin,
                lambda rows: _advance(bar, rows),
                engine,
                part,
            )
    except KeyboardInterrupt:
        click.echo(f"stopped; the same command goes on from the finished shards in {name}", err=True)
        sys.exit(130)
    took = time.monotonic() - started
    before = f"; {done.found:,} pairs were finished before" if done.found else ""
    if part:
        click.echo(f"rank {part[0]} of {part[1]}: {done.rendered:,} of its {done.pairs:,} pairs rendered to {name} in "
                   f"{took:.1f} s{before}; when all ranks are done: subsynth merge {name}")  # fmt: skip
    elif not done.rendered:
        click.echo(f"{name} is complete already: {_told(spec)}, {done.bytes / 1e6:,.1f} MB")
    else:
        click.echo(f"wrote {_told(spec)} ({done.bytes / 1e6:,.1f} MB) to {name} in {took:.1f} s{before}")


@cli.command("merge")
@click.argument("out")
def merge_(out: str) -> None:
    """Make a data set of what all ranks rendered into OUT: figures, card, licences, manifest.

    Shards that are missing are named, with exit code 2, and nothing is changed.

    \b
    Examples:
      subsynth merge s3://bucket/sub_zh
    """
    done = merge_ranks(out)
    click.echo(f"{open_storage(out).name}: {done.pairs:,} pairs, {done.bytes / 1e6:,.1f} MB, complete")


@cli.command("spec")
@LANG
@click.option("--n", type=int, help="Train pairs.")
@click.option("--n-test", type=int, help="Pairs of each test split.")
@SEED
@SPEC
def spec_(lang: str | None, n: int | None, n_test: int | None, seed: int | None, file: str | None) -> None:
    """Print the whole spec that would run, as YAML, each key with its unit.

    \b
    Examples:
      subsynth spec --lang zh
      subsynth spec --lang en --n 5000 > my.yaml
    """
    click.echo(_spec(file, lang=lang, n=n, n_test=n_test, seed=seed).to_yaml(), nl=False)


@cli.command()
@LANG
@SPEC
def prepare(lang: str | None, file: str | None) -> None:
    """Fill the cache ahead of time: fonts, pictures, and compiled kernels. `render` does this by itself.

    \b
    Examples:
      subsynth prepare --lang zh
      SUBSYNTH_CACHE=/shared/cache subsynth prepare --spec my.yaml
    """
    spec = _spec(file, lang=lang)
    started = time.monotonic()
    assets.prepare(spec, assets.MANY, lambda names: _steps(names, not sys.stderr.isatty()))
    click.echo(
        f"prepared {cache.cache_folder()} in {time.monotonic() - started:.1f} s; kernels: {compilation.description()}"
    )


@cli.command("verify")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--sample", type=int, default=64, show_default=True, help="Rows of each split to render again.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify_(directory: Path, sample: int, as_json: bool) -> None:
    """Check a rendered data set: files, columns, pixels, splits. Exit code 0 if all holds, 1 if not.

    Every row is decoded and compared with the manifest's digests, and some are rendered again from their
    columns alone; the rows of a damaged shard are all rendered again, so that each damaged row is named.

    \b
    Examples:
      subsynth verify sub_zh
      subsynth verify sub_zh --json --sample 1000
    """
    if sample < 1:
        raise click.BadParameter(f"--sample is {sample}; at least 1 is needed")
    with _bar(not sys.stderr.isatty(), total=verify.rows_in(directory), unit=" rows", desc="verifying") as bar:
        report = verify.verify(directory, sample, lambda rows: _advance(bar, rows))
    if as_json:
        violations = [v._asdict() for v in report.violations]
        told = {"ok": not violations, "directory": str(directory), "shards": report.shards, "rows": report.rows}
        click.echo(json.dumps(told | {"rendered_again": report.rendered, "violations": violations}, ensure_ascii=False))
    else:
        for shard, row, what in report.violations:
            click.echo(f"{shard}{f', row {row}' if row >= 0 else ''}: {what}")
        click.echo(
            f"{report.rows:,} rows in {report.shards} shards read, {report.rendered:,} rendered again: "
            + (f"{len(report.violations)} violations" if report.violations else "all holds")
        )
    sys.exit(1 if report.violations else 0)


@cli.command("stats")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="PNG to write.  [default: <directory>-stats.png]")
def stats_(directory: Path, out: Path | None) -> None:
    """Tell what is in a rendered data set: distributions as a table, and as one page of plots.

    \b
    Examples:
      subsynth stats sub_zh
      subsynth stats sub_zh --out figures/zh.png
    """
    found = stats.stats_of_directory(directory)
    click.echo(stats.format_stats(found))
    path = out or Path(f"{directory.resolve().name}-stats.png")
    stats_plot.plot_stats(found, directory.resolve().name, path)
    click.echo(f"wrote {path}")


@cli.command("preview")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@LANG
@click.option("--index", type=int, help="Show the layers of this one sample.")
@click.option("--split", type=click.Choice(SPLITS), default="train", show_default=True, help="Of which split.")
@click.option("--count", type=int, default=36, show_default=True, help="Samples on a contact sheet.")
@SEED
@SPEC
@click.option("--out", type=click.Path(path_type=Path), help="PNG to write.  [default: named after what it shows]")
def preview_(
    directory: Path | None, lang: str | None, index: int | None, split: str, count: int, seed: int | None,
    file: str | None, out: Path | None,
) -> None:  # fmt: skip
    """Draw a contact sheet (image above ground truth), or the layers of one sample.

    \b
    Examples:
      subsynth preview sub_zh                     of a rendered data set
      subsynth preview --lang zh                  of what would be rendered
      subsynth preview --lang en --index 17       the layers of one sample
    """
    if count < 1 or (index is not None and index < 0):
        raise click.BadParameter(f"--count is {count} and --index {index}; at least 1 and 0 are needed")
    if directory is not None and not directory.is_dir():
        raise OutputError(f"{directory}: no such directory; render it first, or use --lang")
    if directory is not None and index is None:
        name, page = (
            f"{directory.resolve().name}-preview.png",
            contact_sheet.draw_contact_sheet(contact_sheet.read_samples(directory, split, count)),
        )
    else:
        file = str(directory / paths.SPEC) if directory else file
        spec = _spec(file, lang=lang, seed=seed)
        assets.prepare(spec, 1 if index is not None else count, lambda names: _steps(names, not sys.stderr.isatty()))
        if index is None:
            name, page = (
                f"sub_{spec.lang}-preview.png",
                contact_sheet.draw_contact_sheet(contact_sheet.render_samples(spec, split, 0, count)),
            )
        else:
            name, page = f"sub_{spec.lang}-{split}-{index}.png", layer_strip.draw_layer_strip(spec, split, index)
    path = out or Path(name)
    try:
        page.save(path, "PNG")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}; name an --out that can be written") from error
    click.echo(f"wrote {path} ({page.width} x {page.height} px)")


@cli.command("publish")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--repo", required=True, metavar="NAMESPACE/NAME", help="Where on the hub, such as you/sub_en.")
@click.option("--private", is_flag=True, help="Create the repository as a private one.")
@click.option("--tag", metavar="NAME", help="A tag for the version, such as v1.0.0.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and change nothing.")
def publish_(directory: Path, repo: str, private: bool, tag: str | None, dry_run: bool) -> None:
    """Publish a rendered data set on the Hugging Face hub, in one commit; or bring it up to date.

    The directory is verified first. Interrupted, the same command sends what is missing; what is there
    already is neither sent nor committed again. Endpoint and token are the hub client's own: HF_ENDPOINT,
    HF_TOKEN, `hf auth login`.

    \b
    Examples:
      subsynth publish sub_en --repo you/sub_en --dry-run
      subsynth publish sub_en --repo you/sub_en --tag v1.0.0
    """
    from subsynth.publish import hub  # noqa: PLC0415 - the hub's client takes its time

    quiet, bars = not sys.stderr.isatty(), contextlib.ExitStack()
    reading = bars.enter_context(_bar(quiet, total=verify.rows_in(directory), unit=" rows", desc="verifying"))
    sending: list[Any] = []

    def tell(line: str) -> None:
        with tqdm.external_write_mode():
            click.echo(line, err=True)

    def begin(total: int) -> None:
        reading.close()
        sending.append(bars.enter_context(_bar(quiet, total=total, unit="B", unit_scale=True, desc=repo)))

    def tick(size: int) -> None:
        sending[0].update(size)

    def stop(*_: object) -> None:
        # At once: threads of the hub's client would first end what they send. What is half done does no harm.
        click.echo(f"\nstopped; the same command sends what is missing to {repo}", err=True)
        os._exit(130)

    signal.signal(signal.SIGINT, stop)
    with bars:
        if dry_run:
            found = hub.changes(directory, repo, private, tag, tell, reading.update)
        else:
            sent = hub.publish(directory, repo, private, tag, tell, reading.update, begin, tick)
    if dry_run:
        for file in found.send:
            click.echo(f"send    {file.path}  {file.size / 1e6:,.3f} MB")
        for path in found.delete:
            click.echo(f"delete  {path}")
        where = f"{repo}, to be created{' as a private one' if private else ''}" if found.new else repo
        click.echo(f"{_changed(found)} would go to {where}" + (f", tagged {tag}" if tag else ""))
    elif sent.changes:
        click.echo(f"published {_changed(sent.changes)} to {repo}, commit {sent.commit[:12]}")
    else:
        click.echo(f"{repo} is up to date: nothing sent, nothing committed ({sent.commit[:12]})")


def _changed(changes: Any) -> str:
    gone = f", without {len(changes.delete)} that are no longer part of it" if changes.delete else ""
    return f"{len(changes.send)} files, {changes.bytes / 1e6:,.1f} MB{gone}"


def main() -> None:
    """Run; what goes wrong is one line on standard error and exit code 2."""
    try:
        cli.main(standalone_mode=False)
    except SubsynthError as error:
        _fail(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)


def _fail(message: str) -> None:
    click.echo("subsynth: error: " + " ".join(message.split()), err=True)
    sys.exit(2)


def _spec(file: str | None, **flags: Any) -> Spec:
    given = {key: value for key, value in flags.items() if value is not None}
    if file is not None:
        return Spec.load(file, **given)
    return Spec.from_yaml("{}", "flags", **given)


def _told(spec: Spec) -> str:
    return " + ".join(f"{spec.size(split):,} {split}" for split in spec.splits) + " pairs"


def _part(rank: int | None, world: int | None, engine: str, overwrite: bool) -> tuple[int, int] | None:
    if rank is None and world is None:
        return None
    if rank is None or world is None:
        raise click.UsageError(
            "--rank and --world-size go together: --rank 0 --world-size 4 is the first of four parts"
        )
    if world < 1 or not 0 <= rank < world:
        raise click.BadParameter(f"--rank is {rank} of --world-size {world}; 0 to world size - 1 is needed")
    if engine != "local":
        raise click.UsageError(f"--rank is for runs without an engine; leave out --rank or --engine {engine}")
    if overwrite:
        raise click.UsageError(
            "--overwrite would remove what other ranks have rendered; empty the place before they begin"
        )
    return rank, world


def _steps(names: Iterable[str], quiet: bool) -> Iterable[str]:
    bar = _bar(quiet, iterable=list(names), unit="", desc="preparing", leave=False)
    for name in bar:
        bar.set_postfix_str(name)
        yield name


def _bar(quiet: bool, **options: Any) -> Any:
    # A terminal that tells no size (0 x 0) would hide the bar: shutil takes 80 columns for it.
    return tqdm(disable=quiet, ncols=min(110, shutil.get_terminal_size().columns), nrows=20, **options)


def _advance(bar: Any, rows: int) -> None:
    if rows:
        bar.update(rows)
