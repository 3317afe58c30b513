"""The commands that look into a data set: preview, stats, verify."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from PIL import Image

from subsynth import verify as verification
from subsynth.assets.assets import Assets
from subsynth.cli.options import (
    LANG,
    PRESET,
    SEED,
    SPEC,
    TEXT,
    TRUST_PATHS,
    VIDEO,
    check_at_least_one,
    spec_from_options,
)
from subsynth.cli.progress import ProgressBar, prepare_assets
from subsynth.core.errors import OutputError
from subsynth.core.terminal import echo, one_line
from subsynth.rendering.render import Renderer
from subsynth.report.contact_sheet import draw_contact_sheet, read_samples, render_samples
from subsynth.report.drawing import save_png
from subsynth.report.layer_strip import draw_layer_strip
from subsynth.report.stats import format_stats, stats_of_directory
from subsynth.report.stats_plot import plot_stats
from subsynth.spec.outside_paths import check_paths
from subsynth.spec.spec import SPLITS, Spec
from subsynth.storage import paths


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@LANG
@PRESET
@click.option("--index", type=int, help="Draw the layers of the sample with this index.")
@click.option(
    "--split", type=click.Choice(SPLITS), default="train", show_default=True, help="Split to take samples from."
)
@click.option("--count", type=int, default=36, show_default=True, help="Number of samples on the contact sheet.")
@SEED
@TEXT
@VIDEO
@SPEC
@TRUST_PATHS
@click.option("--out", type=click.Path(path_type=Path), help="PNG file to write.  [default: named after its content]")
def preview(
    directory: Path | None, lang: str | None, preset: str | None, index: int | None, split: str, count: int,
    seed: int | None, texts: tuple[str, ...], videos: tuple[str, ...], spec_file: str | None, trust_paths: bool,
    out: Path | None,
) -> None:  # fmt: skip
    """Draw a contact sheet of samples, or the layers of one sample.

    A contact sheet shows each image above its ground truth.

    \b
    Examples:
      subsynth preview sub_zh                     samples of a rendered data set
      subsynth preview --lang zh                  samples that would be rendered
      subsynth preview --video a.mkv              on frames of your own film
      subsynth preview --lang en --index 17       the layers of one sample
      subsynth preview --lang zh --preset film    bands of video
    """
    check_at_least_one("--count", count)
    if index is not None and index < 0:
        raise click.BadParameter(f"--index is {index}; must be at least 0")
    if directory is not None and not directory.is_dir():
        raise OutputError(f"{directory}: no such directory; render it first, or use --lang")
    if directory is not None and index is None:
        name, picture = directory.resolve().name, draw_contact_sheet(read_samples(directory, split, count))
        path = out or Path(f"{name}-preview.png")
    else:
        spec_file = str(directory / paths.SPEC) if directory else spec_file
        spec = spec_from_options(spec_file, texts, videos, lang=lang, preset=preset, seed=seed)
        if directory is not None:
            check_paths(spec, directory, str(directory), trust_paths)
        path, picture = _render_preview(spec, split, index, count)
    save_png(picture, out or path)
    echo(f"wrote {one_line(str(out or path))} ({picture.width} x {picture.height} px)")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="PNG file to write.  [default: <directory>-stats.png]")
def stats(directory: Path, out: Path | None) -> None:
    """Show the distributions of a data set as a table and as plots.

    \b
    Examples:
      subsynth stats sub_zh
      subsynth stats sub_zh --out figures/zh.png
    """
    stats_of_splits = stats_of_directory(directory)
    echo(format_stats(stats_of_splits))
    name = directory.resolve().name
    path = out or Path(f"{name}-stats.png")
    plot_stats(stats_of_splits, name, path)
    echo(f"wrote {one_line(str(path))}")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--sample", type=int, default=64, show_default=True, help="Number of rows per split to render again.")
@TRUST_PATHS
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(directory: Path, sample: int, trust_paths: bool, as_json: bool) -> None:
    """Check the files, columns, pixels and splits of a data set.

    Every row is decoded and compared with the digests of the manifest, and a sample of the rows is rendered again
    from their columns. In a damaged shard all rows are rendered again, so that each damaged row can be named. The
    exit code is 0 if the data set is intact, and 1 if not. If the set's spec.yaml names your own fonts, texts,
    pictures or films, rows are rendered again only with --trust-paths.

    \b
    Examples:
      subsynth verify sub_zh
      subsynth verify sub_zh --json --sample 1000
    """
    check_at_least_one("--sample", sample)
    with ProgressBar("verifying", " rows") as progress:
        report = verification.verify(directory, sample, progress, trust_paths=trust_paths)
    echo(_json(report, directory) if as_json else _text(report))
    sys.exit(1 if report.violations else 0)


def _render_preview(spec: Spec, split: str, index: int | None, count: int) -> tuple[Path, Image.Image]:
    """The layers of the sample `index`, or a contact sheet of the first `count` samples; and its default file name."""
    prepare_assets(spec, count if index is None else 1)
    renderer = Renderer(Assets.open(spec, split))
    if index is None:
        return Path(f"{spec.name}-preview.png"), draw_contact_sheet(render_samples(renderer, count))
    return Path(f"{spec.name}-{split}-{index}.png"), draw_layer_strip(renderer, index)


def _json(report: verification.Report, directory: Path) -> str:
    values = {
        "ok": not report.violations,
        "directory": str(directory),
        "shards": report.shards,
        "rows": report.rows,
        "rendered_again": report.rendered,
        "not_checked": report.not_checked,
        "violations": [violation._asdict() for violation in report.violations],
    }
    return json.dumps(values, ensure_ascii=False)


def _text(report: verification.Report) -> str:
    lines = [
        one_line(f"{shard}{f', row {row}' if row >= 0 else ''}: {problem}") for shard, row, problem in report.violations
    ]
    lines += [f"not checked: {one_line(report.not_checked)}"] if report.not_checked else []
    result = f"{len(report.violations)} violations" if report.violations else "no violations"
    lines.append(f"{report.rows:,} rows in {report.shards} shards read, {report.rendered:,} rendered again: {result}")
    return "\n".join(lines)
