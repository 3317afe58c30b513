"""Training: it learns, resumes to the same result and rejects unusable input; and what checkpoints are used for."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from dbram_baseline.command import run_command
from dbram_baseline.data.refs import DataRef
from dbram_baseline.data.sources import Rendered, open_source
from dbram_baseline.data.tensors import as_greys, as_input, to_batch
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.eval_set import load_eval_set
from dbram_baseline.evaluation.evaluate import evaluate, predict, predict_tiled
from dbram_baseline.networks.factory import MODELS, build_generator
from dbram_baseline.train import command as train_command
from dbram_baseline.training.checkpoint import LAST, load_generator, read_info
from dbram_baseline.training.config import PRESETS, RECIPES, Config, build_config
from dbram_baseline.training.loop import train
from dbram_baseline.training.step import paired_step
from subsynth import pairs, sub_en


def logged(run, key="loss"):
    lines = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [line[key] for line in lines if key in line]


def error_line(process):
    """The single line that a failed command prints."""
    assert process.returncode == 2, process.stderr
    assert len(process.stderr.splitlines()) == 1 and "Traceback" not in process.stderr
    return process.stderr


@pytest.fixture
def rejected(capsys, monkeypatch):
    """Run `train` in this process; it must end with exit code 2 and the single line that is returned."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments)])
        capsys.readouterr()  # discard what the test itself has printed
        with pytest.raises(SystemExit) as exit_info:
            run_command(train_command)
        line = capsys.readouterr().err
        assert exit_info.value.code == 2 and len(line.splitlines()) == 1, line
        return line

    return call


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


def test_a_small_network_learns_more_than_white(command, tmp_path):
    """On pairs that are rendered during training; an all-white output would have an F-measure of 0."""
    arguments = ["--model", "plainu", "--width", 16, "--crop", 0, "--steps", 120, "--lr", 2e-3, "--bce", 1]
    arguments += ["--adversarial", 0, "--l1", 0, "--workers", 1, "--out", "run"]
    process = command("train", "--data", "render:en", "--preset", "ci", *arguments)
    assert process.returncode == 0, process.stderr
    assert logged(tmp_path / "run", "f_measure")[-1] > 0.3


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


@pytest.mark.parametrize("source", ["set", "render:en"])
def test_a_killed_run_resumes_to_the_same_losses(command, small_set, tmp_path, source):
    """With dropout, over two epochs, killed between checkpoints: equal to the last bit, on one processor."""
    arguments = [
        "--data",
        str(small_set) if source == "set" else source,
        "--preset",
        "ci",
        "--steps",
        24,
        "--dropout",
        0.3,
        "--save-every",
        5,
        "--workers",
        0,
    ]
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


def test_a_loss_that_is_not_finite_stops_the_run(command, small_set):
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


def test_data_that_does_not_exist(command):
    """In a process that is offline, since the client of the hub would retry for long."""
    assert "--data nowhere" in error_line(command("train", "--data", "nowhere"))


def test_unusable_data_is_reported(rejected, tmp_path):
    def message(name, rows):
        (tmp_path / name).mkdir()
        Dataset.from_list(rows).to_parquet(tmp_path / name / "train.parquet")
        arguments = ["--preset", "ci", "--validation", 1, "--out", tmp_path / "run"]
        return rejected("--data", tmp_path / name, *arguments)

    def png(height, width, planes=3):
        return {"bytes": cv2.imencode(".png", np.zeros((height, width, planes), np.uint8))[1].tobytes(), "path": None}

    pair = {"image": png(32, 280), "ground_truth": png(32, 280, 1)}
    assert "no column 'ground_truth'; it has image, mask" in message("a", [{"image": png(32, 280), "mask": 1}])
    narrow = {"image": png(32, 100), "ground_truth": png(32, 100, 1)}
    assert "row 1 of train has 32 x 100 px" in message("b", [pair, narrow])
    assert "image and ground truth differ in size" in message("c", [pair | {"ground_truth": png(32, 100, 1)}])
    broken = {"image": {"bytes": b"not an image", "path": None}, "ground_truth": pair["ground_truth"]}
    assert "image of row 0 of train cannot be decoded" in message("d", [broken])
    assert "1 pairs and --validation is 1" in message("e", [pair])


def open_small_source(data):
    return open_source(DataRef.parse_list(data), 20, 0, 0, 1, torch.device("cpu"), quiet=True)


def test_sets_are_joined(small_set):
    joined = open_small_source(f"{small_set},{small_set}")
    assert joined.pairs == 220 and len(joined.validation()[0]) == 20


def test_batches_cover_an_epoch_and_no_more(small_set):
    """Each pair once per epoch, in a new order each time, without the validation set; ranks share a batch."""
    source = open_small_source(str(small_set))
    numbers = {i.numpy().tobytes(): n for n, i in enumerate(source.images.permute(0, 3, 1, 2))}

    def batch(step, **part):
        return [numbers[i.numpy().tobytes()] for i in source.batch(step, 20, **part)[0]]

    first, second = ([n for s in range(e * 5, e * 5 + 5) for n in batch(s)] for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(100)) and first != second
    assert sorted(batch(3, rank=0, world=2) + batch(3, rank=1, world=2)) == sorted(batch(3))


def test_rendered_batches_are_those_of_subsynth():
    """The pairs of train in their order, new ones at each step, in this process or in another."""
    inline, pooled = (Rendered("en", 100, 4, 3, workers) for workers in (0, 1))
    for step in (0, 1, 5):
        images, truths = inline.batch(step, 4)
        expected = list(pairs(sub_en(n=100, seed=3), "train", step * 4, step * 4 + 4))
        assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), np.stack([p.image for p in expected]))
        assert np.array_equal(truths.numpy(), np.stack([p.ground_truth for p in expected]))
    assert torch.equal(pooled.batch(5, 4)[0], images)
    assert torch.equal(inline.batch(5, 4, rank=1, world=2)[0], images[1::2])


