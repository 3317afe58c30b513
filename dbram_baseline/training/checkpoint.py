"""Checkpoints: weights as safetensors with the configuration in them, and beside them what going on needs.

`last.safetensors` names by its step the `state-<step>.pt` that belongs to it. The state is written first, the
weights then take the place of the older ones in one move, and only then the older state goes: whenever a run is
killed, one whole checkpoint is there.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from dbram_baseline.errors import BaselineError
from dbram_baseline.model import generator
from dbram_baseline.training.config import Config

LAST = "last.safetensors"


def save(folder: Path, step: int, nets: dict[str, nn.Module], state: dict[str, Any], about: dict[str, Any]) -> None:
    """Write networks (by name), optimizer and random state, and `about` (Config, data, preset) as one checkpoint."""
    scratch = folder / f"state.{os.getpid()}.tmp"
    torch.save(state, scratch)
    _in_place(scratch, folder / f"state-{step}.pt")
    tensors = {
        f"{name}.{k}": v.detach().cpu().contiguous() for name, net in nets.items() for k, v in net.state_dict().items()
    }
    told = about | {"config": dataclasses.asdict(about["config"]), "step": step}
    scratch = folder / f"last.{os.getpid()}.tmp"
    save_file(tensors, scratch, {"dbram_baseline": json.dumps(told)})
    _in_place(scratch, folder / LAST)
    for old in folder.glob("state-*.pt"):
        if old.name != f"state-{step}.pt":
            old.unlink()


def _in_place(scratch: Path, path: Path) -> None:
    with scratch.open("rb") as file:
        os.fsync(file.fileno())
    scratch.replace(path)


def about(path: Path) -> dict[str, Any]:
    """What a checkpoint tells of itself: config (a Config), data, preset, step. Raises BaselineError."""
    try:
        with safe_open(str(path), "pt") as file:
            told = json.loads(file.metadata()["dbram_baseline"])
        return told | {"config": Config(**told["config"])}
    except FileNotFoundError as error:
        raise BaselineError(f"{path}: no such checkpoint; train one: python -m dbram_baseline.train") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BaselineError(f"{path}: not a checkpoint of dbram_baseline's ({error})") from error


def load(path: Path, nets: dict[str, nn.Module]) -> None:
    """Put a checkpoint's weights into networks, by their names. Raises BaselineError if they do not fit."""
    with safe_open(str(path), "pt") as file:
        for name, net in nets.items():
            mine = {k.removeprefix(f"{name}."): file.get_tensor(k) for k in file.keys() if k.startswith(f"{name}.")}  # noqa: SIM118
            try:
                net.load_state_dict(mine)
            except RuntimeError as error:
                raise BaselineError(f"{path}: its {name} is another network ({str(error).splitlines()[0]})") from error


def state(path: Path, step: int) -> dict[str, Any]:
    """Optimizer and random state of a checkpoint; only plain tensors and numbers are read from the file."""
    found: dict[str, Any] = torch.load(path.parent / f"state-{step}.pt", weights_only=True, map_location="cpu")
    return found


def trained(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """A checkpoint's generator in evaluation mode, and what it tells of itself."""
    told = about(path)
    made: Config = told["config"]
    net = generator(made.model, made.width, made.attn1, made.norm, made.dropout)
    load(path, {"generator": net})
    return net.eval(), told
