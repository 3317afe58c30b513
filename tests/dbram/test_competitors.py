"""The competitors in the paper: each with its own recipe, in the same loop, on the same data, scored alike."""

import json

import pytest
import torch

from dbram_baseline.errors import BaselineError
from dbram_baseline.training.checkpoint import LAST, read_info
from dbram_baseline.training.config import RECIPES, Config, build_config
from dbram_baseline.training.cyclegan import POOL_SIZE, cyclegan_step, exchange_with_pool
from dbram_baseline.training.loop import build_networks, train
from dbram_baseline.training.losses import least_squares
from dbram_baseline.training.step import Learner, paired_step

TERMS = {"cyclegan": "cycle", "pix2pix": "l1", "cgan": "adversarial", "fcn": "pfm"}  # one that each is trained by


def tiny(model, **overrides):
    sizes = {"width": 4, "discriminator_width": 4, "steps": 4, "validation": 8}
    return build_config("ci", {"model": model, **sizes, **overrides})


def test_each_has_its_own_recipe_and_options_override_it():
    assert (tiny("pix2pix").l1, tiny("pix2pix").ssim, tiny("pix2pix").discriminator) == (100, 0, "patch")
    assert (tiny("cgan").l1, tiny("cgan").ssim, tiny("cgan").adversarial) == (0, 0, 1)
    assert (tiny("cyclegan").norm, tiny("cyclegan").cycle, tiny("cyclegan").identity) == ("instance", 10, 5)
    assert (tiny("dbram").l1, tiny("dbram").ssim, tiny("dbram").discriminator) == (5, 5, "pixel")
    assert tiny("pix2pix", l1=5.0, ssim=5.0).l1 == 5
    with pytest.raises(BaselineError, match="trained without pairs"):
        tiny("cyclegan", l1=1.0)


@pytest.mark.parametrize("model", [model for model in RECIPES if model != "compact"])  # that needs labels
def test_each_resumes_to_the_same_weights_and_is_scored(command, small_set, tmp_path, model):
    """Half of the steps, then the rest, gives the same bytes as all steps in one run."""
    config = tiny(model, save_every=2, batch=2)
    train(config, str(small_set), "ci", tmp_path / "whole")
    stopped = tmp_path / "stopped"
    calls = []

    def interrupted_step(*args):
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return (cyclegan_step if model == "cyclegan" else paired_step)(*args)

    with pytest.raises(KeyboardInterrupt, match="--resume continues"):
        train(config, str(small_set), "ci", stopped, step=interrupted_step)
    assert read_info(stopped / LAST).step == 2
    train(config, str(small_set), "ci", stopped, resume=True)
    assert (stopped / LAST).read_bytes() == (tmp_path / "whole" / LAST).read_bytes()
    last_step = json.loads((stopped / "log.jsonl").read_text().splitlines()[-2])
    assert TERMS[model] in last_step
    process = command("score", "--checkpoint", stopped / LAST, "--data", small_set, "--n", 4, "--method", "otsu")
    assert process.returncode == 0 and f"{model} 4, step 4" in process.stdout, process.stderr


def test_a_cyclegan_step_is_the_published_loss():
    """Compared with the sum written out, at the first step, when the pools are empty."""
    torch.manual_seed(0)
    config = Config(model="cyclegan", width=4, discriminator_width=4, norm="instance", dropout=0.0)
    networks = build_networks(config)
    g, f, dy, dx = (networks[k] for k in ("generator", "backward", "judge_truths", "judge_images"))
    x, y = torch.rand(2, 3, 32, 48) * 2 - 1, torch.sign(torch.rand(2, 3, 32, 48) - 0.3)
    with torch.no_grad():
        fake_y, fake_x = g(x), f(y)
        adversarial = least_squares(dy(fake_y), True) + least_squares(dx(fake_x), True)
        cycle = (f(fake_y) - x).abs().mean() + (g(fake_x) - y).abs().mean()
        identity = (g(y) - y).abs().mean() + (f(x) - x).abs().mean()
        judged = [
            ((dy(y) - 1) ** 2).mean() / 2 + (dy(fake_y) ** 2).mean() / 2,
            ((dx(x) - 1) ** 2).mean() / 2 + (dx(fake_x) ** 2).mean() / 2,
        ]
    optimizers = {k: torch.optim.SGD(network.parameters(), lr=0.0) for k, network in networks.items()}
    learner = Learner(config, networks, optimizers)
    terms = cyclegan_step(learner, x, y)
    assert terms["loss"].item() == pytest.approx((adversarial + 10 * cycle + 5 * identity).item(), rel=1e-5)
    assert terms["discriminator"].item() == pytest.approx(sum(j.item() for j in judged) / 2, rel=1e-5)
    assert torch.equal(learner.pools["truths"], fake_y) and torch.equal(learner.pools["images"], fake_x)
    assert all(p.requires_grad and p.grad is not None for p in dy.parameters())


def test_a_full_pool_exchanges_half():
    torch.manual_seed(0)
    pools = {}
    for i in range(POOL_SIZE):
        assert exchange_with_pool(pools, "truths", torch.full((1, 3, 1, 1), float(i))).mean() == i
    exchanged = 0
    for i in range(POOL_SIZE, POOL_SIZE + 400):
        exchanged += exchange_with_pool(pools, "truths", torch.full((1, 3, 1, 1), float(i))).mean() != i
        assert len(pools["truths"]) == POOL_SIZE
    assert 160 < exchanged < 240
