"""Checkpoints: the weights as safetensors with the configuration inside, and beside them the state for resuming.

`last.safetensors` contains its step, which names the `state-<step>.pt` that belongs to it. The state is written
first, then the weights replace the older ones atomically, and only then is the older state removed. Whenever a run is
killed, one complete checkpoint exists.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from dbram_baseline.errors import BaselineError, reason
from dbram_baseline.files import check_regular, temporary_file
from dbram_baseline.networks.compact import Compact
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.training.config import MAX_COUNT, Config
from dbram_baseline.training.state import training_state
from dbram_baseline.training.step import Learner

LAST = "last.safetensors"
AVERAGE = "average"  # the network with the moving average of the generator's weights, of models that have one
MAX_METADATA = 1 << 16  # characters
METADATA = "dbram_baseline"  # key of the metadata in the file
MODEL_FILE = "model.safetensors"  # in the folder of an exported model
EXPORTED = ""  # the name of the only network of an exported file
BUNDLED = "bundled:"  # prefix of the name of a model in the package


@dataclass(frozen=True)
class CheckpointInfo:
    """The metadata of a checkpoint: how it was trained, from which weights, and for how many steps."""

    config: Config
    data: str  # as given to --data
    preset: str
    step: int
    init: str = ""  # as given to --init; empty: random weights

    @property
    def label(self) -> str:
        """The name of the network in tables."""
        return f"{self.config.model} {self.config.width}, step {self.step:,}"

    def to_json(self) -> str:
        """The metadata as JSON text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> CheckpointInfo:
        """Read what `to_json` wrote. Raises BaselineError for anything else."""
        try:
            record: Any = json.loads(text) if len(text) <= MAX_METADATA else None
        except (ValueError, RecursionError) as error:
            raise BaselineError(f"its metadata is not JSON: {str(error)[:100]}") from error
        names = [field.name for field in dataclasses.fields(cls)]
        record = {"init": ""} | record if isinstance(record, dict) else {}  # older checkpoints have no such key
        if sorted(record) != sorted(names):
            raise BaselineError(f"its metadata is not an object of {', '.join(names)}")
        data, preset, step, init = record["data"], record["preset"], record["step"], record["init"]
        if not all(isinstance(value, str) and value.isprintable() for value in (data, preset, init)):
            raise BaselineError("the names of its data, its preset and its first weights are not text")
        if type(step) is not int or not 0 <= step <= MAX_COUNT:
            raise BaselineError(f"its step is {str(step)[:40]!r}; must be a number from 0 to {MAX_COUNT}")
        return cls(Config.from_json(record["config"]), data, preset, step, init)


def save_checkpoint(folder: Path, info: CheckpointInfo, networks: Mapping[str, nn.Module], learner: Learner,
                    device: torch.device) -> None:  # fmt: skip
    """Write the networks, the optimizers, the pools and the random state as one checkpoint, replacing the last.

    Raises BaselineError if that is impossible; the last checkpoint then remains.
    """
    state_path = folder / f"state-{info.step}.pt"
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    try:
        with temporary_file(state_path) as temporary:
            torch.save(training_state(learner, device), temporary)
        with temporary_file(folder / LAST) as temporary:
            save_file(tensors, temporary, {METADATA: info.to_json()})
        for old in folder.glob("state-*.pt"):
            if old != state_path:
                old.unlink()
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors have their own for a full disk
        full = "unexpected pos" in str(error) or "file write failed" in str(error)  # how torch reports it
        cure = (
            "start again with --resume, which continues from the last one" if (folder / LAST).exists() else "try again"
        )
        raise BaselineError(
            f"{folder}: the checkpoint of step {info.step:,} cannot be written "
            f"({'no space left' if full else reason(error)}); free some space and {cure}"
        ) from error


