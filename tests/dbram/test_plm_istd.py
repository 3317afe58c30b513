"""Palm leaves and shadows: the layouts of their authors, and runs from training to a score."""

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity

from dbram_baseline import score
from dbram_baseline.data.documents import load_pages
from dbram_baseline.data.istd import load_shadows
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation import metrics
from dbram_baseline.evaluation.evaluate import predict
from dbram_baseline.training.checkpoint import load_generator
from dbram_baseline.training.config import build_config
from dbram_baseline.training.loop import train

TINY = {"width": 4, "discriminator_width": 4, "norm": "instance", "batch": 1, "crop": 0, "steps": 2, "validation": 2}


@pytest.fixture
def leaves(tmp_path):
    """Five leaves of 730 x 60 px, in the layout of the contest."""
    folder = tmp_path / "Challenge-1-ForTrain" / "train-50"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(5):
        truth = np.full((60, 730), 255, np.uint8)
        cv2.putText(truth, f"leaf {i} " * 8, (0, 40), 0, 0.8, 0, 2)
        truth = np.where(truth < 128, 0, 255).astype(np.uint8)
        image = np.clip(truth[:, :, None] * 0.4 + rng.integers(20, 90, (60, 730, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"leaf{i}.jpg"), image)
        for annotator in (1, 2):
            cv2.imwrite(str(folder / f"leaf{i}_GT{annotator}.bmp"), np.roll(truth, annotator - 1, axis=1))
    return tmp_path / "Challenge-1-ForTrain"


@pytest.fixture
def scenes(tmp_path):
    """Three images to train on and two to test on, of 640 x 480 px, in the layout of ISTD."""
    rng = np.random.default_rng(1)
    for split, number in (("train", 3), ("test", 2)):
        for i in range(number):
            shadow_free = cv2.resize(rng.integers(60, 255, (6, 8, 3)).astype(np.uint8), (640, 480))
            mask = np.zeros((480, 640), np.uint8)
            cv2.circle(mask, (200 + 80 * i, 240), 120, 255, -1)
            shadow = np.where(mask[:, :, None] > 0, shadow_free * 0.4, shadow_free).astype(np.uint8)
            for part, pixels in (("A", shadow), ("B", mask), ("C", shadow_free)):
                path = tmp_path / "ISTD_Dataset" / split / f"{split}_{part}" / f"{90 + i}-1.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), pixels)
    return tmp_path / "ISTD_Dataset"


def run_score(*args):
    result = CliRunner().invoke(score.command, [str(a) for a in args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def pieces(leaves, split):
    return load_pages(DataRef.parse(f"plm:{leaves}"), split)


def shadows(scenes, split, limit=0):
    return load_shadows(DataRef.parse(f"istd:{scenes}"), split, limit)


def test_leaves_are_cut_into_ten_and_none_is_in_both_splits(leaves):
    training, test = pieces(leaves, "train"), pieces(leaves, "test")
    assert (len(training), len(test)) == (40, 10)
    assert not {p.name.split("/")[0] for p in training} & {p.name.split("/")[0] for p in test}
    joined = np.concatenate([p.truth for p in test], axis=1)
    first = cv2.imread(str(leaves / "train-50" / "leaf4_GT1.bmp"), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(joined, first)
    assert {p.truth.shape for p in training} == {(60, 73)}


def test_a_palm_leaf_run(leaves, tmp_path):
    train(build_config("ci", TINY), f"plm:{leaves}", "ci", tmp_path / "run")
    output = run_score("--data", f"plm:{leaves}", "--checkpoint", tmp_path / "run/last.safetensors", "--n", 3)
    assert (
        "Challenge-1-ForTrain, test: 3 pairs" in output
        and "all-white" in output
        and "sauvola, oracle polarity" in output
    )


def test_missing_leaves_are_reported(leaves, tmp_path):
    with pytest.raises(BaselineError, match="Challenge-1-ForTrain of the ICFHR 2016 contest"):
        pieces(tmp_path / "nowhere", "test")
    with pytest.raises(BaselineError, match="no split 'test_hard'"):
        pieces(leaves, "test_hard")
    truth = leaves / "train-50" / "leaf4_GT1.bmp"
    cv2.imwrite(str(truth), 255 - cv2.imread(str(truth)))
    with pytest.raises(BaselineError, match="is mostly black"):
        pieces(leaves, "test")
    truth.unlink()
    with pytest.raises(BaselineError, match=r"has no leaf4_GT1\.bmp beside it"):
        pieces(leaves, "test")


def test_shadows_are_read(scenes):
    test = shadows(scenes, "test")
    assert test.images.shape == test.shadow_free.shape == (2, 256, 256, 3) and test.masks.shape == (2, 256, 256)
    lit = ~cv2.dilate(test.masks[0].astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert np.array_equal(test.images[0][lit], test.shadow_free[0][lit])
    inside = cv2.erode(test.masks[0].astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert np.allclose(test.images[0][inside], test.shadow_free[0][inside] * 0.4, atol=2)
    assert len(shadows(scenes, "train", limit=2).images) == 2


@pytest.mark.parametrize("model", ["dbram", "cyclegan"])
def test_a_shadow_run(scenes, tmp_path, model):
    train(build_config("ci", {"model": model, **TINY, "validation": 1}), f"istd:{scenes}", "ci", tmp_path / "run")
    grid = cv2.imread(str(tmp_path / "run/grids/step-0000002.png"))
    assert grid.shape == (260, 3 * 260, 3)
    network = load_generator(tmp_path / "run/last.safetensors")[0]
    test = shadows(scenes, "test")
    outputs = predict(network, test.images, torch.device("cpu"), colour=True)
    assert outputs.shape == test.images.shape and np.ptp(outputs, axis=3).max() > 0  # in colour
    output = run_score("--data", f"istd:{scenes}", "--checkpoint", tmp_path / "run/last.safetensors")
    assert "images as they are" in output and f"{model} 4, step 2" in output and "RMSE Lab, shadow" in output


def test_missing_shadows_are_reported(scenes, tmp_path):
    with pytest.raises(BaselineError, match="get ISTD from its authors"):
        shadows(tmp_path / "nowhere", "train")
    (scenes / "test/test_B/91-1.png").unlink()
    with pytest.raises(BaselineError, match="test_B has no image named 91-1"):
        shadows(scenes, "test")
    result = CliRunner().invoke(score.command, ["--data", f"istd:{scenes}", "--method", "otsu"])
    assert isinstance(result.exception, BaselineError) and "--method otsu is for text" in str(result.exception)
    with pytest.raises(BaselineError, match="is in colour; --model fcn"):
        train(build_config("ci", TINY | {"model": "fcn"}), f"istd:{scenes}", "ci", tmp_path / "run")


def test_errors_in_lab_are_those_of_scikit_image():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 20, 30, 3)).astype(np.float32)
    where = rng.random((20, 30)) < 0.3
    difference = (rgb2lab(a) - rgb2lab(b))[where]
    expected = np.sqrt((difference**2).sum(axis=1).mean()), np.abs(difference).sum(axis=1).mean()
    assert metrics.lab_errors(a, b, where) == pytest.approx(expected, rel=2e-3)
    assert np.isnan(metrics.lab_errors(a, b, np.zeros_like(where))).all()


def test_ssim_of_colours_is_the_mean_of_planes():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 40, 50, 3))
    _, values = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True, channel_axis=2
    )
    assert metrics.ssim(a, b) == pytest.approx(values[5:-5, 5:-5].mean(), abs=1e-6)
