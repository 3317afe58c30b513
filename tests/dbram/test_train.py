"""Training: that it learns, goes on where it stopped, and tells what it cannot use; and the commands after it."""

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

from dbram_baseline import binarize, score, train
from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError, run
from dbram_baseline.model import generator
from dbram_baseline.training import checkpoint
from dbram_baseline.training.config import PRESETS, Config, config
from subsynth import pairs, sub_en


def logged(run, key="loss"):
    return [line[key] for line in map(json.loads, (run / "log.jsonl").read_text().splitlines()) if key in line]


def one(done):
    """The one line that a failed command prints."""
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def refused(capsys, monkeypatch):
    """The one line on standard error that the command ends with, exit code 2, here in this process."""

    def call(*flags):
        monkeypatch.setattr(sys, "argv", ["train", *map(str, flags)])
        capsys.readouterr()  # what a test printed as it prepared its data is not the command's
        with pytest.raises(SystemExit) as ended:
            run(train.command)
        told = capsys.readouterr().err
        assert ended.value.code == 2 and len(told.splitlines()) == 1, told
        return told

    return call


def test_preset_ci_learns(command, small_set, tmp_path):
    """A small DB-RAM by all terms of the paper's loss; it is still on the white plateau after so few steps."""
    done = command("train", "--data", small_set, "--preset", "ci", "--out", "run")
    assert done.returncode == 0, done.stderr
    losses = logged(tmp_path / "run")
    assert len(losses) == 40 and np.mean(losses[-5:]) <= 0.8 * np.mean(losses[:5])
    assert 0.3 < logged(tmp_path / "run", "discriminator")[-1] < 0.75
    weights = load_file(tmp_path / "run/last.safetensors")
    assert all(weights[f"generator.attention_{i}.alpha"].item() for i in (1, 2))
    for name in ("curves.png", "grids/step-0000040.png"):
        assert cv2.imread(str(tmp_path / "run" / name)).std() > 10
    assert list((tmp_path / "run/tensorboard").glob("events.*"))
    assert "images/s" in done.stdout


