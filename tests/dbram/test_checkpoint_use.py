"""What trained networks are used for: scoring, and binarizing images of any size."""

import json
import re

import cv2
import numpy as np
import pytest
import torch

from dbram_baseline.data.refs import DataRef
from dbram_baseline.data.tensors import as_greys, as_input, to_batch
from dbram_baseline.evaluation.eval_set import load_eval_set
from dbram_baseline.evaluation.evaluate import predict, predict_tiled
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.training.checkpoint import LAST, load_generator
from dbram_baseline.training.config import build_config
from dbram_baseline.training.loop import train


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
    for name in ("dbram 8, step 1", "otsu, raw", "sauvola, oracle polarity", "all-white", "CycleGAN"):
        assert any(r.startswith(f"| {name}") for r in rows), name
    record = json.loads((tmp_path / "scores.json").read_text())
    by_name = {r["method"]: r for r in record["rows"]}
    assert record["pairs"] == 40 and by_name["all-white"]["f_measure"] == 0
    error = {name: 1 - row["ssim"] for name, row in by_name.items()}
    shares = {name: row["ssim_error_share"] for name, row in by_name.items()}
    assert shares == {name: pytest.approx(e / error["all-white"]) for name, e in error.items()}
    assert "SSIM error share" in process.stdout and "(1 - SSIM) / (1 - SSIM of an all-white output)" in process.stdout
    raw, oracle = by_name["otsu, raw"], by_name["otsu, oracle polarity"]
    assert raw["f_measure"] < oracle["f_measure"] and not any("wrap" in k for k in raw)
    assert re.search(r"40 pairs, \d+\.\d% of pixels are text", process.stdout)


def test_score_of_one_method(command, error_line, small_set):
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


def test_binarize_pages_and_folders(command, error_line, trained, tmp_path):
    page = np.random.default_rng(0).integers(0, 255, (200, 270, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "page.png"), page)
    process = command("binarize", "page.png", "--checkpoint", trained, "--out", "page-bw.png")
    assert process.returncode == 0, process.stderr
    binary = cv2.imread(str(tmp_path / "page-bw.png"), cv2.IMREAD_UNCHANGED)
    assert binary.shape == (200, 270) and set(np.unique(binary)) <= {0, 255}
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
