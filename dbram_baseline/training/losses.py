"""What the generator and the discriminator are trained by: Eq. 1, 6 and 7.

    L_G = adversarial * BCE(D(x, G(x)), 1) + l1 * |y - G(x)| + ssim * (1 - SSIM(y, G(x))) [+ bce * BCE(y, G(x))]
        [+ fm * (1 - FM(y, G(x))) + pfm * (1 - PFM(y, G(x)))]
    L_D = (BCE(D(x, y), 1) + BCE(D(x, G(x)), 0)) / 2

A weight of 0 leaves its term out. In the paper l1 and ssim are 5 and bce, an option of ours, 0; fm and pfm are
those of the FCN (Tensmeyer and Martinez, 2017). All of it is reckoned in float32, whatever the network runs in:
the variances of SSIM cancel in fewer bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, distributed
from torch.nn import functional

from dbram_baseline.evaluation import metrics

WINDOW, SIGMA, C1, C2 = 11, 1.5, 0.01**2, 0.03**2


@lru_cache(maxsize=32)
def _band(size: int, device: torch.device) -> Tensor:
    """The Gaussian window as a matrix (size, size - 10) whose columns hold it, one place further each."""
    place = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-(place**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    band = torch.zeros(size, size - WINDOW + 1, dtype=torch.float64)
    for i in range(size - WINDOW + 1):
        band[i : i + WINDOW, i] = weights
    return band.float().to(device)


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity (Wang 2004) of images (B, C, H, W) in [0, 1]: one value an image, (B,), float32.

    An 11x11 Gaussian of sigma 1.5, no padding, the mean over planes. The blur is two products with banded
    matrices, which gives the value of the convolution in a fraction of its time. Raises ValueError under 11 px.
    """
    height, width = x.shape[2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"images of {height} x {width} px are smaller than the window of SSIM, {WINDOW} px")
    with torch.autocast(x.device.type, enabled=False):
        x, y = x.float(), y.float()
        down, across = _band(height, x.device).T, _band(width, x.device)
        mx, my, xx, yy, xy = (down @ m @ across for m in (x, y, x * x, y * y, x * y))
        value = (2 * mx * my + C1) * (2 * (xy - mx * my) + C2)
        value = value / ((mx * mx + my * my + C1) * (xx - mx * mx + yy - my * my + C2))
        return value.mean(dim=(1, 2, 3))


def generator_terms(fake: Tensor, truth: Tensor, logits: Tensor | None) -> dict[str, Tensor]:
    """The terms of L_G without their weights; `logits` are those of D(x, G(x)), if it takes part.

    `fake` and `truth` are (B, 3, H, W) in [-1, 1]: L1 is taken there, SSIM in [0, 1].
    """
    fake, truth = fake.float(), truth.float()
    terms = {"l1": (fake - truth).abs().mean(), "ssim": 1 - ssim((fake + 1) / 2, (truth + 1) / 2).mean()}
    white = ((fake + 1) / 2).clamp(1e-6, 1 - 1e-6)
    terms["bce"] = functional.binary_cross_entropy(white, (truth + 1) / 2)
    if logits is not None:
        terms["adversarial"] = functional.binary_cross_entropy_with_logits(
            logits.float(), torch.ones_like(logits).float()
        )
    return terms


def f_measure_terms(fake: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """1 - F-measure and 1 - pseudo-F-measure of greys (B, 3, H, W) in [-1, 1], a grey counting as so much of text.

    Sums run over the whole batch of a process, so that images with little text have little say; where there is none
    at all, both are 1 and pull nowhere.
    """
    text, real = ((1 - i.float().mean(dim=1)) / 2 for i in (fake, truth))
    masks = (real > 0.5).cpu().numpy()
    weights = [metrics.pseudo_weights(mask) for mask in masks]
    recalled, punished = (torch.from_numpy(np.stack(w)).to(fake.device) for w in zip(*weights, strict=True))
    right = text * real
    precision = right.sum() / text.sum().clamp(min=1e-6)
    recall = right.sum() / real.sum().clamp(min=1e-6)
    pseudo_precision = (right * (1 + punished)).sum() / (text * (1 + punished)).sum().clamp(min=1e-6)
    pseudo_recall = (right * recalled).sum() / (real * recalled).sum().clamp(min=1e-6)
    return {
        "fm": 1 - 2 * precision * recall / (precision + recall).clamp(min=1e-6),
        "pfm": 1 - 2 * pseudo_precision * pseudo_recall / (pseudo_precision + pseudo_recall).clamp(min=1e-6),
    }


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """L_D from the logits of real and (detached) generated truths, halved as in pix2pix."""
    right = functional.binary_cross_entropy_with_logits(real.float(), torch.ones_like(real).float())
    wrong = functional.binary_cross_entropy_with_logits(fake.float(), torch.zeros_like(fake).float())
    return (right + wrong) / 2


def least_squares(logits: Tensor, real: bool) -> Tensor:
    """LSGAN (Mao et al., 2017): the squared distance of logits from 1, or from 0."""
    return ((logits.float() - float(real)) ** 2).mean()


def descend(loss: Tensor, adams: Sequence[torch.optim.Optimizer], world: int = 1) -> None:
    """One step of optimizers down a loss, by the mean of the gradients of all processes."""
    for adam in adams:
        adam.zero_grad(set_to_none=True)
    loss.backward()
    if world > 1:  # in one message
        grads = [p.grad for adam in adams for group in adam.param_groups for p in group["params"]]
        flat = torch.cat([g.reshape(-1) for g in grads])
        distributed.all_reduce(flat)
        for g, part in zip(grads, (flat / world).split([g.numel() for g in grads]), strict=True):
            g.copy_(part.view_as(g))
    for adam in adams:
        adam.step()
