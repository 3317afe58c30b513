"""The network for films: two planes of logits, trained on soft ground truth and erase masks."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dbram_baseline.data.rendering import render_labels
from dbram_baseline.data.tensors import as_input, as_target, to_batch
from dbram_baseline.errors import BaselineError
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.train import command
from dbram_baseline.training.checkpoint import AVERAGE, CheckpointInfo, load_generator, save_checkpoint
from dbram_baseline.training.config import build_config
from dbram_baseline.training.labelled_step import labelled_step, stacked
from dbram_baseline.training.loop import train
from dbram_baseline.training.step import Learner
from subsynth import film_en, pairs


def labelled_batch(count):
    images, labels = render_labels("film_en", 3, "train", 0, count, 1)
    return as_input(to_batch(images)), as_target(torch.from_numpy(labels))


def test_labels_are_those_of_the_samples():
    images, labels = render_labels("film_en", 3, "train", 10, 20, 2)
    spec = dataclasses.replace(film_en(n=10**9, n_test=10**6, seed=3), labels=type(film_en().labels)(coverage=True))
    expected = list(pairs(spec, "train", 10, 20))[::2]
    assert np.array_equal(images, np.stack([pair.image for pair in expected]))
    assert np.array_equal(labels[:, 0], np.stack([255 - pair.coverage for pair in expected]))
    assert ((labels[:, 0] < 128) <= (labels[:, 1] == 0)).all()  # text is erased too


def test_outputs_are_greys_of_the_probability_of_text():
    torch.manual_seed(0)
    network = build_generator("compact", width=8, dropout=0.0).eval()
    images = torch.rand(2, 3, 50, 70) * 2 - 1
    with torch.no_grad():
        logits, outputs = network.logits(images), network(images)
    assert logits.shape == (2, 2, 50, 70) and outputs.shape == (2, 3, 50, 70)
    assert torch.allclose(outputs[:, 0], 1 - 2 * torch.sigmoid(logits[:, 0]), atol=1e-6)


def test_a_step_learns_a_batch():
    torch.manual_seed(0)
    config = build_config("compact", {"model": "compact", "width": 8, "lr": 5e-3})
    network = build_generator("compact", width=8, dropout=0.0)
    networks = {"generator": network, AVERAGE: copy.deepcopy(network)}
    learner = Learner(config, networks, {"generator": torch.optim.Adam(network.parameters(), config.lr)})
    inputs, targets = labelled_batch(4)
    losses = [labelled_step(learner, inputs, targets) for _ in range(25)]
    assert losses[-1]["loss"] < 0.7 * losses[0]["loss"]
    assert losses[-1]["erase"] < losses[0]["erase"] and losses[-1]["dice"] < losses[0]["dice"]


def test_presets_are_rendered_for_it_by_their_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    values = ["--model", "compact", "--preset", "compact", "--width", 4, "--steps", 1, "--batch", 2, "--validation", 2]
    command.main(
        [*map(str, values), "--workers", "0", "--data", "film_en,sub_zh", "--out", "run"], standalone_mode=False
    )
    printed = capsys.readouterr().out
    assert "render:film_en,sub_zh: 1 steps" in printed and "note" not in printed
    Path("film_en").mkdir()  # a stored set, which cannot be used, is passed over aloud
    command.main(
        [*map(str, values), "--workers", "0", "--data", "film_en,sub_zh", "--out", "other"], standalone_mode=False
    )
    assert "note: ./film_en is not read" in capsys.readouterr().out


def test_training_on_bands_and_strips_in_turn(tmp_path):
    values = {"model": "compact", "width": 4, "steps": 2, "batch": 2, "validation": 4, "workers": 0, "device": "cpu"}
    train(build_config("compact", values), "render:film_en,sub_zh", "compact", tmp_path / "run")
    trained = load_generator(tmp_path / "run/last.safetensors")[0].state_dict()
    stored = load_file(tmp_path / "run/last.safetensors")
    assert all(torch.equal(value, stored[f"{AVERAGE}.{key}"]) for key, value in trained.items())
    assert not all(torch.equal(value, stored[f"generator.{key}"]) for key, value in trained.items())


def test_stored_sets_are_refused_in_one_line(tmp_path):
    values = {"model": "compact", "steps": 1, "device": "cpu"}
    with pytest.raises(BaselineError, match="no soft ground truth; name presets"):
        train(build_config("compact", values), "film_en", "compact", tmp_path / "run")


def test_stacked_images_lie_above_each_other():
    images = torch.arange(4 * 3 * 2 * 5).reshape(4, 3, 2, 5)
    pairs = stacked(images, 2)
    assert pairs.shape == (2, 3, 4, 5) and torch.equal(stacked(images, 1), images)
    assert torch.equal(pairs[1], torch.cat((images[2], images[3]), dim=1))


def test_checkpoints_without_the_blocks_of_the_context_still_load(tmp_path):
    torch.manual_seed(0)
    config = build_config("compact", {"model": "compact", "width": 8})
    network = build_generator("compact", 8, dropout=0.0)
    info = CheckpointInfo(config, "render:film_en", "compact", 7)
    save_checkpoint(tmp_path, info, {"generator": network}, Learner(config, {}, {}), torch.device("cpu"))
    path = tmp_path / "last.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    weights = load_file(path)
    older = {name: value for name, value in weights.items() if not name.startswith("generator.context.")}
    assert len(older) < len(weights)
    save_file(older, path, metadata)
    images, loaded = torch.rand(1, 3, 32, 64) * 2 - 1, load_generator(path)[0]
    network.eval().context = torch.nn.Sequential()
    with torch.no_grad():
        assert torch.equal(loaded.logits(images), network.logits(images))
    for part in ("stem", "context.1"):  # a damaged file is no older one
        save_file({name: value for name, value in weights.items() if part not in name}, path, metadata)
        with pytest.raises(BaselineError, match=part):
            load_generator(path)


def test_training_starts_from_weights_without_the_blocks_of_the_context(tmp_path):
    options = {"width": 8, "batch": 2, "crop": 32, "steps": 1, "validation": 4, "workers": 0, "lr": 1e-9}
    config = build_config("compact", {"model": "compact", **options})
    train(config, "render:film_en", "compact", tmp_path / "new")
    path = tmp_path / "new/last.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    older = {name: value for name, value in load_file(path).items() if ".context." not in name}
    save_file(older, tmp_path / "older.safetensors", metadata)
    train(config, "render:film_en", "compact", tmp_path / "grown", init=str(tmp_path / "older.safetensors"))
    grown = load_file(tmp_path / "grown/last.safetensors")
    assert grown.keys() > older.keys()
    weights = {name: value for name, value in older.items() if name.startswith("average") and name.endswith(".weight")}
    assert all(torch.allclose(grown[f"generator{name[7:]}"], value, atol=1e-6) for name, value in weights.items())
    assert grown["generator.context.0.body.4.weight"].abs().max() < 1e-6  # the last norm: still the identity