def test_a_small_network_leaves_the_white_plateau(command, tmp_path):
    """On pairs rendered as it goes; an output of nothing but white would have an F-measure of 0."""
    flags = [
        "--model",
        "plainu",
        "--width",
        16,
        "--crop",
        0,
        "--steps",
        120,
        "--lr",
        2e-3,
        "--bce",
        1,
        "--adversarial",
        0,
    ]
    done = command("train", "--data", "render:en", "--preset", "ci", *flags, "--l1", 0, "--workers", 1, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert logged(tmp_path / "run", "f_measure")[-1] > 0.3


@pytest.mark.parametrize("name", ["nonlocal", "only-lstm", "nonlocal-bilstm", "resnet6", "plainu"])
def test_each_variant_trains_and_is_scored(small_set, tmp_path, name):
    """The paper's competitors have a test of their own."""
    made = config("ci", {"model": name, "steps": 3, "norm": "instance", "dropout": 0.5})
    train.train(made, str(small_set), "ci", tmp_path / "run")
    assert len(logged(tmp_path / "run")) == 3
    images, truths, _ = score.pairs(str(small_set), "test", 3)
    net, told = checkpoint.trained(tmp_path / "run" / checkpoint.LAST)
    values = score.of_greys(score.by(net, images, torch.device("cpu")), truths, score.weights(truths))
    assert told["config"].model == name and {len(v) for v in values.values()} == {3}
    assert all(np.isfinite(v).all() for v in values.values())


def test_same_seed_same_losses(small_set, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train.train(config("ci", {"steps": 4, "seed": seed}), str(small_set), "ci", tmp_path / name)
    a, b, c = (logged(tmp_path / n) for n in "abc")
    assert a == b != c


@pytest.mark.parametrize("name", ["set", "render:en"])
def test_a_killed_run_goes_on_to_the_same_losses(command, small_set, tmp_path, name):
    """With dropout, two epochs and a killing between checkpoints: to the last bit, on one processor."""
    name = str(small_set) if name == "set" else name
    flags = ["--data", name, "--preset", "ci", "--steps", 24, "--dropout", 0.3, "--save-every", 5, "--workers", 0]
    assert command("train", *flags, "--out", "whole").returncode == 0
    env = os.environ | {"HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "dbram_baseline.train", *map(str, flags), "--out", "torn"]
    process = subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 100
    while not (tmp_path / "torn/log.jsonl").exists() or len(logged(tmp_path / "torn")) < 13:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held = checkpoint.about(tmp_path / "torn/last.safetensors")["step"]
    assert len(logged(tmp_path / "torn")) - held <= 6
    done = command("train", *flags, "--out", "torn", "--resume")
    assert done.returncode == 0 and f"from step {held}" in done.stdout, done.stderr
    assert logged(tmp_path / "torn") == logged(tmp_path / "whole")
    one, two = (load_file(tmp_path / n / "last.safetensors") for n in ("torn", "whole"))
    assert all(torch.equal(one[k], two[k]) for k in two)
    assert len(list((tmp_path / "torn").glob("state-*.pt"))) == 1


def test_two_processes_of_torchrun(small_set, tmp_path):
    """Each takes its part of the batch; their weights stay the same."""
    words = [
        "-m",
        "torch.distributed.run",
        "--nproc_per_node=2",
        "-m",
        "dbram_baseline.train",
        "--data",
        str(small_set),
    ]
    words += ["--preset", "ci", "--steps", "3", "--out", "run"]
    env = os.environ | {"HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("x 2") == 1 and len(logged(tmp_path / "run")) == 3


def test_a_loss_that_is_not_finite_stops_the_run(command, small_set):
    flags = ["--data", small_set, "--preset", "ci", "--out", "run", "--l1", 3.3e38, "--ssim", 3.3e38]
    assert "step 0: loss inf: training has come apart; lower --lr" in one(command("train", *flags))


@pytest.mark.parametrize(("where", "told"), [("loss", "step 7: loss nan"), ("weights", "step 10: generator.encoder.1")])
def test_the_last_good_checkpoint_is_kept(small_set, tmp_path, monkeypatch, where, told):
    """Whether a loss shows it, or only the weights do that are about to be saved."""
    real, calls = train.one_step, []

    def breaks(nets, *args):
        calls.append(real(nets, *args))
        if where == "weights" and len(calls) == 10:
            torch.nn.init.constant_(nets["generator"].encoder[1].weight, float("nan"))
        return calls[-1] | {"loss": calls[-1]["loss"] * (float("nan") if (where, len(calls)) == ("loss", 8) else 1)}

    monkeypatch.setattr(train, "one_step", breaks)
    with pytest.raises(BaselineError, match=told):
        train.train(config("ci", {"save_every": 5, "device": "cpu"}), str(small_set), "ci", tmp_path / "run")
    assert checkpoint.about(tmp_path / "run/last.safetensors")["step"] == 5
    weights = load_file(tmp_path / "run/last.safetensors")
    assert all(torch.isfinite(w).all() for w in weights.values())
    assert len(logged(tmp_path / "run")) == (7 if where == "loss" else 10)


def test_a_run_is_not_run_over(refused, small_set, tmp_path):
    flags = ["--data", small_set, "--preset", "ci", "--steps", 2, "--out", tmp_path / "run"]
    train.train(config("ci", {"steps": 2}), str(small_set), "ci", tmp_path / "run")
    assert "holds a run already; add --resume" in refused(*flags)
    assert "--width is 16, and the run began with 8" in refused(*flags, "--resume", "--width", 16)
    assert "no such checkpoint" in refused("--data", small_set, "--out", tmp_path / "other", "--resume")


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--preset", "huge"], "huge"),
        (["--model", "unet"], "unet"),
        (["--colour", "red"], "--colour"),
        (["--batch", "many"], "many"),
        (["--batch", "0"], "--batch is 0"),
        (["--dropout", "1.5"], "--dropout 1.5"),
        (["--l1", "-1"], "--l1 is -1"),
        (["--l1", "nan"], "--l1 is nan"),
        (["--crop", "8"], "--crop is 8"),
        (["--adversarial", "0", "--l1", "0", "--ssim", "0"], "nothing to learn from"),
        (["--device", "cuda:7"], "--device 'cuda:7'"),
        (["--data", "render:fr"], "render:fr"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(refused, flags, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert word in refused(*flags)
    assert not (tmp_path / "runs").exists()


def test_data_that_is_nowhere(command):
    """In a process that may not ask the hub, which would be tried for long."""
    assert "--data nowhere" in one(command("train", "--data", "nowhere"))


def test_data_that_does_not_fit_is_told(refused, tmp_path):
    def made(name, rows):
        (tmp_path / name).mkdir()
        Dataset.from_list(rows).to_parquet(tmp_path / name / "train.parquet")
        flags = ["--preset", "ci", "--validation", 1, "--out", tmp_path / "run"]
        return refused("--data", tmp_path / name, *flags)

    def png(height, width, planes=3):
        return {"bytes": cv2.imencode(".png", np.zeros((height, width, planes), np.uint8))[1].tobytes(), "path": None}

    pair = {"image": png(32, 280), "ground_truth": png(32, 280, 1)}
    assert "no column 'ground_truth'; it has image, mask" in made("a", [{"image": png(32, 280), "mask": 1}])
    narrow = {"image": png(32, 100), "ground_truth": png(32, 100, 1)}
    assert "row 1 of train has 32 x 100 px" in made("b", [pair, narrow])
    assert "image and ground truth differ in size" in made("c", [pair | {"ground_truth": png(32, 100, 1)}])
    broken = {"image": {"bytes": b"no picture", "path": None}, "ground_truth": pair["ground_truth"]}
    assert "image of row 0 of train cannot be decoded" in made("d", [broken])
    assert "1 pairs and --validation is 1" in made("e", [pair])


def test_sets_are_joined(small_set):
    joined = data.source(f"{small_set},{small_set}", 20, 0, 0, 1, torch.device("cpu"), True)
    assert joined.pairs == 220 and len(joined.held_out()[0]) == 20


def test_batches_cover_an_epoch_and_no_more(small_set):
    """Each pair once an epoch, in another order each time, none of those held out; ranks share a batch."""
    source = data.source(str(small_set), 20, 0, 0, 1, torch.device("cpu"), True)
    names = {i.numpy().tobytes(): n for n, i in enumerate(source.images.permute(0, 3, 1, 2))}

    def seen(step, **part):
        return [names[i.numpy().tobytes()] for i in source.batch(step, 20, **part)[0]]

    first, second = ([n for s in range(e * 5, e * 5 + 5) for n in seen(s)] for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(100)) and first != second
    assert sorted(seen(3, rank=0, world=2) + seen(3, rank=1, world=2)) == sorted(seen(3))


def test_rendered_batches_are_subsynth_s_own():
    """The pairs of train in their order, new ones at each step, whatever the processes."""
    inline, pooled = (data.Rendered("en", 100, 4, 3, workers) for workers in (0, 1))
    for step in (0, 1, 5):
        images, truths = inline.batch(step, 4)
        made = list(pairs(sub_en(n=100, seed=3), "train", step * 4, step * 4 + 4))
        assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), np.stack([p.image for p in made]))
        assert np.array_equal(truths.numpy(), np.stack([p.ground_truth for p in made]))
    assert torch.equal(pooled.batch(5, 4)[0], images)
    assert torch.equal(inline.batch(5, 4, rank=1, world=2)[0], images[1::2])


def test_presets_and_flags():
    assert config("paper", {}) == Config()
    assert config("demo", {"epochs": 5}).steps == 0 and config("demo", {"epochs": 5, "steps": 7}).steps == 7
    assert (Config().batch, Config().epochs, Config().l1, Config().ssim, Config().dropout) == (16, 200, 5.0, 5.0, 0.5)
    for name in PRESETS:
        assert dataclasses.asdict(config(name, {"seed": 7}))["seed"] == 7
    with pytest.raises(BaselineError, match="--width is 1"):
        config("ci", {"width": 1})


@pytest.fixture(scope="module")
def trained(small_set, tmp_path_factory):
    """A checkpoint after one step."""
    out = tmp_path_factory.mktemp("trained")
    words = [
        "-m",
        "dbram_baseline.train",
        "--data",
        str(small_set),
        "--preset",
        "ci",
        "--steps",
        "1",
        "--out",
        str(out / "run"),
    ]
    subprocess.run(
        [sys.executable, *words], check=True, capture_output=True, env=os.environ | {"HF_HOME": str(out / "h")}
    )
    return out / "run/last.safetensors"


def test_score_prints_one_table(command, small_set, trained, tmp_path):
    done = command("score", "--checkpoint", trained, "--data", small_set, "--out", "scores.json")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    for name in ("dbram 8, step 1", "otsu, raw", "sauvola, oracle polarity", "all-white", "CycleGAN (all white)"):
        assert any(r.startswith(f"| {name}") for r in rows), name
    told = json.loads((tmp_path / "scores.json").read_text())
    by_name = {r["method"]: r for r in told["rows"]}
    assert told["pairs"] == 40 and by_name["all-white"]["f_measure"] == 0
    raw, best = by_name["otsu, raw"], by_name["otsu, oracle polarity"]
    assert raw["f_measure"] < best["f_measure"] and not any("wrap" in k for k in raw)
    assert re.search(r"40 pairs, \d+\.\d% of pixels are text", done.stdout)


def test_score_of_one_method(command, small_set):
    done = command("score", "--method", "sauvola", "--data", small_set, "--split", "test_hard", "--n", 5)
    assert done.returncode == 0 and "5 pairs" in done.stdout and "otsu" not in done.stdout
    assert "split 'valid'" in one(command("score", "--method", "sauvola", "--data", small_set, "--split", "valid"))


def test_scored_outputs_are_the_network_s(small_set, trained):
    """Folded, in another memory format and in batches: the greys of the plain network."""
    from dbram_baseline import score

    net, _ = checkpoint.trained(trained)
    images, _ = data.decoded(str(small_set), "test", most=20)
    plain = data.to_images(net(data.as_input(torch.from_numpy(images).permute(0, 3, 1, 2)))).detach().numpy()
    assert np.allclose(score.outputs(net, images, torch.device("cpu"), "fp32"), plain.clip(0, 1), atol=1e-4)
    rough = score.outputs(net, images, torch.device("cpu"), "bf16")
    assert np.abs(rough - plain.clip(0, 1)).mean() < 0.02


def test_binarize_pages_and_folders(command, trained, tmp_path):
    page = np.random.default_rng(0).integers(0, 255, (300, 517, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "page.png"), page)
    done = command("binarize", "page.png", "--checkpoint", trained, "--out", "page-bw.png")
    assert done.returncode == 0, done.stderr
    made = cv2.imread(str(tmp_path / "page-bw.png"), cv2.IMREAD_UNCHANGED)
    assert made.shape == (300, 517) and set(np.unique(made)) <= {0, 255}
    (tmp_path / "many").mkdir()
    for name in ("a.jpg", "b.png"):
        cv2.imwrite(str(tmp_path / "many" / name), page[:40, :50])
    assert command("binarize", "many", "--checkpoint", trained, "--soft").returncode == 0
    assert sorted(p.name for p in (tmp_path / "many-bw").iterdir()) == ["a.png", "b.png"]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert "broken.png: not a picture" in one(command("binarize", "broken.png", "--checkpoint", trained))
    assert "not a checkpoint" in one(command("binarize", "page.png", "--checkpoint", "broken.png"))
    assert "no such file" in one(command("binarize", "nothing.png", "--checkpoint", trained))
    cv2.imwrite(str(tmp_path / "many/a.png"), page[:40, :50])
    assert "two pictures of one name" in one(command("binarize", "many", "--checkpoint", trained))


@pytest.mark.parametrize("size", [(40, 50), (256, 256), (257, 300), (600, 1000)])
def test_tiles_cover_a_page_without_seams(size):
    """A network that only looks at single pixels gives the same by tiles as at once."""
    net = torch.nn.Conv2d(3, 3, 1)
    torch.nn.init.dirac_(net.weight)
    torch.nn.init.zeros_(net.bias)
    page = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    with torch.no_grad():
        assert np.allclose(binarize.binarized(net, page), page.mean(axis=2) / 255, atol=1e-5)


def test_tiles_of_a_real_network_agree_in_the_middle():
    torch.manual_seed(0)
    net = generator("resnet6", 8, dropout=0.0).eval()
    page = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (64, 500, 3)).astype(np.uint8), (0, 0), 3)
    tiled, whole = binarize.binarized(net, page), binarize.binarized(net, page, tile=1000)
    assert np.abs(tiled - whole).mean() < 0.02
