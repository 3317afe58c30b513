"""Train a generator on pairs: `python -m dbram_baseline.train --data sub_en`."""

from __future__ import annotations

from pathlib import Path

import click

from dbram_baseline.command import WIDE, run_command
from dbram_baseline.data.rendering import SPECS
from dbram_baseline.networks.device import select_device
from dbram_baseline.training.config import PRESETS, Value, build_config, hyperparameter_options
from dbram_baseline.training.loop import train
from subsynth.core.terminal import echo

FILM_DATA = ("film_en", "film_zh", "sub_en", "sub_zh")  # what `compact` is trained on unless --data says otherwise


@click.command("train", context_settings=WIDE | {"show_default": False})
@click.option(
    "--data",
    help="Directory, hub name, several by commas, render:en, render:film_en.  [./sub_en, or render:en; of compact: "
    "film and sub, en and zh]",
)
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Initial hyperparameters.  [demo; small on a GPU]")
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the run.  [runs/<model>-<preset>-<data>]")
@click.option("--init", metavar="CHECKPOINT",
              help="Weights to start from: those of another run, or bundled:compact.  [random]")  # fmt: skip
@click.option("--resume", is_flag=True, help="Continue from the last checkpoint of the run.")
@hyperparameter_options
def command(data: str | None, preset: str | None, out: Path | None, init: str | None, resume: bool,
            **overrides: Value | None) -> None:  # fmt: skip
    """Train DB-RAM, or a model it is compared with, to separate subtitles from pictures.

    \b
    Examples:
      python -m dbram_baseline.train
      python -m dbram_baseline.train --data sub_en --preset paper
      python -m dbram_baseline.train --data sub_en,sub_zh --model nonlocal --steps 5000
      python -m dbram_baseline.train --model compact --preset compact --data film_en,film_zh,sub_en,sub_zh
      python -m dbram_baseline.train --model compact --preset compact --init bundled:compact --data film_ja --lr 5e-4
      torchrun --nproc_per_node=4 -m dbram_baseline.train --data sub_en --preset paper
    """
    device = select_device(str(overrides["device"] or "auto"))
    data = _rendered(data or ",".join(FILM_DATA)) if overrides["model"] == "compact" else data
    data = data or ("sub_en" if Path("sub_en").is_dir() else "render:en")
    preset = preset or ("small" if device.type == "cuda" else "demo")
    config = build_config(preset, overrides)
    slug = "-".join(part.strip("./:").replace("/", "_").replace(":", "-") for part in data.split(","))
    out = out or Path("runs") / f"{config.model}-{preset}-{slug}"
    train(config, data, preset, out, resume, overrides, init=init or "")


def _rendered(data: str) -> str:
    """For `compact`, which learns from soft ground truth: presets by their names alone are rendered.

    A stored set has no soft ground truth, so that none can be meant, even if there is a folder of that name.
    """
    names = data.split(",")
    if not all(name in SPECS for name in names):
        return data
    for name in dict.fromkeys(names):
        if Path(name).exists():
            echo(f"note: ./{name} is not read, since stored sets have no soft ground truth; its pairs are rendered")
    return f"render:{data}"


if __name__ == "__main__":
    run_command(command)
