"""The losses of the generator and of the discriminator: Eq. 1, 6 and 7.

    L_G = adversarial * BCE(D(x, G(x)), 1) + l1 * |y - G(x)| + ssim * (1 - SSIM(y, G(x))) [+ bce * BCE(y, G(x))]
        [+ fm * (1 - FM(y, G(x))) + pfm * (1 - PFM(y, G(x)))]
    L_D = (BCE(D(x, y), 1) + BCE(D(x, G(x)), 0)) / 2

A weight of 0 omits its term. In the paper l1 and ssim are 5; bce is an option of ours, 0 by default; fm and pfm are
the loss of the FCN (Tensmeyer and Martinez, 2017). All terms are computed in float32, whatever the precision of the
networks, because the variances in SSIM lose their digits to cancellation.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dbram_baseline.evaluation.pseudo_f_measure import pseudo_weights

WINDOW, SIGMA, C1, C2 = 11, 1.5, 0.01**2, 0.03**2


@lru_cache(maxsize=32)
def _band(size: int, device: torch.device) -> Tensor:
    """A banded matrix (size, size - 10): column i holds the Gaussian window from row i."""
    offset = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-(offset**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    band = torch.zeros(size, size - WINDOW + 1, dtype=torch.float64)
    for i in range(size - WINDOW + 1):
        band[i : i + WINDOW, i] = weights
    return band.float().to(device)


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity (Wang et al., 2004) of images (B, C, H, W) in [0, 1]: float32 (B,), one value per image.

    `y` may have one plane, with which all planes of `x` are compared.

    The window is an 11x11 Gaussian of sigma 1.5 without padding; the value is the mean over planes. The blur is
    computed as two products with banded matrices, which takes a fraction of the time of a convolution. Raises
    ValueError for images smaller than 11 px.
    """
    height, width = x.shape[2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"images of {height} x {width} px are smaller than the {WINDOW} px window of SSIM")
    with torch.autocast(x.device.type, enabled=False):
        x, y = x.float(), y.float()
        down, across = _band(height, x.device).T, _band(width, x.device)
        mx, my, xx, yy, xy = (down @ m @ across for m in (x, y, x * x, y * y, x * y))
        both, squares = mx * my, mx * mx + my * my
        value = (2 * both + C1) * (2 * (xy - both) + C2)
        value = value / ((squares + C1) * (xx + yy - squares + C2))
        return value.mean(dim=(1, 2, 3))


def generator_terms(fake: Tensor, truth: Tensor, logits: Tensor | None,
                    names: Collection[str] = ("l1", "ssim", "bce", "adversarial")) -> dict[str, Tensor]:  # fmt: skip
    """The terms `names` of L_G without their weights; `logits` are D(x, G(x)), or None without a discriminator.

    `fake` and `truth` are (B, 3, H, W) in [-1, 1]. L1 is computed in that range, SSIM in [0, 1].
    """
    fake, truth = fake.float(), truth.float()
    if truth.stride(1) == 0:  # one plane, which is repeated for the others
        truth = truth[:, :1]
    terms = {}
    if "l1" in names:
        terms["l1"] = (fake - truth).abs().mean()
    if "ssim" in names:
        terms["ssim"] = 1 - ssim((fake + 1) / 2, (truth + 1) / 2).mean()
    if "bce" in names:
        white = ((fake + 1) / 2).clamp(1e-6, 1 - 1e-6)
        terms["bce"] = functional.binary_cross_entropy(white, ((truth + 1) / 2).expand_as(white))
    if "adversarial" in names and logits is not None:
        terms["adversarial"] = functional.binary_cross_entropy_with_logits(
            logits.float(), torch.ones_like(logits).float()
        )
    return terms


def f_measure_terms(fake: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """1 - F-measure and 1 - pseudo-F-measure of outputs (B, 3, H, W) in [-1, 1]; a grey counts as a share of text.

    The sums run over all images of a process's batch, so that images with little text have little weight, and an
    image without text lowers the precision by its ink. Without any text in the batch, both terms are 1 and their
    gradients 0.
    """
    text, truth_text = ((1 - i.float().mean(dim=1)) / 2 for i in (fake, truth))
    weights = [pseudo_weights(mask) for mask in (truth_text > 0.5).cpu().numpy()]
    by_recall, by_precision = (torch.from_numpy(np.stack(w)).to(fake.device) for w in zip(*weights, strict=True))
    hits = text * truth_text
    precision = hits.sum() / text.sum().clamp(min=1e-6)
    recall = hits.sum() / truth_text.sum().clamp(min=1e-6)
    pseudo_precision = (hits * (1 + by_precision)).sum() / (text * (1 + by_precision)).sum().clamp(min=1e-6)
    pseudo_recall = (hits * by_recall).sum() / (truth_text * by_recall).sum().clamp(min=1e-6)
    return {
        "fm": 1 - 2 * precision * recall / (precision + recall).clamp(min=1e-6),
        "pfm": 1 - 2 * pseudo_precision * pseudo_recall / (pseudo_precision + pseudo_recall).clamp(min=1e-6),
    }


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """L_D from the logits of real and of (detached) generated ground truths, halved as in pix2pix."""
    real_loss = functional.binary_cross_entropy_with_logits(real.float(), torch.ones_like(real).float())
    fake_loss = functional.binary_cross_entropy_with_logits(fake.float(), torch.zeros_like(fake).float())
    return (real_loss + fake_loss) / 2


def least_squares(logits: Tensor, real: bool) -> Tensor:
    """LSGAN (Mao et al., 2017): the mean squared distance of logits from 1 if `real`, else from 0."""
    return ((logits.float() - float(real)) ** 2).mean()
