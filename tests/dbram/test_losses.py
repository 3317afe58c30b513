"""Losses and the schedule, compared with plain references."""

import copy

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch.nn import functional

from dbram_baseline.evaluation import metrics
from dbram_baseline.networks.discriminators import PixelDiscriminator
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.training import losses
from dbram_baseline.training.config import Config
from dbram_baseline.training.optimizer import learning_rate_factor, set_learning_rate
from dbram_baseline.training.step import Learner, paired_step


@pytest.mark.parametrize("size", [(32, 280), (11, 11), (40, 37)])
def test_ssim_is_that_of_scikit_image(size):
    rng = np.random.default_rng(0)
    x = rng.random(size)
    y = np.clip(x + 0.3 * rng.standard_normal(size), 0, 1)
    _, values = structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True
    )
    expected = values[5:-5, 5:-5].mean()  # where the window lies inside the image
    result = losses.ssim(*(torch.from_numpy(i).float()[None, None] for i in (x, y)))
    assert result.item() == pytest.approx(expected, abs=2e-5)
    assert metrics.ssim(x, y) == pytest.approx(expected, abs=1e-6)


def test_ssim_by_bands_is_the_convolution():
    """Value and gradient."""
    torch.manual_seed(0)
    x, y = torch.rand(2, 3, 32, 60, requires_grad=True), torch.rand(2, 3, 32, 60)
    offset = torch.arange(11.0) - 5
    line = torch.exp(-(offset**2) / 4.5)
    window = (line[:, None] * line / line.sum() ** 2).expand(3, 1, 11, 11)

    def blur(image):
        return functional.conv2d(image, window, groups=3)

    mx, my = blur(x), blur(y)
    vx, vy, c = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    plain = ((2 * mx * my + 1e-4) * (2 * c + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean(dim=(1, 2, 3))
    ours = losses.ssim(x, y)
    assert torch.allclose(ours, plain, atol=1e-5)
    our_gradient, plain_gradient = (torch.autograd.grad(v.sum(), x, retain_graph=True)[0] for v in (ours, plain))
    assert torch.allclose(our_gradient, plain_gradient, atol=1e-5)


def test_ssim_stays_in_float32_under_autocast():
    """In bf16 the variances cancel, and values leave [-1, 1]."""
    torch.manual_seed(0)
    y = (torch.rand(1, 3, 32, 60) > 0.1).float()
    x = (y + 0.02 * torch.randn_like(y)).clamp(0, 1)
    with torch.autocast("cpu", torch.bfloat16):
        inside = losses.ssim(x, y)
    assert inside.dtype == torch.float32 and torch.equal(inside, losses.ssim(x, y))


def test_an_image_smaller_than_the_window_is_rejected():
    with pytest.raises(ValueError, match="10 x 60 px"):
        losses.ssim(torch.zeros(1, 1, 10, 60), torch.zeros(1, 1, 10, 60))


def test_terms_of_equation_7():
    torch.manual_seed(0)
    fake, logits = torch.rand(2, 3, 32, 60) * 2 - 1, torch.randn(2, 1, 32, 60)
    truth = (torch.rand(2, 1, 32, 60) > 0.2).float().expand(-1, 3, -1, -1) * 2 - 1
    terms = losses.generator_terms(fake, truth, logits)
    assert terms["l1"].item() == pytest.approx(np.abs(fake.numpy() - truth.numpy()).mean(), rel=1e-5)
    sigmoid = 1 / (1 + np.exp(-logits.double().numpy()))
    assert terms["adversarial"].item() == pytest.approx(-np.log(sigmoid).mean(), rel=1e-5)
    whole = losses.generator_terms(fake, truth.contiguous(), logits)  # the same without shared planes
    assert all(terms[name].item() == pytest.approx(whole[name].item(), rel=1e-5) for name in whole)
    assert list(losses.generator_terms(fake, truth, None, ("ssim", "adversarial"))) == ["ssim"]
    perfect = losses.generator_terms(truth, truth, None)
    assert perfect["l1"] == 0 and perfect["ssim"].abs() < 1e-6 and "adversarial" not in perfect
    assert losses.discriminator_loss(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("omitted", [("adversarial",), ("l1",), ("ssim",), ("l1", "ssim")])
def test_each_term_can_be_omitted(omitted):
    torch.manual_seed(0)
    config = Config(width=8, dropout=0.0, **dict.fromkeys(omitted, 0.0))
    networks = {"generator": build_generator("resnet6", 8)}
    if config.adversarial:
        networks["discriminator"] = PixelDiscriminator(8)
    learner = Learner(config, networks, {k: torch.optim.Adam(n.parameters()) for k, n in networks.items()})
    x, y = torch.rand(2, 3, 32, 64) * 2 - 1, torch.ones(2, 3, 32, 64)
    terms = paired_step(learner, x, y)
    assert not set(omitted) & set(terms) and torch.isfinite(terms["loss"])
    weights = {"adversarial": config.adversarial, "l1": config.l1, "ssim": config.ssim}
    assert terms["loss"].item() == pytest.approx(sum(w * terms[k].item() for k, w in weights.items() if w), rel=1e-5)


def test_the_discriminator_learns_only_from_its_own_loss():
    """The generator's step adds nothing to its gradients, and its own step nothing to those of the generator."""
    torch.manual_seed(0)
    networks = {"generator": build_generator("resnet6", 8, dropout=0.0), "discriminator": PixelDiscriminator(8)}
    copies = copy.deepcopy(networks)
    optimizers = {k: torch.optim.SGD(n.parameters(), lr=0.0) for k, n in networks.items()}
    x, y = torch.rand(2, 3, 32, 64), torch.ones(2, 3, 32, 64)
    paired_step(Learner(Config(width=8, dropout=0.0), networks, optimizers), x, y)
    discriminator = copies["discriminator"]
    logits = discriminator(x, y), discriminator(x, copies["generator"](x).detach())
    losses.discriminator_loss(*logits).backward()
    for ours, expected in zip(networks["discriminator"].parameters(), discriminator.parameters(), strict=True):
        assert ours.requires_grad and torch.allclose(ours.grad, expected.grad)
    assert all(p.grad is None for p in copies["generator"].parameters())


def test_the_learning_rate_is_that_of_the_paper():
    """By epochs: constant for 100, then linear to 0 in 100 more."""
    factors = [learning_rate_factor(e * 7 + 3, 200 * 7, 7) for e in range(200)]
    assert factors[:100] == [1.0] * 100
    assert factors[100] == pytest.approx(1 - 1 / 101) and factors[199] == pytest.approx(1 - 100 / 101)


def test_a_rate_that_is_a_tensor_stays_the_same_tensor():
    """A CUDA graph reads the rate from its place in memory; for other optimizers it is a number."""
    parameter, rate = torch.nn.Parameter(torch.zeros(1)), torch.tensor(1.0)
    graphed, plain = torch.optim.Adam([parameter], rate, capturable=False), torch.optim.Adam([parameter], 1.0)
    set_learning_rate([graphed, plain], 0.25)
    assert graphed.param_groups[0]["lr"] is rate and float(rate) == 0.25
    assert plain.param_groups[0]["lr"] == 0.25
