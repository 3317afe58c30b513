"""Training: that it learns, and resumes to the same result; unusable hyperparameters and diverging runs."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.eval_set import load_eval_set
from dbram_baseline.evaluation.evaluate import evaluate, predict
from dbram_baseline.networks.factory import MODELS
from dbram_baseline.training.checkpoint import LAST, load_generator, read_info
from dbram_baseline.training.config import PRESETS, RECIPES, Config, build_config
from dbram_baseline.training.loop import train
from dbram_baseline.training.step import paired_step


def logged(run, key="loss"):
    lines = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [line[key] for line in lines if key in line]


def test_preset_ci_learns(command, small_set, tmp_path):
    """A small DB-RAM with all terms of the paper's loss; after so few steps, its output is still all white."""
    process = command("train", "--data", small_set, "--preset", "ci", "--out", "run")
    assert process.returncode == 0, process.stderr
    losses = logged(tmp_path / "run")
    assert len(losses) == 40 and np.mean(losses[-5:]) <= 0.8 * np.mean(losses[:5])
    assert 0.3 < logged(tmp_path / "run", "discriminator")[-1] < 0.75
    weights = load_file(tmp_path / "run/last.safetensors")
    assert all(weights[f"generator.attention_{i}.alpha"].item() for i in (1, 2))
    for name in ("curves.png", "grids/step-0000040.png"):
        assert cv2.imread(str(tmp_path / "run" / name)).std() > 10
    assert list((tmp_path / "run/tensorboard").glob("events.*"))
    assert "images/s" in process.stdout


def test_a_small_network_learns_more_than_white(tmp_path):
    """On pairs that are rendered during training; an all-white output would have an F-measure of 0."""
    overrides = {"model": "plainu", "width": 16, "crop": 0, "steps": 50, "lr": 3e-3, "bce": 1, "validate_every": 50}
    config = build_config("ci", overrides | {"adversarial": 0, "l1": 0, "workers": 0, "device": "cpu"})
    train(config, "render:en", "ci", tmp_path / "run")
    assert logged(tmp_path / "run", "f_measure")[-1] > 0.5


@pytest.mark.parametrize("model", [m for m in MODELS if m not in RECIPES])
def test_each_model_trains_and_is_scored(small_set, tmp_path, model):
    """Except the competitors, which test_competitors.py trains with their own recipes."""
    config = build_config("ci", {"model": model, "steps": 3, "norm": "instance", "dropout": 0.5})
    train(config, str(small_set), "ci", tmp_path / "run")
    assert len(logged(tmp_path / "run")) == 3
    eval_set = load_eval_set(DataRef.parse(str(small_set)), "test", 3)
    network, info = load_generator(tmp_path / "run" / LAST)
    values = evaluate(eval_set, predict(network, eval_set.images, torch.device("cpu")))
    assert info.config == config and {len(v) for v in values.columns.values()} == {3}
    assert all(np.isfinite(v).all() for v in values.columns.values())


