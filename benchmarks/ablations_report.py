"""The report of `benchmarks/ablations.py`: means over images with 95 % intervals, and paired differences to DB-RAM."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dbram_baseline.evaluation.values import Interval

MODELS = ("dbram", "nonlocal-bilstm", "nonlocal", "only-lstm", "pix2pix", "resnet6")
REFERENCE = "dbram"
MEASURES = {"f_measure": ("F-measure", 4), "psnr": ("PSNR", 2), "ssim": ("SSIM", 4), "ssim_error_share": ("share", 4)}


@dataclass(frozen=True)
class Run:
    """A finished run; `values` has the measures of each test image, in the order of the split."""

    lang: str
    model: str
    seed: int
    config: dict[str, str | int | float | bool]
    pairs: int  # scored
    seconds: float
    seconds_training: float
    values: dict[str, list[float]]

    def means(self) -> dict[str, Interval]:
        return {key: Interval.of(np.array(self.values[key])) for key in MEASURES}

    def differences(self, other: Run) -> dict[str, Interval]:
        """The mean over images of this run's measures minus the other's."""
        return {k: Interval.of(np.array(self.values[k]) - np.array(other.values[k])) for k in MEASURES}


def write_report(out: Path, runs: Sequence[Run], missing: Sequence[str]) -> str:
    """Write ablations.json, ablations-images.json and ablations.md; return the Markdown."""
    runs = sorted(runs, key=lambda r: (r.lang, r.seed, MODELS.index(r.model)))
    references = {(r.lang, r.seed): r for r in runs if r.model == REFERENCE}
    rows = [(run, references.get((run.lang, run.seed))) for run in runs]
    images = {"runs": [dataclasses.asdict(run) for run in runs], "missing": list(missing)}
    _write(out / "ablations-images.json", json.dumps(images))
    summary = {"runs": [_summary(*row) for row in rows], "missing": list(missing)}
    _write(out / "ablations.json", json.dumps(summary, indent=1))
    text = "\n".join(_markdown(rows, missing)) + "\n"
    (out / "ablations.md").write_text(text)
    return text


def _write(path: Path, text: str) -> None:
    """Write a file atomically: the run may be stopped at any time."""
    scratch = path.with_name(f"{path.name}.tmp")
    scratch.write_text(text + "\n")
    scratch.rename(path)


def _summary(run: Run, reference: Run | None) -> dict[str, object]:
    record = {key: value for key, value in dataclasses.asdict(run).items() if key != "values"}
    record["means"] = {key: interval.to_json() for key, interval in run.means().items()}
    if reference is not None and reference is not run:
        differences = run.differences(reference)
        record[f"minus_{REFERENCE}"] = {key: interval.to_json() for key, interval in differences.items()}
    return record


def _markdown(rows: Sequence[tuple[Run, Run | None]], missing: Sequence[str]) -> list[str]:
    labels = [label for label, _ in MEASURES.values()]
    header = ["set", "seed", "model", *labels, *(f"{label} − DB-RAM" for label in labels), "s"]
    lines = [
        "Means over images with 95 % intervals, and the mean difference to DB-RAM with the same seed, image by image. "
        "share is the SSIM error share, (1 - SSIM) / (1 - SSIM of an all-white output).\n",
        f"| {' | '.join(header)} |",
        "|---" * len(header) + "|",
    ]
    for run, reference in rows:
        means = run.means()
        cells = [_cell(means[key], digits) for key, (_, digits) in MEASURES.items()]
        if reference is None or reference is run:
            cells += [""] * len(MEASURES)
        else:
            differences = run.differences(reference)
            cells += [_cell(differences[key], digits, "+") for key, (_, digits) in MEASURES.items()]
        lines.append(f"| {' | '.join([f'sub_{run.lang}', str(run.seed), run.model, *cells, f'{run.seconds:.0f}'])} |")
    return [*lines, *([f"\nWithout a result: {', '.join(missing)}."] if missing else [])]


def _cell(interval: Interval, digits: int, sign: str = "") -> str:
    if interval.mean is None or interval.low is None or interval.high is None:
        return "–"
    return f"{interval.mean:{sign}.{digits}f} ± {(interval.high - interval.low) / 2:.{digits}f}"
