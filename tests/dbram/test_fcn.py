"""The FCN: its published layers, its features compared with scipy, its loss compared with the metrics."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from dbram_baseline.evaluation.metrics import f_measure
from dbram_baseline.evaluation.pseudo_f_measure import PseudoWeights, pseudo_f_measure, pseudo_weights
from dbram_baseline.networks.factory import build_generator, count_parameters
from dbram_baseline.networks.fcn import LUMA, input_planes
from dbram_baseline.training.config import build_config
from dbram_baseline.training.loop import build_networks
from dbram_baseline.training.losses import f_measure_terms


def test_layers_are_the_published_ones():
    """9 x 9 convolutions to 64 maps: one of 4 planes, 21 within scales, one of all scales; and one to the output."""
    inner = 64 * 64 * 81 + 64
    expected = (4 * 64 * 81 + 64) + 21 * inner + (256 * 64 * 81 + 64) + (64 * 81 + 1)
    assert count_parameters(build_generator("fcn")) == expected
    network, sizes = build_generator("fcn", width=4).eval(), []
    for first in network.first:
        first.register_forward_hook(lambda _m, _i, o: sizes.append(tuple(o.shape[2:])))
    with torch.no_grad():
        network(torch.zeros(1, 3, 48, 64))
    assert sizes == [(48, 64), (24, 32), (12, 16), (6, 8)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_relative_darkness_counts_neighbours(dtype):
    image = np.random.default_rng(0).integers(90, 130, (20, 30, 3)).astype(np.uint8)
    x = (torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1).to(dtype)
    grey = np.round(image @ np.array(LUMA))
    middle = 12
    for plane, count in (
        (1, lambda v: (v < v[middle] - 10).sum()),
        (2, lambda v: (np.abs(v - v[middle]) <= 10).sum()),
        (3, lambda v: (v > v[middle] + 10).sum()),
    ):
        expected = ndimage.generic_filter(grey, count, size=5, mode="nearest") / 25 - 0.5
        assert np.allclose(input_planes(x)[0, plane].numpy(), expected, atol=1e-6)
    assert np.allclose(input_planes(x)[0, 0].numpy(), grey / 255 - 0.5, atol=1e-6)


def test_the_loss_equals_the_metrics_on_masks():
    """A batch counts as one long image."""
    rng = np.random.default_rng(1)
    truth = ndimage.binary_dilation(rng.random((2, 40, 60)) < 0.01, iterations=2)
    output = truth ^ (rng.random(truth.shape) < 0.03)
    tensors = [torch.from_numpy(1.0 - 2.0 * m)[:, None].expand(-1, 3, -1, -1) for m in (output, truth)]
    terms = f_measure_terms(*tensors)
    weights = PseudoWeights(*(np.concatenate(w) for w in zip(*map(pseudo_weights, truth), strict=True)))
    joined = np.concatenate(output), np.concatenate(truth)
    assert terms["fm"].item() == pytest.approx(1 - f_measure(*joined), abs=1e-5)
    assert terms["pfm"].item() == pytest.approx(1 - pseudo_f_measure(*joined, weights), abs=1e-5)


def test_gradients_point_towards_the_truth_and_vanish_without_text():
    truth = torch.ones(1, 3, 16, 24)
    truth[:, :, 4:8, 5:20] = -1
    grey = torch.zeros(1, 3, 16, 24, requires_grad=True)
    terms = f_measure_terms(grey, truth)
    (terms["fm"] + terms["pfm"]).backward()
    # Down the gradient, text becomes darker and the background brighter.
    assert (grey.grad[truth < 0] >= 0).all() and (grey.grad[truth < 0] > 0).any() and (grey.grad[truth > 0] < 0).all()
    white = f_measure_terms(grey, torch.ones_like(truth))
    assert white["fm"] == 1 and white["pfm"] == 1
    (gradient,) = torch.autograd.grad(white["fm"] + white["pfm"], grey)
    assert not gradient.any()


def test_the_recipe():
    config = build_config("ci", {"model": "fcn"})
    assert (config.fm, config.pfm, config.l1, config.ssim, config.adversarial) == (1, 1, 0, 0, 0)
    assert list(build_networks(config)) == ["generator"]
