"""Checkpoints: the weights as safetensors with the configuration inside, and beside them the state for resuming.

`last.safetensors` contains its step, which names the `state-<step>.pt` that belongs to it. The state is written
first, then the weights replace the older ones atomically, and only then is the older state removed. Whenever a run is
killed, one complete checkpoint exists.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from dbram_baseline.errors import BaselineError
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.training.config import Config
from dbram_baseline.training.step import Learner

LAST = "last.safetensors"
_METADATA = "dbram_baseline"  # key of the metadata in the file


@dataclass(frozen=True)
class CheckpointInfo:
    """The metadata of a checkpoint: how it was trained, and for how many steps."""

    config: Config
    data: str  # as given to --data
    preset: str
    step: int

    @property
    def label(self) -> str:
        """The name of the network in tables."""
        return f"{self.config.model} {self.config.width}, step {self.step:,}"

    def to_json(self) -> str:
        """The metadata as JSON text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> CheckpointInfo:
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError."""
        record = json.loads(text)
        return cls(Config(**record["config"]), record["data"], record["preset"], record["step"])


def save_checkpoint(folder: Path, info: CheckpointInfo, networks: Mapping[str, nn.Module], learner: Learner,
                    device: torch.device) -> None:  # fmt: skip
    """Write the networks, the optimizers, the pools and the random state as one checkpoint, replacing the last."""
    state_path = folder / f"state-{info.step}.pt"
    scratch = folder / f"state.{os.getpid()}.tmp"
    torch.save(_state(learner, device), scratch)
    _replace(scratch, state_path)
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    scratch = folder / f"last.{os.getpid()}.tmp"
    save_file(tensors, scratch, {_METADATA: info.to_json()})
    _replace(scratch, folder / LAST)
    for old in folder.glob("state-*.pt"):
        if old != state_path:
            old.unlink()


def _replace(scratch: Path, path: Path) -> None:
    """Move a file to its name, after its content has reached the disk."""
    with scratch.open("rb") as file:
        os.fsync(file.fileno())
    scratch.replace(path)


def read_info(path: Path) -> CheckpointInfo:
    """The metadata of a checkpoint. Raises BaselineError."""
    try:
        with safe_open(str(path), "pt") as file:
            return CheckpointInfo.from_json(file.metadata()[_METADATA])
    except FileNotFoundError as error:
        raise BaselineError(f"{path}: no such checkpoint; train one: python -m dbram_baseline.train") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BaselineError(f"{path}: not a checkpoint of dbram_baseline ({error})") from error


def load_weights(path: Path, networks: Mapping[str, nn.Module]) -> None:
    """Load the weights of networks, by their names. Raises BaselineError if they do not fit."""
    with safe_open(str(path), "pt") as file:
        keys = list(file.keys())
        for name, network in networks.items():
            weights = {k.removeprefix(f"{name}."): file.get_tensor(k) for k in keys if k.startswith(f"{name}.")}
            try:
                network.load_state_dict(weights)
            except RuntimeError as error:
                reason = str(error).splitlines()[0]
                raise BaselineError(f"{path}: its {name} is a different network ({reason})") from error


def load_state(path: Path, step: int, learner: Learner, device: torch.device) -> None:
    """Restore the optimizers, the pools and the random state beside a checkpoint.

    Only tensors and plain values are read from the file, so that it cannot run code.
    """
    state = torch.load(path.parent / f"state-{step}.pt", weights_only=True, map_location="cpu")
    for name, optimizer in learner.optimizers.items():
        optimizer.load_state_dict(state["adam"][name])
    torch.set_rng_state(state["rng"])
    if device.type == "cuda" and "cuda_rng" in state:
        torch.cuda.set_rng_state(state["cuda_rng"], device)
    learner.pools = {name: images.to(device) for name, images in state.get("memory", {}).items()}


def _state(learner: Learner, device: torch.device) -> dict[str, Any]:
    """The content of the state file, as `load_state` reads it."""
    state: dict[str, Any] = {
        "adam": {name: optimizer.state_dict() for name, optimizer in learner.optimizers.items()},
        "rng": torch.get_rng_state(),
        "memory": {name: images.cpu() for name, images in learner.pools.items()},
    }
    return state | ({"cuda_rng": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def load_generator(path: Path) -> tuple[nn.Module, CheckpointInfo]:
    """The generator of a checkpoint, in evaluation mode, and the metadata. Raises BaselineError."""
    info = read_info(path)
    config = info.config
    network = build_generator(config.model, config.width, config.attn1, config.norm, config.dropout)
    load_weights(path, {"generator": network})
    return network.eval(), info
