"""One training step on pairs: of the generator, and of its discriminator if it has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dbram_baseline.training.config import LOSS_TERMS, Config
from dbram_baseline.training.losses import discriminator_loss, f_measure_terms, generator_terms
from dbram_baseline.training.optimizer import descend


@dataclass
class Learner:
    """What a step changes: networks and their optimizers, by the same names, and the image pools of CycleGAN."""

    config: Config
    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    bf16: bool = False  # whether the networks run in bf16
    world: int = 1  # number of processes
    pools: dict[str, Tensor] = field(default_factory=dict)

    def autocast(self, device: torch.device) -> torch.autocast:
        """The context that networks run in."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bf16)


# A step takes a batch of inputs and targets (B, 3, H, W) in [-1, 1]; it returns the terms of the losses as scalars,
# "loss" (their weighted sum) first.
Step = Callable[[Learner, Tensor, Tensor], dict[str, Tensor]]


def paired_step(learner: Learner, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """One step by the losses of `losses.py`."""
    config, generator = learner.config, learner.networks["generator"]
    discriminator = learner.networks.get("discriminator")
    with learner.autocast(inputs.device):
        fake = generator(inputs)
    logits, discriminator_terms = None, {}
    if discriminator is not None:
        with learner.autocast(inputs.device):  # in two calls, since real and generated statistics differ
            real_logits, fake_logits = discriminator(inputs, targets), discriminator(inputs, fake.detach())
        discriminator_terms = {"discriminator": discriminator_loss(real_logits, fake_logits)}
        descend(discriminator_terms["discriminator"], [learner.optimizers["discriminator"]], learner.world)
        discriminator.requires_grad_(False)
        with learner.autocast(inputs.device):
            logits = discriminator(inputs, fake)
    weights = {name: weight for name in LOSS_TERMS if (weight := getattr(config, name))}
    terms = generator_terms(fake, targets, logits, weights)
    if config.fm or config.pfm:
        terms |= {name: term for name, term in f_measure_terms(fake, targets).items() if name in weights}
    loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    descend(loss, [learner.optimizers["generator"]], learner.world)
    if discriminator is not None:
        discriminator.requires_grad_(True)
    return {"loss": loss} | terms | discriminator_terms
