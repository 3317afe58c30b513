"""Losses against plain references."""

import copy

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch.nn import functional

from dbram_baseline.evaluation import metrics
from dbram_baseline.model import Discriminator, generator
from dbram_baseline.train import decay, one_step
from dbram_baseline.training import losses
from dbram_baseline.training.config import Config


@pytest.mark.parametrize("size", [(32, 280), (11, 11), (40, 37)])
def test_ssim_is_scikit_image_s(size):
    rng = np.random.default_rng(0)
    x = rng.random(size)
    y = np.clip(x + 0.3 * rng.standard_normal(size), 0, 1)
    _, whole = structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True
    )
    expected = whole[5:-5, 5:-5].mean()  # where the window lies in the image
    got = losses.ssim(*(torch.from_numpy(i).float()[None, None] for i in (x, y)))
    assert got.item() == pytest.approx(expected, abs=2e-5)
    assert metrics.ssim(x, y) == pytest.approx(expected, abs=1e-6)


def test_ssim_by_bands_is_the_convolution():
    """Value and gradient."""
    torch.manual_seed(0)
    x, y = torch.rand(2, 3, 32, 60, requires_grad=True), torch.rand(2, 3, 32, 60)
    place = torch.arange(11.0) - 5
    line = torch.exp(-(place**2) / 4.5)
    window = (line[:, None] * line / line.sum() ** 2).expand(3, 1, 11, 11)

    def blur(image):
        return functional.conv2d(image, window, groups=3)

    mx, my = blur(x), blur(y)
    vx, vy, c = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    plain = ((2 * mx * my + 1e-4) * (2 * c + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean(dim=(1, 2, 3))
    ours = losses.ssim(x, y)
    assert torch.allclose(ours, plain, atol=1e-5)
    one, two = (torch.autograd.grad(v.sum(), x, retain_graph=True)[0] for v in (ours, plain))
    assert torch.allclose(one, two, atol=1e-5)


def test_ssim_stays_in_float32_under_autocast():
    """In bf16 the variances cancel, and values leave [-1, 1]."""
    torch.manual_seed(0)
    y = (torch.rand(1, 3, 32, 60) > 0.1).float()
    x = (y + 0.02 * torch.randn_like(y)).clamp(0, 1)
    with torch.autocast("cpu", torch.bfloat16):
        inside = losses.ssim(x, y)
    assert inside.dtype == torch.float32 and torch.equal(inside, losses.ssim(x, y))


def test_too_small_an_image_is_refused():
    with pytest.raises(ValueError, match="10 x 60 px"):
        losses.ssim(torch.zeros(1, 1, 10, 60), torch.zeros(1, 1, 10, 60))


def test_terms_of_equation_7():
    torch.manual_seed(0)
    fake, logits = torch.rand(2, 3, 32, 60) * 2 - 1, torch.randn(2, 1, 32, 60)
    truth = (torch.rand(2, 1, 32, 60) > 0.2).float().expand(-1, 3, -1, -1) * 2 - 1
    terms = losses.generator_terms(fake, truth, logits)
    assert terms["l1"].item() == pytest.approx(np.abs(fake.numpy() - truth.numpy()).mean(), rel=1e-5)
    assert terms["adversarial"].item() == pytest.approx(
        -np.log(1 / (1 + np.exp(-logits.double().numpy()))).mean(), rel=1e-5
    )
    perfect = losses.generator_terms(truth, truth, None)
    assert perfect["l1"] == 0 and perfect["ssim"].abs() < 1e-6 and "adversarial" not in perfect
    assert losses.discriminator_loss(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("off", [{"adversarial": 0.0}, {"l1": 0.0}, {"ssim": 0.0}, {"l1": 0.0, "ssim": 0.0}])
def test_each_term_can_be_switched_off(off):
    torch.manual_seed(0)
    made = Config(width=8, dropout=0.0, **off)
    nets = {"generator": generator("resnet6", 8)} | (
        {} if made.adversarial == 0 else {"discriminator": Discriminator(8)}
    )
    adams = {k: torch.optim.Adam(n.parameters()) for k, n in nets.items()}
    x, y = torch.rand(2, 3, 32, 64) * 2 - 1, torch.ones(2, 3, 32, 64)
    told = one_step(nets, adams, x, y, made, bf16=False)
    assert not set(off) & set(told) and torch.isfinite(told["loss"])
    weights = {"adversarial": made.adversarial, "l1": made.l1, "ssim": made.ssim}
    assert told["loss"].item() == pytest.approx(sum(w * told[k].item() for k, w in weights.items() if w), rel=1e-5)


def test_the_discriminator_learns_from_its_own_loss_alone():
    """Nothing of the generator's step reaches its gradients, and nothing of its own the generator."""
    torch.manual_seed(0)
    made = Config(width=8, dropout=0.0)
    nets = {"generator": generator("resnet6", 8, dropout=0.0), "discriminator": Discriminator(8)}
    again = copy.deepcopy(nets)
    adams = {k: torch.optim.SGD(n.parameters(), lr=0.0) for k, n in nets.items()}
    x, y = torch.rand(2, 3, 32, 64), torch.ones(2, 3, 32, 64)
    one_step(nets, adams, x, y, made, bf16=False)
    judge = again["discriminator"]
    losses.discriminator_loss(judge(x, y), judge(x, again["generator"](x).detach())).backward()
    for mine, expected in zip(nets["discriminator"].parameters(), judge.parameters(), strict=True):
        assert mine.requires_grad and torch.allclose(mine.grad, expected.grad)
    assert all(p.grad is None for p in again["generator"].parameters())


def test_the_learning_rate_is_the_paper_s():
    """By epochs: constant for 100, then linear to nothing in 100 more."""
    factors = [decay(e * 7 + 3, 200 * 7, 7) for e in range(200)]
    assert factors[:100] == [1.0] * 100
    assert factors[100] == pytest.approx(1 - 1 / 101) and factors[199] == pytest.approx(1 - 100 / 101)
