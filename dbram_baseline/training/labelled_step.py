"""One training step on soft ground truth and erase masks, of a network with logits for both."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dbram_baseline.training.checkpoint import AVERAGE
from dbram_baseline.training.optimizer import descend
from dbram_baseline.training.step import Learner

DICE, ERASE = 1.0, 0.5  # weights of the terms; that of the cross-entropy of text is 1
STACKS = (1, 2, 4)  # bands above each other, in turn at random: pictures and frames of films are taller than one band
STRIP_HEIGHT = 77  # px: enlarged strips are not higher, and not stacked
DECAY = 0.9995  # of the moving average of the weights, per step


def labelled_step(learner: Learner, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Inputs (B, 3, H, W) and the two planes of `render_labels` as targets (B, 2, H, W), both in [-1, 1].

    The loss is BCE of text + DICE (1 - soft Dice of text) + ERASE (BCE of the erase mask). Soft targets count in both
    cross-entropies; Dice sums over the whole batch, so that frames without text count only by their ink.
    """
    if inputs.shape[2] > STRIP_HEIGHT:
        count = math.gcd(STACKS[int(torch.randint(len(STACKS), ()))], len(inputs))
        inputs, targets = stacked(inputs, count), stacked(targets, count)
    with learner.autocast(inputs.device):
        logits = learner.networks["generator"].logits(inputs)
    logits, shares = logits.float(), (1 - targets) / 2
    bce = functional.binary_cross_entropy_with_logits(logits, shares, reduction="none").mean(dim=(0, 2, 3))
    text, truth = torch.sigmoid(logits[:, 0]), shares[:, 0]
    dice = 1 - (2 * (text * truth).sum() + 1) / (text.sum() + truth.sum() + 1)
    loss = bce[0] + DICE * dice + ERASE * bce[1]
    descend(loss, [learner.optimizers["generator"]], learner.world)
    update_average(learner.networks[AVERAGE], learner.networks["generator"])
    return {"loss": loss, "bce": bce[0], "dice": dice, "erase": bce[1]}


def stacked(images: Tensor, count: int) -> Tensor:
    """Every `count` images of (B, C, H, W) above each other: (B / count, C, count * H, W)."""
    batch, channels, height, width = images.shape
    groups = images.reshape(batch // count, count, channels, height, width).transpose(1, 2)
    return groups.reshape(batch // count, channels, count * height, width)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module) -> None:
    """Move the weights and statistics of `average` towards those of `network` by 1 - DECAY of their distance."""
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - DECAY)
        else:  # the number of batches that a norm has seen
            mean.copy_(value)
