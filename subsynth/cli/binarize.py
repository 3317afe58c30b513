"""The command that binarizes pictures and films: binarize."""

from __future__ import annotations

from pathlib import Path

import click

from subsynth.assets.pictures import suffixes
from subsynth.binarization.binarizer import Binarizer
from subsynth.binarization.files import check_writable
from subsynth.binarization.film_files import binarize_film, check_film_out
from subsynth.binarization.jobs import LeftOut, plan_folder, plan_picture, run_jobs
from subsynth.binarization.outputs import BOXES, OUTPUTS
from subsynth.binarization.reading import TextReader
from subsynth.cli.progress import ProgressBar
from subsynth.core.errors import MaterialError, OutputError
from subsynth.core.terminal import echo, echo_error, one_line


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path),
              help="File, or folder for a folder or a film.  [default: <source>-bw beside the source; for the boxes of "
              "a picture <source>-boxes.jsonl]")  # fmt: skip
@click.option(
    "--output", type=click.Choice(OUTPUTS), default="soft", show_default=True,
    help="Black and white, the same with grey borders, text on a flat background, the mask to remove it by, or boxes "
    "as JSON lines.",
)  # fmt: skip
@click.option("--read", "reads", is_flag=True, help="Read the text of a film too, with the reader of the extra ocr.")
@click.option("--model", type=click.Path(path_type=Path), help="ONNX file of your own.  [default: the bundled one]")
def binarize(source: Path, out: Path | None, output: str, reads: bool, model: Path | None) -> None:
    """Separate burned-in subtitles from pictures and films.

    SOURCE is a picture, a folder of pictures, or a film. Text of any colour is found. A film is written as a folder
    with one picture for each subtitle and the table film.tsv (begin, end, file, box, confidence); with --read also as
    film.srt, or as the subtitle file that --out names. The exit code is 1 if some of the pictures of a folder could
    not be read.

    \b
    Examples:
      subsynth binarize frame.png
      subsynth binarize strips --out clean --output binary
      subsynth binarize film.mkv --out film
      subsynth binarize film.mkv --out film.srt --read
    """
    if not source.exists():
        raise MaterialError(f"{source}: no such file or folder; name a picture, a folder of pictures or a film")
    if not source.is_dir() and source.suffix.lower() not in suffixes():
        _binarize_film(source, out, output, reads, model)
        return
    if reads:
        raise OutputError("--read is for films; for pictures, call a reader of your own")
    jobs, others = plan_folder(source, out, output) if source.is_dir() else (plan_picture(source, out, output), 0)
    check_writable(jobs[0].target)
    binarizer = Binarizer(model)
    with ProgressBar("binarizing", " pictures") as progress:
        left_out = run_jobs(jobs, output, binarizer, progress)
    broken = left_out.broken
    if broken and not source.is_dir():
        raise MaterialError(broken[0])
    for message in broken:
        echo_error(f"subsynth: error: {message}")
    summary = _summary(len(jobs) - len(broken), left_out, others, jobs[0].target, output, source.is_dir())
    to_stream = jobs[0].target.exists() and not jobs[0].target.is_file()  # such as /dev/stdout
    (echo_error if to_stream else echo)(summary)
    if broken:
        raise SystemExit(1)


def _binarize_film(source: Path, out: Path | None, output: str, reads: bool, model: Path | None) -> None:
    out = out or source.with_name(f"{source.stem}-bw")
    check_film_out(source, out, reads)
    binarizer = Binarizer(model)
    reader = TextReader() if reads else None
    with ProgressBar("binarizing", " s") as progress:
        counts = binarize_film(source, out, output, binarizer, reader, progress)
    note = f"; no text could be read in {counts.unread:,} of them" if counts.unread else ""
    if counts.others:
        note += f"; {_number(counts.others, 'other text')} left out, as signs and watermarks"
    echo(f"wrote {_number(counts.subtitles, 'subtitle')} of {one_line(source.name)} to {one_line(str(out))}{note}")


def _summary(written: int, left_out: LeftOut, others: int, target: Path, output: str, is_folder: bool) -> str:
    place = target if output == BOXES or not is_folder else target.parent
    what = f"{_number(written, 'picture')} to " if is_folder else ""
    notes = [f"wrote {what}{one_line(str(place))}" if written else "no picture was written"]
    notes += [f"{len(left_out.broken):,} could not be read"] if left_out.broken else []
    notes += [f"{_number(others, 'other entry', 'other entries')} left out"] if others else []
    if marks := left_out.watermarks:
        kind = "watermarks" if marks > 1 else "a watermark"
        notes.append(f"{_number(marks, 'translucent line')} left out as {kind}")
    return "; ".join(notes)


def _number(count: int, noun: str, plural: str = "") -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or f'{noun}s'}"
