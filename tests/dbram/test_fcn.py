"""The network of Tensmeyer and Martinez by its published layers, its features by scipy, its loss by the measures."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from dbram_baseline.evaluation import metrics
from dbram_baseline.model import generator, parameters
from dbram_baseline.networks import fcn
from dbram_baseline.train import networks
from dbram_baseline.training import losses
from dbram_baseline.training.config import config


def test_layers_are_those_published():
    """9 x 9 convolutions to 64 maps: one from 4 planes, 21 within the scales, one over all four, one to the output."""
    one = 64 * 64 * 81 + 64
    assert parameters(generator("fcn")) == (4 * 64 * 81 + 64) + 21 * one + (256 * 64 * 81 + 64) + (64 * 81 + 1)
    net, seen = generator("fcn", width=4).eval(), []
    for first in net.first:
        first.register_forward_hook(lambda _m, _i, o: seen.append(tuple(o.shape[2:])))
    with torch.no_grad():
        net(torch.zeros(1, 3, 48, 64))
    assert seen == [(48, 64), (24, 32), (12, 16), (6, 8)]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_relative_darkness_counts_neighbours(kind):
    image = np.random.default_rng(0).integers(90, 130, (20, 30, 3)).astype(np.uint8)
    x = (torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1).to(kind)
    grey = np.round(image @ np.array(fcn.LUMA))
    middle = 12
    for plane, count in (
        (1, lambda v: (v < v[middle] - 10).sum()),
        (2, lambda v: (np.abs(v - v[middle]) <= 10).sum()),
        (3, lambda v: (v > v[middle] + 10).sum()),
    ):
        expected = ndimage.generic_filter(grey, count, size=5, mode="nearest") / 25 - 0.5
        assert np.allclose(fcn.planes(x)[0, plane].numpy(), expected, atol=1e-6)
    assert np.allclose(fcn.planes(x)[0, 0].numpy(), grey / 255 - 0.5, atol=1e-6)


def test_its_loss_is_that_of_the_measures():
    """On masks, a batch being one long image: one less F-measure, and pseudo-F-measure, of the metrics."""
    rng = np.random.default_rng(1)
    truth = ndimage.binary_dilation(rng.random((2, 40, 60)) < 0.01, iterations=2)
    found = truth ^ (rng.random(truth.shape) < 0.03)
    as_output = [torch.from_numpy(1.0 - 2.0 * m)[:, None].expand(-1, 3, -1, -1) for m in (found, truth)]
    told = losses.f_measure_terms(*as_output)
    weights = tuple(np.concatenate(w) for w in zip(*map(metrics.pseudo_weights, truth), strict=True))
    long = np.concatenate(found), np.concatenate(truth)
    assert told["fm"].item() == pytest.approx(1 - metrics.f_measure(*long), abs=1e-5)
    assert told["pfm"].item() == pytest.approx(1 - metrics.pseudo_f_measure(*long, weights), abs=1e-5)


def test_greys_pull_towards_the_truth_and_white_pages_nowhere():
    truth = torch.ones(1, 3, 16, 24)
    truth[:, :, 4:8, 5:20] = -1
    grey = torch.zeros(1, 3, 16, 24, requires_grad=True)
    told = losses.f_measure_terms(grey, truth)
    (told["fm"] + told["pfm"]).backward()
    # Going down the gradient, text becomes darker and the rest brighter.
    assert (grey.grad[truth < 0] >= 0).all() and (grey.grad[truth < 0] > 0).any() and (grey.grad[truth > 0] < 0).all()
    white = losses.f_measure_terms(grey, torch.ones_like(truth))
    assert white["fm"] == 1 and white["pfm"] == 1
    (gradient,) = torch.autograd.grad(white["fm"] + white["pfm"], grey)
    assert not gradient.any()


def test_its_recipe():
    made = config("ci", {"model": "fcn"})
    assert (made.fm, made.pfm, made.l1, made.ssim, made.adversarial) == (1, 1, 0, 0, 0)
    assert list(networks(made)) == ["generator"]
