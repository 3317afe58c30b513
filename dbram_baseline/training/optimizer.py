"""One step of the optimizers, and the schedule of the learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, distributed


def descend(loss: Tensor, optimizers: Sequence[torch.optim.Optimizer], world: int = 1) -> None:
    """Step the optimizers down the gradient of a loss, averaged over all `world` processes."""
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if world > 1:  # all gradients in one message
        grads = [p.grad for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
        flat = torch.cat([g.reshape(-1) for g in grads])
        distributed.all_reduce(flat)
        for g, part in zip(grads, (flat / world).split([g.numel() for g in grads]), strict=True):
            g.copy_(part.view_as(g))
    for optimizer in optimizers:
        optimizer.step()


def learning_rate_factor(step: int, steps: int, unit: int) -> float:
    """The factor of the learning rate: 1 for half of the run, then linear to 0, as in pix2pix.

    It changes once per `unit` steps: an epoch, or 1.
    """
    units, current = -(-steps // unit), step // unit
    constant = units - units // 2
    return 1.0 - max(0, current + 1 - constant) / (units - constant + 1)


def adam(parameters: Iterable[Tensor], rate: float, beta1: float, device: torch.device) -> torch.optim.Optimizer:
    """Adam with a second beta of .999; on a GPU one that CUDA graphs can contain, with the rate as a tensor."""
    cuda = device.type == "cuda"
    return torch.optim.Adam(
        parameters,
        torch.tensor(rate, device=device) if cuda else rate,
        (beta1, 0.999),
        fused=device.type in ("cpu", "cuda"),
        capturable=cuda,
    )


def set_learning_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """Set the learning rate of all parameters."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):  # a graph reads it from its place in memory
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
