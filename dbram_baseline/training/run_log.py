"""The log of a run: log.jsonl, TensorBoard files, pictures of the validation set, and curves at the end."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import cv2

from dbram_baseline.evaluation.metrics import BLANK_INK
from dbram_baseline.files import output_errors, write_file
from dbram_baseline.training.validation import Validation

_SUMMARY = ("psnr", "ssim", "f_measure", BLANK_INK)
Line = dict[str, float]  # "step", and terms of the losses ("loss", ...) or metrics of a validation ("psnr", ...)


class RunLog:
    """Appends to the log of the run in `out`; the constructor removes what is newer than the step to resume from.

    Every method raises BaselineError if files cannot be written.
    """

    def __init__(self, out: Path, start: int):
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - the import takes seconds

        self.out, self.path = out, out / "log.jsonl"
        # A killed run has logged steps after its last checkpoint; they will be trained and logged again.
        lines = [ln for ln in self._lines() if ln["step"] < start or ("psnr" in ln and ln["step"] == start)]
        write_file(self.path, "".join(json.dumps(line) + "\n" for line in lines).encode())
        with output_errors(out):
            self.file = self.path.open("a")
            self.tensorboard = SummaryWriter(out / "tensorboard", purge_step=start or None)
            (out / "grids").mkdir(exist_ok=True)

    def _lines(self) -> list[Line]:
        if not self.path.is_file():
            return []
        lines = []
        for text in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, RecursionError):  # the last line of a killed run may be incomplete
                line = json.loads(text)
                if isinstance(line, dict) and "step" in line and all(type(v) in (int, float) for v in line.values()):
                    lines.append(line)
        return lines

    def step(self, step: int, values: Line) -> None:
        """Log the values of a training step."""
        with output_errors(self.path):
            self.file.write(json.dumps({"step": step, **values}) + "\n")
            self.file.flush()
            for name, value in values.items():
                self.tensorboard.add_scalar(f"train/{name}", value, step)

    def validation(self, step: int, result: Validation) -> None:
        """Log a validation after `step` steps."""
        self.step(step, result.metrics)
        png = cv2.imencode(".png", result.picture[:, :, ::-1])[1].tobytes()
        write_file(self.out / "grids" / f"step-{step:07d}.png", png)
        with output_errors(self.out / "tensorboard"):
            self.tensorboard.add_image("validation", result.picture, step, dataformats="HWC")

    def summary(self) -> str:
        """The metrics of the last validation, as text."""
        validations = [line for line in self._lines() if "psnr" in line]
        if not validations:
            return "not validated"
        return ", ".join(f"{k} {validations[-1][k]:.3f}" for k in _SUMMARY if k in validations[-1])

    def close(self) -> None:
        """Close the files and draw the curves."""
        with output_errors(self.out):
            self.file.close()
            self.tensorboard.close()
        draw_curves(self._lines(), self.out / "curves.png")


def draw_curves(lines: list[Line], path: Path) -> None:
    """Draw the losses and the metrics of the validations over the steps."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - the import takes a second

    steps, validations = [ln for ln in lines if "loss" in ln], [ln for ln in lines if "psnr" in ln]
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for key in [k for k in (steps[0] if steps else {}) if k != "step"]:
        left.plot([ln["step"] for ln in steps], [ln[key] for ln in steps], linewidth=0.8, label=key)
    left.set(xlabel="step", title="terms of the losses, unweighted; loss is their weighted sum", yscale="log")
    for key in [k for k in ("f_measure", "ssim") if validations and k in validations[0]]:
        right.plot([ln["step"] for ln in validations], [ln[key] for ln in validations], marker="o", label=key)
    right.set(xlabel="step", title="validation", ylim=(0, 1))
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    write_file(path, content.getvalue())