def test_same_seed_same_losses(small_set, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(build_config("ci", {"steps": 4, "seed": seed}), str(small_set), "ci", tmp_path / name)
    a, b, c = (logged(tmp_path / n) for n in "abc")
    assert a == b != c


def test_a_killed_run_resumes_to_the_same_losses(command, tmp_path):
    """With dropout, over two epochs, killed between checkpoints: equal to the last bit, on one processor."""
    arguments = ["--data", "render:en", "--preset", "ci", "--steps", 24]
    arguments += ["--dropout", 0.3, "--save-every", 5, "--workers", 0]
    assert command("train", *arguments, "--out", "whole").returncode == 0
    env = os.environ | {"HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "dbram_baseline.train", *map(str, arguments), "--out", "killed"]
    process = subprocess.Popen(line, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not (tmp_path / "killed/log.jsonl").exists() or len(logged(tmp_path / "killed")) < 13:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = read_info(tmp_path / "killed/last.safetensors").step
    assert len(logged(tmp_path / "killed")) - step <= 6
    resumed = command("train", *arguments, "--out", "killed", "--resume")
    assert resumed.returncode == 0 and f"from step {step}" in resumed.stdout, resumed.stderr
    assert logged(tmp_path / "killed") == logged(tmp_path / "whole")
    killed, whole = (load_file(tmp_path / n / "last.safetensors") for n in ("killed", "whole"))
    assert all(torch.equal(killed[k], whole[k]) for k in whole)
    assert len(list((tmp_path / "killed").glob("state-*.pt"))) == 1


def test_two_processes_of_torchrun(small_set, tmp_path):
    """Each takes its share of the batch."""
    arguments = ["-m", "torch.distributed.run", "--nproc_per_node=2", "-m", "dbram_baseline.train"]
    arguments += ["--data", str(small_set), "--preset", "ci", "--steps", "3", "--out", "run"]
    env = os.environ | {"HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=170, check=False
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("x 2") == 1 and len(logged(tmp_path / "run")) == 3


def test_a_loss_that_is_not_finite_stops_the_run(command, error_line, small_set):
    arguments = ["--data", small_set, "--preset", "ci", "--out", "run", "--l1", 3.3e38, "--ssim", 3.3e38]
    assert "step 0: loss inf: training diverged; lower --lr" in error_line(command("train", *arguments))


@pytest.mark.parametrize(
    ("where", "message"), [("loss", "step 7: loss nan"), ("weights", "step 10: generator.encoder.1")]
)
def test_the_last_good_checkpoint_is_kept(small_set, tmp_path, where, message):
    """Whether a loss is not finite, or only the weights that are about to be saved."""
    calls = []

    def diverging_step(learner, *batch):
        terms = paired_step(learner, *batch)
        calls.append(1)
        if where == "weights" and len(calls) == 10:
            torch.nn.init.constant_(learner.networks["generator"].encoder[1].weight, float("nan"))
        return terms | {"loss": terms["loss"] * (float("nan") if (where, len(calls)) == ("loss", 8) else 1)}

    config = build_config("ci", {"save_every": 5, "device": "cpu"})
    with pytest.raises(BaselineError, match=message):
        train(config, str(small_set), "ci", tmp_path / "run", step=diverging_step)
    assert read_info(tmp_path / "run/last.safetensors").step == 5
    weights = load_file(tmp_path / "run/last.safetensors")
    assert all(torch.isfinite(w).all() for w in weights.values())
    assert len(logged(tmp_path / "run")) == (7 if where == "loss" else 10)


def test_a_run_is_not_overwritten(rejected, small_set, tmp_path):
    arguments = ["--data", small_set, "--preset", "ci", "--steps", 2, "--out", tmp_path / "run"]
    train(build_config("ci", {"steps": 2}), str(small_set), "ci", tmp_path / "run")
    assert "already holds a run; add --resume" in rejected(*arguments)
    assert "--width is 16, but the run was started with 8" in rejected(*arguments, "--resume", "--width", 16)
    assert "no such checkpoint" in rejected("--data", small_set, "--out", tmp_path / "other", "--resume")


def test_a_run_starts_with_the_weights_of_another_one(rejected, small_set, tmp_path):
    """And tells which; weights of another network, and another start than that of a resumed run, are refused."""
    first, second = tmp_path / "first", tmp_path / "second"
    train(build_config("ci", {"steps": 2}), str(small_set), "ci", first)
    before = str(first / LAST)
    train(build_config("ci", {"steps": 1, "lr": 1e-12, "seed": 5}), str(small_set), "ci", second, init=before)
    old, new = (dict(load_generator(run / LAST)[0].named_parameters()) for run in (first, second))
    assert old and all(torch.allclose(old[name], new[name], atol=1e-6) for name in old)
    assert read_info(second / LAST).init == before and not read_info(first / LAST).init
    arguments = ["--data", small_set, "--preset", "ci", "--init", before, "--out"]
    assert "dbram 8, step 2 is another network" in rejected(*arguments, tmp_path / "third", "--width", 16)
    assert "started with random weights" in rejected(*arguments, first, "--resume")
    assert "no such checkpoint" in rejected(*arguments, tmp_path / "fourth", "--init", tmp_path / "nothing")
    assert not (tmp_path / "third").exists() and not (tmp_path / "fourth").exists()


def test_the_format_of_checkpoints(small_set, tmp_path):
    """Checkpoints of earlier versions stay readable only as long as it does not change."""
    train(build_config("ci", {"steps": 1}), str(small_set), "ci", tmp_path / "run")
    with safe_open(str(tmp_path / "run" / LAST), "pt") as file:
        names, metadata = {key.partition(".")[0] for key in file.keys()}, file.metadata()  # noqa: SIM118
    assert names == {"generator", "discriminator"} and list(metadata) == ["dbram_baseline"]
    record = json.loads(metadata["dbram_baseline"])
    assert list(record) == ["config", "data", "preset", "step", "init"]
    assert Config(**record["config"]) == build_config("ci", {"steps": 1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "huge"], "huge"),
        (["--model", "unet"], "unet"),
        (["--colour", "red"], "--colour"),
        (["--batch", "many"], "many"),
        (["--batch", "0"], "--batch is 0; must be at least 1"),
        (["--dropout", "1.5"], "--dropout is 1.5"),
        (["--l1", "-1"], "--l1 is -1"),
        (["--l1", "nan"], "--l1 is nan"),
        (["--crop", "8"], "--crop is 8"),
        (["--adversarial", "0", "--l1", "0", "--ssim", "0"], "nothing to learn from"),
        (["--device", "cuda:7"], "--device 'cuda:7'"),
        (["--data", "render:fr"], "render:fr"),
    ],
)
def test_invalid_arguments_are_reported_in_one_line(rejected, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in rejected(*arguments)
    assert not (tmp_path / "runs").exists()


def test_presets_and_overrides():
    assert build_config("paper", {}) == Config()
    assert build_config("demo", {"epochs": 5}).steps == 0 and build_config("demo", {"epochs": 5, "steps": 7}).steps == 7
    assert (Config().batch, Config().epochs, Config().l1, Config().ssim, Config().dropout) == (16, 200, 5.0, 5.0, 0.5)
    for name in PRESETS:
        assert dataclasses.asdict(build_config(name, {"seed": 7}))["seed"] == 7
    with pytest.raises(BaselineError, match="--width is 1"):
        build_config("ci", {"width": 1})