def test_presets_and_overrides():
    assert build_config("paper", {}) == Config()
    assert build_config("demo", {"epochs": 5}).steps == 0 and build_config("demo", {"epochs": 5, "steps": 7}).steps == 7
    assert (Config().batch, Config().epochs, Config().l1, Config().ssim, Config().dropout) == (16, 200, 5.0, 5.0, 0.5)
    for name in PRESETS:
        assert dataclasses.asdict(build_config(name, {"seed": 7}))["seed"] == 7
    with pytest.raises(BaselineError, match="--width is 1"):
        build_config("ci", {"width": 1})


@pytest.fixture(scope="module")
def trained(small_set, tmp_path_factory):
    """A checkpoint after one step."""
    out = tmp_path_factory.mktemp("trained")
    train(build_config("ci", {"steps": 1}), str(small_set), "ci", out / "run")
    return out / "run" / LAST


def test_score_prints_one_table(command, small_set, trained, tmp_path):
    process = command("score", "--checkpoint", trained, "--data", small_set, "--out", "scores.json")
    assert process.returncode == 0, process.stderr
    rows = [line for line in process.stdout.splitlines() if line.startswith("| ")]
    for name in ("dbram 8, step 1", "otsu, raw", "sauvola, oracle polarity", "all-white", "CycleGAN (all white)"):
        assert any(r.startswith(f"| {name}") for r in rows), name
    record = json.loads((tmp_path / "scores.json").read_text())
    by_name = {r["method"]: r for r in record["rows"]}
    assert record["pairs"] == 40 and by_name["all-white"]["f_measure"] == 0
    raw, oracle = by_name["otsu, raw"], by_name["otsu, oracle polarity"]
    assert raw["f_measure"] < oracle["f_measure"] and not any("wrap" in k for k in raw)
    assert re.search(r"40 pairs, \d+\.\d% of pixels are text", process.stdout)


def test_score_of_one_method(command, small_set):
    process = command("score", "--method", "sauvola", "--data", small_set, "--split", "test_hard", "--n", 5)
    assert process.returncode == 0 and "5 pairs" in process.stdout and "otsu" not in process.stdout
    assert "split 'valid'" in error_line(
        command("score", "--method", "sauvola", "--data", small_set, "--split", "valid")
    )


def test_predictions_are_the_outputs_of_the_plain_network(small_set, trained):
    """Although norms are folded, the memory format differs and images are batched."""
    network, _ = load_generator(trained)
    images = load_eval_set(DataRef.parse(str(small_set)), "test", 20).images
    plain = as_greys(network(as_input(to_batch(images)))).detach().numpy().clip(0, 1)
    assert np.allclose(predict(network, images, torch.device("cpu"), "fp32"), plain, atol=1e-4)
    assert np.abs(predict(network, images, torch.device("cpu"), "bf16") - plain).mean() < 0.02


def test_binarize_pages_and_folders(command, trained, tmp_path):
    page = np.random.default_rng(0).integers(0, 255, (300, 517, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "page.png"), page)
    process = command("binarize", "page.png", "--checkpoint", trained, "--out", "page-bw.png")
    assert process.returncode == 0, process.stderr
    binary = cv2.imread(str(tmp_path / "page-bw.png"), cv2.IMREAD_UNCHANGED)
    assert binary.shape == (300, 517) and set(np.unique(binary)) <= {0, 255}
    (tmp_path / "many").mkdir()
    for name in ("a.jpg", "b.png"):
        cv2.imwrite(str(tmp_path / "many" / name), page[:40, :50])
    assert command("binarize", "many", "--checkpoint", trained, "--soft").returncode == 0
    assert sorted(p.name for p in (tmp_path / "many-bw").iterdir()) == ["a.png", "b.png"]
    (tmp_path / "broken.png").write_bytes(b"not an image")
    assert "broken.png: not a readable image" in error_line(command("binarize", "broken.png", "--checkpoint", trained))
    assert "not a checkpoint" in error_line(command("binarize", "page.png", "--checkpoint", "broken.png"))
    assert "no such file" in error_line(command("binarize", "nothing.png", "--checkpoint", trained))
    cv2.imwrite(str(tmp_path / "many/a.png"), page[:40, :50])
    assert "two images differ only in their suffix" in error_line(command("binarize", "many", "--checkpoint", trained))


@pytest.mark.parametrize("size", [(40, 50), (256, 256), (257, 300), (600, 1000)])
def test_tiles_cover_a_page_without_seams(size):
    """A network of a single 1x1 convolution has the same output in tiles as on the whole page."""
    network = torch.nn.Conv2d(3, 3, 1)
    torch.nn.init.dirac_(network.weight)
    torch.nn.init.zeros_(network.bias)
    page = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    with torch.no_grad():
        assert np.allclose(predict_tiled(network, page), page.mean(axis=2) / 255, atol=1e-5)


def test_tiles_of_a_generator_agree_with_the_whole_page():
    torch.manual_seed(0)
    network = build_generator("resnet6", 8, dropout=0.0).eval()
    page = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (64, 500, 3)).astype(np.uint8), (0, 0), 3)
    tiled, whole = predict_tiled(network, page), predict_tiled(network, page, tile=1000)
    assert np.abs(tiled - whole).mean() < 0.02