def read_info(path: Path) -> CheckpointInfo:
    """The metadata of a checkpoint. Raises BaselineError."""
    if not path.exists():
        raise BaselineError(f"{path}: no such checkpoint; train one: python -m dbram_baseline.train")
    with _open(path) as file:
        text = (file.metadata() or {}).get(METADATA)
    if text is None:
        raise BaselineError(f"{path}: not a checkpoint of dbram_baseline; it has no metadata")
    try:
        return CheckpointInfo.from_json(text)
    except BaselineError as error:
        raise BaselineError(f"{path}: not a checkpoint of this version of dbram_baseline ({error})") from error


def check_shapes(path: Path, build: Callable[[], Mapping[str, nn.Module]]) -> None:
    """Raise BaselineError if a checkpoint lacks a tensor of the networks that `build` returns, or has another shape.

    They are built without memory, so that metadata cannot ask for more than the file has.
    """
    with torch.device("meta"):
        networks = build()
    with _open(path) as file:
        present = set(file.keys())
        for name, network in networks.items():
            for key, value in network.state_dict().items():
                full_name = _prefix(name) + key
                shape = tuple(file.get_slice(full_name).get_shape()) if full_name in present else None
                if shape != tuple(value.shape):
                    raise BaselineError(
                        f"{path}: its {name} is a different network ({full_name} is {shape or 'missing'}, not "
                        f"{tuple(value.shape)})"
                    )


def load_weights(path: Path, networks: Mapping[str, nn.Module]) -> None:
    """Load the weights of networks, by their names. Raises BaselineError if they do not fit."""
    with _open(path) as file:
        keys = list(file.keys())
        for name, network in networks.items():
            prefix = _prefix(name)
            weights = {k.removeprefix(prefix): file.get_tensor(k) for k in keys if k.startswith(prefix)}
            try:
                network.load_state_dict(weights)
            except RuntimeError as error:
                raise BaselineError(f"{path}: its {name} is a different network ({reason(error)})") from error
            for key, weight in network.state_dict().items():
                if not bool(torch.isfinite(weight).all()):
                    raise BaselineError(f"{path}: {name}.{key} is not finite; use another checkpoint")


def load_generator(path: Path) -> tuple[nn.Module, CheckpointInfo]:
    """The generator of a checkpoint, in evaluation mode, and the metadata. Raises BaselineError.

    `path` is a checkpoint of a run, a file of `export`, or `bundled:NAME`, a model in the package. Where a checkpoint
    has the moving average of its weights, these are taken.
    """
    path = _bundled(str(path)) if str(path).startswith(BUNDLED) else path
    info = read_info(path)
    config = info.config
    with _open(path) as file:
        keys = list(file.keys())
    first_parts = {key.split(".")[0] for key in keys}
    name = next((name for name in (AVERAGE, "generator") if name in first_parts), EXPORTED)
    has_context = any(key.startswith(f"{_prefix(name)}context.") for key in keys)  # older checkpoints have none

    def build() -> dict[str, nn.Module]:
        network = build_generator(config.model, config.width, config.attn1, config.norm, config.dropout)
        if isinstance(network, Compact) and not has_context:
            network.context = nn.Sequential()
        return {name: network}

    check_shapes(path, build)
    networks = build()
    load_weights(path, networks)
    return networks[name].eval(), info


def _prefix(name: str) -> str:
    """What the names of a network's tensors begin with in a file; nothing where it is the only network."""
    return f"{name}." if name else ""


def _bundled(name: str) -> Path:
    """The file of `bundled:NAME`. Raises BaselineError if the package has no such model."""
    folder = Path(str(files("subsynth.data.weights")))
    models = sorted(path.parent.name for path in folder.glob(f"*/{MODEL_FILE}"))
    model = name.removeprefix(BUNDLED)
    if model not in models:
        known = ", ".join(BUNDLED + model for model in models)
        raise BaselineError(f"{name}: no such model in the package; choose from {known}, or name a file")
    return folder / model / MODEL_FILE


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    """The open file of a checkpoint. What is wrong with it is raised as BaselineError."""
    check_regular(path)
    try:
        with safe_open(str(path), "pt") as file:
            yield file
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BaselineError(f"{path}: not a checkpoint of dbram_baseline ({reason(error)})") from error
