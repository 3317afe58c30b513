"""Score a trained generator, or classical methods, on a set: `python -m dbram_baseline.score --data sub_en`."""

from __future__ import annotations

import json
import math
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from dbram_baseline.classical.thresholds import METHODS
from dbram_baseline.command import WIDE, device_option, precision_option, run_command
from dbram_baseline.data.refs import DataRef, Kind
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.eval_set import EvalSet, load_eval_set
from dbram_baseline.evaluation.evaluate import evaluate, predict
from dbram_baseline.evaluation.metrics import METRICS
from dbram_baseline.evaluation.systems import ALL_WHITE, ORACLE, RAW, UNCHANGED, untrained_outputs
from dbram_baseline.evaluation.tables import score_table
from dbram_baseline.evaluation.values import Score
from dbram_baseline.files import check_output, write_file
from dbram_baseline.networks.device import select_device
from dbram_baseline.reproduction.published import beside_table_2
from dbram_baseline.training.checkpoint import CheckpointInfo, load_generator
from subsynth.core.terminal import echo, echo_error

DEFAULT_METHODS = ("otsu", "sauvola", "wolf", "su", ALL_WHITE)
BLANK_NOTE = (
    "\nMeans over the frames with text: F-measure, P-FM, DRD, NRM and the SSIM error share. Over the frames without "
    "text:\nblank ink, the share of their pixels that are binarized as text. Over all frames: the others."
)


@click.command("score", context_settings=WIDE)
@click.option("--checkpoint", "checkpoints", multiple=True, type=click.Path(path_type=Path),
              help="A trained generator; may be repeated.")  # fmt: skip
@click.option("--method", "methods", multiple=True, type=click.Choice([*METHODS, ALL_WHITE]),
              help=f"A classical method; may be repeated.  [{', '.join(DEFAULT_METHODS)}]")  # fmt: skip
@click.option("--data", default="sub_en", help="Directory, hub name, dibco:PATH, plm:PATH, istd:PATH.  [./sub_en]")
@click.option("--split", default="test", show_default=True, help="Split of the data.")
@click.option("--n", "limit", type=int, default=0, help="Score only the first pairs.  [all]")
@precision_option
@device_option
@click.option("--out", type=click.Path(path_type=Path), help="JSON to write, such as sub_en/scores.json for the card.")
def command(checkpoints: tuple[Path, ...], methods: tuple[str, ...], data: str, split: str, limit: int,
            precision: str, device_name: str, out: Path | None) -> None:  # fmt: skip
    """Score on a split: checkpoints beside classical methods, all-white, and the paper's own figures.

    \b
    Examples:
      python -m dbram_baseline.score --checkpoint runs/dbram-demo-sub_en/last.safetensors --data sub_en
      python -m dbram_baseline.score --method sauvola --data sub_en
    """
    if limit < 0:
        raise click.BadParameter(f"--n is {limit}; must be at least 1, or 0 for all")
    ref = DataRef.parse(data)
    if out:
        check_output(out)
    networks = [(path, *load_generator(path)) for path in checkpoints]  # unusable checkpoints are rejected first
    device = select_device(device_name)
    if methods and ref.kind is Kind.SHADOWS:
        raise BaselineError(f"--method {methods[0]} is for text; --data {data} has shadows")
    eval_set = load_eval_set(ref, split, limit, quiet=not sys.stderr.isatty())
    trained = [_score_network(*network, eval_set, device, precision) for network in networks]
    untrained = _score_untrained(methods or DEFAULT_METHODS, eval_set)
    scores = [*untrained, *trained] if ref.kind is Kind.SHADOWS else [*trained, *untrained]
    split_label = split if ref.has_splits else "whole pages"
    echo(f"{data}, {split_label}: {len(eval_set):,} pairs, {_description(eval_set)}\n")
    echo(score_table(scores, [m for m in METRICS if m.key in scores[0].means and not m.for_comparison]))
    if eval_set.blank_count:
        echo(BLANK_NOTE)
    if networks and ref.kind is Kind.SUBTITLES:
        echo(beside_table_2([*trained, *(s for s in untrained if s.method == ALL_WHITE)]))
    if out:
        _write(out, split_label, eval_set, scores)
        echo(f"\nwrote {out}")


def _score_network(path: Path, network: torch.nn.Module, info: CheckpointInfo, eval_set: EvalSet,
                   device: torch.device, precision: str) -> Score:  # fmt: skip
    started = time.monotonic()
    colour = eval_set.masks is not None
    outputs = predict(network, eval_set.images, device, precision, colour, eval_set.quiet)
    speed = len(eval_set) / (time.monotonic() - started)
    echo_error(f"{path}: {info.label}, trained on {info.data}; {speed:.1f} images/s")
    return Score(info.label, evaluate(eval_set, outputs).means(), speed)


def _score_untrained(methods: Sequence[str], eval_set: EvalSet) -> list[Score]:
    """The methods, each classical one with both polarities; for shadows, the images as they are."""
    if eval_set.masks is not None:
        systems = [UNCHANGED]
    else:
        systems = [name for m in methods for name in ([m] if m == ALL_WHITE else [m + RAW, m + ORACLE])]
    return [Score(name, evaluate(eval_set, untrained_outputs(name, eval_set)).means()) for name in systems]


def _description(eval_set: EvalSet) -> str:
    if eval_set.masks is None:
        blank = eval_set.blank_count
        counts = f"{len(eval_set) - blank:,} with text and {blank:,} without, " if blank else ""
        return f"{counts}{eval_set.text_share:.1%} of pixels are text"
    return f"{eval_set.masks.mean():.1%} of pixels are in shadow; MAE is what many papers print as RMSE"


def _write(path: Path, split: str, eval_set: EvalSet, scores: Sequence[Score]) -> None:
    hidden = {m.key for m in METRICS if m.for_comparison}
    rows = [{k: _finite(v) for k, v in score.to_json().items() if k not in hidden} for score in scores]
    line = shlex.join(["python", "-m", "dbram_baseline.score", *sys.argv[1:]])
    pairs, blank = len(eval_set), eval_set.blank_count
    counts = {"pairs": pairs} | ({"pairs_with_text": pairs - blank, "pairs_without_text": blank} if blank else {})
    record = {"command": line, "split": split, **counts, "rows": rows}
    write_file(path, (json.dumps(record, indent=1) + "\n").encode())


def _finite(value: str | float) -> str | float | None:
    """The value, or None for nan, which JSON does not have."""
    return None if isinstance(value, float) and math.isnan(value) else value


if __name__ == "__main__":
    run_command(command)
