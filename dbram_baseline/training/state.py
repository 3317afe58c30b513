"""The state of a run beside its weights: optimizers, pools of images, and random generators."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dbram_baseline.errors import BaselineError, reason
from dbram_baseline.files import check_regular
from dbram_baseline.training.step import Learner

MAX_POOL = 1000  # images


def training_state(learner: Learner, device: torch.device) -> dict[str, Any]:
    """The content of the state file, as `load_state` reads it."""
    state: dict[str, Any] = {
        "adam": {name: optimizer.state_dict() for name, optimizer in learner.optimizers.items()},
        "rng": torch.get_rng_state(),
        "memory": {name: images.cpu() for name, images in learner.pools.items()},
    }
    return state | ({"cuda_rng": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def load_state(path: Path, step: int, learner: Learner, device: torch.device) -> None:
    """Restore the optimizers, the pools and the random state beside the checkpoint `path`. Raises BaselineError.

    Only tensors and plain values are read from the file, so that it cannot run code.
    """
    state_path = path.with_name(f"state-{step}.pt")
    try:
        check_regular(state_path)
        with warnings.catch_warnings(action="ignore"):  # what torch notices is raised below
            state = torch.load(state_path, weights_only=True, map_location="cpu")
        for name, optimizer in learner.optimizers.items():
            _load_optimizer(optimizer, state["adam"][name])
        torch.set_rng_state(state["rng"])
        if device.type == "cuda" and "cuda_rng" in state:
            torch.cuda.set_rng_state(state["cuda_rng"], device)
        pools = state.get("memory", {})
        learner.pools = {name: _pool(images).to(device) for name, images in pools.items()}
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise errors of many types, in torch, pickle and zipfile
        raise BaselineError(
            f"{state_path}: the state of the run cannot be read ({reason(error)}); {path.name} cannot be resumed "
            "without it: restore the file, or train again with another --out"
        ) from error


def _load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Load the moments of an optimizer; its hyperparameters are those of the configuration."""
    optimizer.load_state_dict({"state": saved["state"], "param_groups": optimizer.state_dict()["param_groups"]})
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter in parameters:
        moments = optimizer.state.get(parameter, {})
        if set(moments) != {"step", "exp_avg", "exp_avg_sq"}:
            raise ValueError("moments of a parameter are missing")
        for name, value in moments.items():
            shape = () if name == "step" else parameter.shape
            if not isinstance(value, Tensor) or value.shape != shape or not bool(torch.isfinite(value).all()):
                raise ValueError(f"{name} of a parameter has another shape, or is not finite")


def _pool(images: Tensor) -> Tensor:
    """Check a pool of CycleGAN's images (N, 3, H, W)."""
    if images.ndim != 4 or images.shape[1] != 3 or len(images) > MAX_POOL or not images.is_floating_point():
        raise ValueError(f"a pool of shape {tuple(images.shape)}")
    return images
