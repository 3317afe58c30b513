"""Train a generator on pairs: `python -m dbram_baseline.train --data sub_en`."""

from __future__ import annotations

from pathlib import Path

import click

from dbram_baseline.command import WIDE, run_command
from dbram_baseline.networks.device import select_device
from dbram_baseline.training.config import PRESETS, Value, build_config, hyperparameter_options
from dbram_baseline.training.loop import train


@click.command("train", context_settings=WIDE | {"show_default": False})
@click.option(
    "--data", help="Directory, hub name, several by commas, render:en, render:film_en.  [./sub_en, or render:en]"
)
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Initial hyperparameters.  [demo; small on a GPU]")
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the run.  [runs/<model>-<preset>-<data>]")
@click.option("--resume", is_flag=True, help="Continue from the last checkpoint of the run.")
@hyperparameter_options
def command(data: str | None, preset: str | None, out: Path | None, resume: bool, **overrides: Value | None) -> None:
    """Train DB-RAM, or a model it is compared with, to separate subtitles from pictures.

    \b
    Examples:
      python -m dbram_baseline.train
      python -m dbram_baseline.train --data sub_en --preset paper
      python -m dbram_baseline.train --data sub_en,sub_zh --model nonlocal --steps 5000
      torchrun --nproc_per_node=4 -m dbram_baseline.train --data sub_en --preset paper
    """
    device = select_device(str(overrides["device"] or "auto"))
    data = data or ("sub_en" if Path("sub_en").is_dir() else "render:en")
    preset = preset or ("small" if device.type == "cuda" else "demo")
    config = build_config(preset, overrides)
    slug = "-".join(part.strip("./:").replace("/", "_").replace(":", "-") for part in data.split(","))
    out = out or Path("runs") / f"{config.model}-{preset}-{slug}"
    train(config, data, preset, out, resume, overrides)


if __name__ == "__main__":
    run_command(command)
