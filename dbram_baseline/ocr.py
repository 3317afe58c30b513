"""What a text reader makes of subtitles before and after binarization: `python -m dbram_baseline.ocr --data sub_en`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from dbram_baseline.command import WIDE, device_option, precision_option, run_command
from dbram_baseline.data.refs import DataRef
from dbram_baseline.evaluation.edit_distance import levenshtein
from dbram_baseline.evaluation.eval_set import load_eval_set
from dbram_baseline.evaluation.evaluate import predict
from dbram_baseline.evaluation.metrics import METRICS
from dbram_baseline.evaluation.readers import READERS
from dbram_baseline.evaluation.reading import (
    CHECKPOINT,
    SPLITS,
    VERSIONS,
    evaluate_reading,
    images_to_read,
    load_reading_set,
)
from dbram_baseline.evaluation.tables import markdown_table
from dbram_baseline.files import check_output, write_file
from dbram_baseline.networks.device import select_device
from dbram_baseline.reproduction.published import table_5
from dbram_baseline.training.checkpoint import load_generator
from subsynth.core.terminal import echo


@click.command("ocr", context_settings=WIDE)
@click.option("--data", default="sub_en", show_default=True, help="Directory, or a name on the hub.")
@click.option("--split", "splits", multiple=True, help=f"Split of the data; may be repeated.  [{', '.join(SPLITS)}]")
@click.option("--n", "limit", type=int, default=500, show_default=True, help="Images of each split.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="A trained generator.")
@click.option(
    "--reader",
    "reader_name",
    type=click.Choice(list(READERS)),
    default="rapidocr",
    show_default=True,
    help="Text reader.",
)
@precision_option
@device_option
@click.option("--out", type=click.Path(path_type=Path), help="JSON to write.")
def command(data: str, splits: tuple[str, ...], limit: int, checkpoint: Path | None, reader_name: str,
            precision: str, device_name: str, out: Path | None) -> None:  # fmt: skip
    """Edit distances between the text that a reader returns and the true one.

    It reads the images as they are, binarized images, and the ground truth, which is the best that a binarization
    can reach. In a film set, the reader finds the lines itself, and frames without text are left out.

    \b
    Examples:
      python -m dbram_baseline.ocr --data sub_en --checkpoint runs/dbram-demo-sub_en/last.safetensors
      python -m dbram_baseline.ocr --data sub_zh --split test --n 100 --reader tesseract
    """
    if limit < 1:
        raise click.BadParameter(f"--n is {limit}; must be at least 1")
    if out:
        check_output(out)
    levenshtein()  # a missing package is reported before anything is read
    network = load_generator(checkpoint)[0] if checkpoint else None
    ref, quiet = DataRef.parse(data), not sys.stderr.isatty()
    rows: list[dict[str, str | int | float]] = []
    notes: list[str] = []
    for split in splits or SPLITS:
        reading_set = load_reading_set(ref, split, load_eval_set(ref, split, limit, quiet))
        eval_set, count = reading_set.eval_set, len(reading_set.texts)
        if reading_set.blank:
            notes.append(f"{split}: {reading_set.blank} of {count + reading_set.blank} images have no text, not read")
        counts = {"n": count} | ({"without_text": reading_set.blank} if reading_set.blank else {})
        reader = READERS[reader_name](reading_set.chinese, reading_set.find_lines)
        greys = network and predict(network, eval_set.images, select_device(device_name), precision, quiet=quiet)
        for version in VERSIONS:
            if version == CHECKPOINT and greys is None:
                continue
            images = images_to_read(version, eval_set, greys)
            values = evaluate_reading(reader, images, reading_set, f"{split}, {version}", quiet)
            rows.append({"split": split, "method": version, **counts, **values.means()})
    metrics = [m for m in METRICS if m.reading]
    cells = [
        [str(row["split"]), str(row["method"]), *(format(row[m.key], m.format) for m in metrics), str(row["n"])]
        for row in rows
    ]
    echo("\n".join([f"{data}: at most {limit} images of a split, read by {reader_name}", *notes, ""]))
    echo("\n".join(markdown_table(["split", "read from", *(m.label for m in metrics), "n"], cells)))
    echo(table_5())
    if out:
        record = {"data": data, "reader": reader_name, "rows": rows}
        write_file(out, (json.dumps(record, indent=1) + "\n").encode())
        echo(f"\nwrote {out}")


if __name__ == "__main__":
    run_command(command)
