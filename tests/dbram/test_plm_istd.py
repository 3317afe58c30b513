"""Palm leaves and shadows: their authors' layouts, and the way from training to a score."""

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity

from dbram_baseline import score
from dbram_baseline.data import istd
from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation import metrics
from dbram_baseline.train import train
from dbram_baseline.training import checkpoint
from dbram_baseline.training.config import config

TINY = {"width": 4, "discriminator_width": 4, "norm": "instance", "batch": 1, "crop": 0, "steps": 2, "validation": 2}


@pytest.fixture
def leaves(tmp_path):
    """Five leaves of 730 x 60 px, as the contest has them."""
    folder = tmp_path / "Challenge-1-ForTrain" / "train-50"
    folder.mkdir(parents=True)
    chance = np.random.default_rng(0)
    for i in range(5):
        truth = np.full((60, 730), 255, np.uint8)
        cv2.putText(truth, f"leaf {i} " * 8, (0, 40), 0, 0.8, 0, 2)
        truth = np.where(truth < 128, 0, 255).astype(np.uint8)
        image = np.clip(truth[:, :, None] * 0.4 + chance.integers(20, 90, (60, 730, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"leaf{i}.jpg"), image)
        for annotator in (1, 2):
            cv2.imwrite(str(folder / f"leaf{i}_GT{annotator}.bmp"), np.roll(truth, annotator - 1, axis=1))
    return tmp_path / "Challenge-1-ForTrain"


@pytest.fixture
def scenes(tmp_path):
    """Three pictures to train on and two to test on, of 640 x 480 px, as ISTD has them."""
    chance = np.random.default_rng(1)
    for split, number in (("train", 3), ("test", 2)):
        for i in range(number):
            free = cv2.resize(chance.integers(60, 255, (6, 8, 3)).astype(np.uint8), (640, 480))
            mask = np.zeros((480, 640), np.uint8)
            cv2.circle(mask, (200 + 80 * i, 240), 120, 255, -1)
            shadow = np.where(mask[:, :, None] > 0, free * 0.4, free).astype(np.uint8)
            for kind, pixels in (("A", shadow), ("B", mask), ("C", free)):
                path = tmp_path / "ISTD_Dataset" / split / f"{split}_{kind}" / f"{90 + i}-1.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), pixels)
    return tmp_path / "ISTD_Dataset"


def scored(*args):
    done = CliRunner().invoke(score.command, [str(a) for a in args], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_leaves_are_cut_in_ten_and_none_is_in_both_splits(leaves):
    pieces = data.pages(f"plm:{leaves}", "train"), data.pages(f"plm:{leaves}", "test")
    assert [len(p) for p in pieces] == [40, 10]
    assert not {p.name.split("/")[0] for p in pieces[0]} & {p.name.split("/")[0] for p in pieces[1]}
    whole = np.concatenate([p.truth for p in pieces[1]], axis=1)
    first = cv2.imread(str(leaves / "train-50" / "leaf4_GT1.bmp"), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(whole, first)
    assert {p.truth.shape for p in pieces[0]} == {(60, 73)}


def test_a_palm_leaf_run(leaves, tmp_path):
    train(config("ci", TINY), f"plm:{leaves}", "ci", tmp_path / "run")
    told = scored("--data", f"plm:{leaves}", "--checkpoint", tmp_path / "run/last.safetensors", "--n", 3)
    assert "Challenge-1-ForTrain, test: 3 pairs" in told and "all-white" in told and "sauvola, oracle polarity" in told


def test_what_leaves_lack_is_told(leaves, tmp_path):
    with pytest.raises(BaselineError, match="Challenge-1-ForTrain of the ICFHR 2016 contest"):
        data.pages(f"plm:{tmp_path}/nowhere", "test")
    with pytest.raises(BaselineError, match="no split 'test_hard'"):
        data.pages(f"plm:{leaves}", "test_hard")
    truth = leaves / "train-50" / "leaf4_GT1.bmp"
    cv2.imwrite(str(truth), 255 - cv2.imread(str(truth)))
    with pytest.raises(BaselineError, match="is mostly black"):
        data.pages(f"plm:{leaves}", "test")
    truth.unlink()
    with pytest.raises(BaselineError, match=r"has no leaf4_GT1\.bmp beside it"):
        data.pages(f"plm:{leaves}", "test")


def test_shadows_are_read(scenes):
    found = istd.shadows(str(scenes), "test")
    assert found.images.shape == found.free.shape == (2, 256, 256, 3) and found.masks.shape == (2, 256, 256)
    lit = ~cv2.dilate(found.masks[0].astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert np.array_equal(found.images[0][lit], found.free[0][lit])
    inside = cv2.erode(found.masks[0].astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert np.allclose(found.images[0][inside], found.free[0][inside] * 0.4, atol=2)
    assert len(istd.shadows(str(scenes), "train", most=2).images) == 2


@pytest.mark.parametrize("model", ["dbram", "cyclegan"])
def test_a_shadow_run(scenes, tmp_path, model):
    train(config("ci", {"model": model, **TINY, "validation": 1}), f"istd:{scenes}", "ci", tmp_path / "run")
    grid = cv2.imread(str(tmp_path / "run/grids/step-0000002.png"))
    assert grid.shape == (260, 3 * 260, 3)
    net = checkpoint.trained(tmp_path / "run/last.safetensors")[0]
    found = istd.shadows(str(scenes), "test")
    made = score.by(net, found.images, torch.device("cpu"), colour=True)
    assert made.shape == found.images.shape and np.ptp(made, axis=3).max() > 0  # in colour
    told = scored("--data", f"istd:{scenes}", "--checkpoint", tmp_path / "run/last.safetensors")
    assert "images as they are" in told and f"{model} 4, step 2" in told and "RMSE Lab, shadow" in told


def test_what_shadows_lack_is_told(scenes, tmp_path):
    with pytest.raises(BaselineError, match="get ISTD from its authors"):
        istd.shadows(str(tmp_path / "nowhere"), "train")
    (scenes / "test/test_B/91-1.png").unlink()
    with pytest.raises(BaselineError, match="test_B has no picture of the name 91-1"):
        istd.shadows(str(scenes), "test")
    done = CliRunner().invoke(score.command, ["--data", f"istd:{scenes}", "--method", "otsu"])
    assert isinstance(done.exception, BaselineError) and "--method otsu is for text" in str(done.exception)
    with pytest.raises(BaselineError, match="is in colour; --model fcn"):
        train(config("ci", TINY | {"model": "fcn"}), f"istd:{scenes}", "ci", tmp_path / "run")


def test_errors_in_lab_are_scikit_image_s():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 20, 30, 3)).astype(np.float32)
    where = rng.random((20, 30)) < 0.3
    apart = (rgb2lab(a) - rgb2lab(b))[where]
    expected = np.sqrt((apart**2).sum(axis=1).mean()), np.abs(apart).sum(axis=1).mean()
    assert metrics.lab_errors(a, b, where) == pytest.approx(expected, rel=2e-3)
    assert np.isnan(metrics.lab_errors(a, b, np.zeros_like(where))).all()


def test_ssim_of_colours_is_the_mean_of_planes():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 40, 50, 3))
    _, whole = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True, channel_axis=2
    )
    assert metrics.ssim(a, b) == pytest.approx(whole[5:-5, 5:-5].mean(), abs=1e-6)
