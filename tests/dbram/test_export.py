"""Export: the ONNX model and the weights for `from_pretrained` agree with the trained network."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open

from dbram_baseline import export
from dbram_baseline.errors import BaselineError
from dbram_baseline.model import Generator
from dbram_baseline.networks.compact import Compact
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.training.checkpoint import CheckpointInfo, load_generator, save_checkpoint
from dbram_baseline.training.config import build_config
from dbram_baseline.training.step import Learner
from subsynth import Binarizer
from subsynth.data.folders import bundled_folder


def checkpoint_of(model, folder):
    """A checkpoint of a network with random weights and statistics."""
    torch.manual_seed(0)
    config = build_config("compact" if model == "compact" else "ci", {"model": model, "width": 8})
    network = build_generator(model, 8, dropout=0.0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    info = CheckpointInfo(config, "render:film_en", "compact", 7)
    save_checkpoint(folder, info, {"generator": network}, Learner(config, {}, {}), torch.device("cpu"))
    return folder / "last.safetensors", network.eval()


@pytest.fixture
def trained(tmp_path):
    return checkpoint_of("compact", tmp_path)


def run(*arguments):
    return CliRunner().invoke(export.command, list(map(str, arguments)), catch_exceptions=True)


def test_onnx_equals_torch_at_any_size(trained, tmp_path):
    path, network = trained
    assert run(path, "--out", tmp_path / "net.onnx", "--commit", "abc").exit_code == 0
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version >= 17) for o in model.opset_import] == [("", True)]  # no operators of others
    facts = {prop.key: prop.value for prop in model.metadata_props}
    assert (
        facts["commit"] == "abc"
        and facts["data"] == "render:film_en"
        and facts["steps"] == "7"
        and json.loads(facts["config"])["width"] == 8
    )
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 32, 280), (2, 3, 135, 210), (1, 3, 1, 1), (3, 3, 17, 31)):
        images = np.random.default_rng(1).random(shape, np.float32) * 2 - 1
        with torch.no_grad():
            expected = torch.sigmoid(network.logits(torch.from_numpy(images))).numpy()
        found = session.run(None, {session.get_inputs()[0].name: images})[0]
        assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-4
    assert Binarizer(tmp_path / "net.onnx").binarize(np.zeros((40, 90, 3), np.uint8)).coverage.shape == (40, 90)


def test_from_pretrained_reads_exported_weights(trained, tmp_path):
    path, network = trained
    assert run(path, "--out", tmp_path / "hub/model.safetensors").exit_code == 0
    loaded = Compact.from_pretrained(tmp_path / "hub").eval()
    images = torch.rand(1, 3, 40, 60) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(torch.sigmoid(loaded.logits(images)), torch.sigmoid(network.logits(images)), atol=5e-3)


def test_the_bundled_weights_are_those_of_the_bundled_model():
    """Their files tell the same origin, and give the same results in torch and in onnxruntime."""
    folder = bundled_folder("weights")
    model = onnx.load(folder / "compact.onnx")
    facts = {prop.key: prop.value for prop in model.metadata_props}
    with safe_open(str(folder / "compact/model.safetensors"), "pt") as file:
        assert facts.items() <= file.metadata().items()
    network = Compact.from_pretrained(folder / "compact").eval()
    session = onnxruntime.InferenceSession(folder / "compact.onnx", providers=["CPUExecutionProvider"])
    images = np.random.default_rng(2).random((1, 3, 48, 160), np.float32) * 2 - 1
    with torch.no_grad():
        expected = torch.sigmoid(network.logits(torch.from_numpy(images))).numpy()
    assert np.abs(session.run(None, {"images": images})[0] - expected).max() < 1e-2  # the weights are fp16
    assert sum(path.stat().st_size for path in folder.rglob("compact*") if path.is_file()) < 3e6


def test_what_cannot_be_exported(tmp_path):
    path, _ = checkpoint_of("plainu", tmp_path)
    for arguments, words in (
        ([path, "--out", tmp_path / "x.onnx"], "only compact"),
        ([path, "--out", tmp_path / "x.bin"], ".onnx or .safetensors"),
        ([tmp_path / "nothing.safetensors"], "no such checkpoint"),
    ):
        result = run(*arguments)
        assert words in str(result.exception)
    assert not list(tmp_path.glob("x.*"))


def test_exported_weights_are_a_checkpoint(tmp_path):
    """Of any model: the same outputs, from a file of half the size."""
    path, network = checkpoint_of("plainu", tmp_path)
    out = tmp_path / "small/model.safetensors"
    assert run(path, "--out", out).exit_code == 0
    loaded, info = load_generator(out)
    assert info.step == 7 and info.config.model == "plainu"
    images = torch.rand(1, 3, 32, 48) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(loaded(images), network(images), atol=1e-2)
    assert out.stat().st_size < 0.6 * path.stat().st_size


def test_models_in_the_package_have_names():
    """`bundled:compact` is the file that `from_pretrained` loads; for an unknown name the others are listed."""
    network, info = load_generator(Path("bundled:compact"))
    assert isinstance(network, Compact) and info.config.model == "compact"
    network, info = load_generator(Path("bundled:dbram"))
    assert isinstance(network, Generator) and info.config.width == 16 and info.data == "render:sub_en,sub_zh"
    with pytest.raises(BaselineError, match=r"bundled:nothing: no such model .* bundled:compact, bundled:dbram"):
        load_generator(Path("bundled:nothing"))
