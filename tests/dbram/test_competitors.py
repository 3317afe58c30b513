"""The paper's competitors: their own recipes, in the same loop, on the same data, scored alike."""

import json

import pytest
import torch

from dbram_baseline import train as training
from dbram_baseline.errors import BaselineError
from dbram_baseline.train import networks, train
from dbram_baseline.training import checkpoint
from dbram_baseline.training import cyclegan as cycle
from dbram_baseline.training.config import Config, config
from dbram_baseline.training.losses import least_squares


def tiny(model, **given):
    return config("ci", {"model": model, "width": 4, "discriminator_width": 4, "steps": 4, "validation": 8, **given})


def test_each_has_its_own_recipe_and_a_flag_goes_before_it():
    assert (tiny("pix2pix").l1, tiny("pix2pix").ssim, tiny("pix2pix").discriminator) == (100, 0, "patch")
    assert (tiny("cgan").l1, tiny("cgan").ssim, tiny("cgan").adversarial) == (0, 0, 1)
    assert (tiny("cyclegan").norm, tiny("cyclegan").cycle, tiny("cyclegan").identity) == ("instance", 10, 5)
    assert (tiny("dbram").l1, tiny("dbram").ssim, tiny("dbram").discriminator) == (5, 5, "pixel")
    assert tiny("pix2pix", l1=5.0, ssim=5.0).l1 == 5
    with pytest.raises(BaselineError, match="sees no pairs"):
        tiny("cyclegan", l1=1.0)


@pytest.mark.parametrize("model", ["pix2pix", "cgan", "cyclegan", "fcn"])
def test_each_trains_goes_on_and_is_scored(command, small_set, tmp_path, model):
    """Half of the steps, then the rest, equals all of them at once; and `score` takes the checkpoint."""
    made = tiny(model, save_every=2, batch=2)
    train(made, str(small_set), "ci", tmp_path / "whole")
    stopped = tmp_path / "stopped"

    def stop(*_args):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        real, calls = (cycle if model == "cyclegan" else training).one_step, []

        def step(*args):
            calls.append(1)
            return real(*args) if len(calls) <= 3 else stop()

        patch.setattr("dbram_baseline.training.cyclegan.one_step", step)
        patch.setattr("dbram_baseline.train.one_step", step)
        with pytest.raises(SystemExit):
            train(made, str(small_set), "ci", stopped)
    assert checkpoint.about(stopped / checkpoint.LAST)["step"] == 2
    train(made, str(small_set), "ci", stopped, resume=True)
    weights = [(run / checkpoint.LAST).read_bytes() for run in (tmp_path / "whole", stopped)]
    assert weights[0] == weights[1]
    terms = json.loads((stopped / "log.jsonl").read_text().splitlines()[-2])
    assert {"cyclegan": "cycle", "pix2pix": "l1", "cgan": "adversarial", "fcn": "pfm"}[model] in terms
    done = command(
        "score", "--checkpoint", stopped / checkpoint.LAST, "--data", small_set, "--n", 4, "--method", "otsu"
    )
    assert done.returncode == 0 and f"{model} 4, step 4" in done.stdout, done.stderr


def test_a_cycle_step_is_the_published_loss():
    """Against the sum written out, at the first step, when no pool is full."""
    torch.manual_seed(0)
    made = Config(model="cyclegan", width=4, discriminator_width=4, norm="instance", dropout=0.0)
    nets = networks(made)
    g, f, dy, dx = (nets[k] for k in ("generator", "backward", "judge_truths", "judge_images"))
    x, y = torch.rand(2, 3, 32, 48) * 2 - 1, torch.sign(torch.rand(2, 3, 32, 48) - 0.3)
    with torch.no_grad():
        fake, gone = g(x), f(y)
        adversarial = least_squares(dy(fake), True) + least_squares(dx(gone), True)
        there_and_back = (f(fake) - x).abs().mean() + (g(gone) - y).abs().mean()
        identity = (g(y) - y).abs().mean() + (f(x) - x).abs().mean()
        judged = [
            ((dy(y) - 1) ** 2).mean() / 2 + (dy(fake) ** 2).mean() / 2,
            ((dx(x) - 1) ** 2).mean() / 2 + (dx(gone) ** 2).mean() / 2,
        ]
    adams = {k: torch.optim.SGD(net.parameters(), lr=0.0) for k, net in nets.items()}
    memory = {}
    told = cycle.one_step(nets, adams, x, y, made, False, 1, memory)
    assert told["loss"].item() == pytest.approx((adversarial + 10 * there_and_back + 5 * identity).item(), rel=1e-5)
    assert told["discriminator"].item() == pytest.approx(sum(j.item() for j in judged) / 2, rel=1e-5)
    assert torch.equal(memory["truths"], fake) and torch.equal(memory["images"], gone)
    assert all(p.requires_grad and p.grad is not None for p in dy.parameters())


def test_a_full_pool_exchanges_half():
    torch.manual_seed(0)
    memory = {}
    for i in range(cycle.POOL):
        shown = cycle._from_pool(memory, "truths", torch.full((1, 3, 1, 1), float(i)))
        assert shown.mean() == i
    old = 0
    for i in range(cycle.POOL, cycle.POOL + 400):
        shown = cycle._from_pool(memory, "truths", torch.full((1, 3, 1, 1), float(i)))
        old += shown.mean() != i
        assert len(memory["truths"]) == cycle.POOL
    assert 160 < old < 240
