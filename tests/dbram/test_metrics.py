"""Measures against the contests' own tool, scikit-image, and cases small enough to be reckoned by hand."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.filters import threshold_otsu
from skimage.metrics import peak_signal_noise_ratio

from dbram_baseline.classical import thresholds as classical
from dbram_baseline.evaluation import metrics

SHARED = Path(__file__).resolve().parents[3] / "shared"  # real pages, where they lie beside a checkout
ORACLE = SHARED / "design/metric_oracle.json"
there = pytest.mark.skipif(not ORACLE.exists(), reason=f"the contests' pages are not there: {ORACLE}")


def square(*flips, size=16):
    """Text at rows 4..11 and columns 4..9, and the same with pixels turned over."""
    truth = np.zeros((size, size), bool)
    truth[4:12, 4:10] = True
    found = truth.copy()
    for row, column in flips:
        found[row, column] ^= True
    return found, truth


# What another port of the contests' tool gives: F-measure (of a hundred), PSNR, NRM, DRD.
TINY = {
    "a wrong pixel far off, near the border": (square((1, 14)), (98.969072, 24.0824, 0.002404, 0.180365)),
    "a missed pixel in the midst": (square((7, 6)), (98.947368, 24.0824, 0.010417, 0.25)),
    "a column too thick": (square(*((row, 10) for row in range(4, 12))), (92.307692, 15.0515, 0.019231, 1.316774)),
}


@pytest.mark.parametrize("name", TINY)
def test_tiny_cases(name):
    (found, truth), expected = TINY[name]
    got = 100 * metrics.f_measure(found, truth), metrics.psnr_binary(found, truth), metrics.nrm(found, truth)
    assert (*got, metrics.drd(found, truth)) == pytest.approx(expected, abs=1e-4)


def test_tiny_case_at_the_corner():
    """What lies outside the image counts as equal."""
    truth = np.zeros((16, 16), bool)
    truth[4:12, 4:10] = True
    truth[15, :3] = True
    found = truth.copy()
    found[15, 2] = False
    got = 100 * metrics.f_measure(found, truth), metrics.psnr_binary(found, truth), metrics.nrm(found, truth)
    assert (*got, metrics.drd(found, truth)) == pytest.approx((99.009901, 24.0824, 0.009804, 0.027134), abs=1e-4)


def test_counts():
    found, truth = square((1, 14), (7, 6), (4, 4))
    assert metrics.counts(found, truth) == (46, 1, 2, 207)
    assert metrics.error_rate(found, truth) == 3 / 256


def test_perfect_and_empty_outputs():
    _, truth = square()
    weights = metrics.pseudo_weights(truth)
    assert metrics.f_measure(truth, truth) == 1 and metrics.drd(truth, truth) == 0 and metrics.nrm(truth, truth) == 0
    assert metrics.pseudo_f_measure(truth, truth, weights) == pytest.approx(1)
    assert metrics.psnr(truth.astype(float), truth.astype(float)) == math.inf
    assert metrics.psnr_binary(truth, truth) == pytest.approx(10 * math.log10(2 * 256))
    assert metrics.ssim(truth.astype(float), truth.astype(float)) == pytest.approx(1)
    empty = np.zeros_like(truth)
    assert metrics.f_measure(empty, truth) == 0 and metrics.f_measure(empty, empty) == 1
    assert metrics.pseudo_f_measure(empty, truth, weights) == pytest.approx(0, abs=1e-6)


def test_psnr_is_scikit_image_s():
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 280)), rng.random((32, 280))
    assert metrics.psnr(x, y) == pytest.approx(peak_signal_noise_ratio(y, x, data_range=1.0))
    found, truth = square((1, 1), (2, 2), (3, 9))
    bytes_ = [np.where(m, 0, 255).astype(np.uint8) for m in (truth, found)]
    assert metrics.psnr_binary(found, truth) == pytest.approx(peak_signal_noise_ratio(*bytes_, data_range=255))


def test_the_wrap_flatters_what_is_wholly_wrong():
    """Why it is no measure: black for white costs 1 where one grey level off costs as much."""
    truth = np.ones((32, 280))
    assert metrics.psnr_uint8_wrap(np.zeros_like(truth), truth) == pytest.approx(10 * math.log10(255**2))
    assert metrics.psnr_uint8_wrap(truth - 1 / 255, truth) == pytest.approx(10 * math.log10(255**2))
    assert metrics.psnr(np.zeros_like(truth), truth) == 0


def test_otsu_is_scikit_image_s():
    grey = np.random.default_rng(0).normal(100, 40, (60, 90)).clip(0, 255).astype(np.uint8)
    assert np.array_equal(classical.otsu(grey), grey <= threshold_otsu(grey))


def test_polarity_is_turned_to_the_better():
    _, truth = square(size=32)
    grey = np.where(truth, 230, 30).astype(np.uint8)
    assert not np.array_equal(classical.otsu(grey), truth)
    assert np.array_equal(classical.best_polarity(classical.otsu, grey, truth), truth)


@pytest.mark.parametrize("name", classical.METHODS)
def test_each_method_finds_dark_text_on_a_clean_page(name):
    page = np.full((120, 300, 3), 235, np.uint8)
    cv2.putText(page, "Page", (20, 80), cv2.FONT_HERSHEY_SIMPLEX, 2.2, (20, 20, 20), 5)
    noisy = np.clip(page + np.random.default_rng(0).normal(0, 3, page.shape), 0, 255).astype(np.uint8)
    found = classical.METHODS[name](classical.grey(noisy))
    floor = {"niblack": 0.3}.get(name, 0.9)  # Niblack makes noise of an empty window
    assert metrics.f_measure(found, page[:, :, 0] < 128) > floor


@there
def test_the_contests_own_figures():
    """F-measure, PSNR, DRD and P-FM as the official tool has printed them, and SSIM, on 51 pages."""
    told, approximate = json.loads(ORACLE.read_text()), []
    assert len(told["cases"]) == 51 and len(told["tiny_cases"]) == 4
    for case in told["cases"]:
        found, truth = (cv2.imread(str(SHARED / case[k]), cv2.IMREAD_GRAYSCALE) == 0 for k in ("result", "gt"))
        official, port, within = case["official"], case["port"], told["tolerance"]
        assert 100 * metrics.f_measure(found, truth) == pytest.approx(official["fm"], abs=within["fm"])
        assert metrics.psnr_binary(found, truth) == pytest.approx(official["psnr"], abs=within["psnr"])
        assert metrics.drd(found, truth) == pytest.approx(official["drd"], abs=within["drd"])
        assert metrics.nrm(found, truth) == pytest.approx(port["nrm"], abs=1e-6)
        white = [1.0 - m for m in (found, truth)]
        assert metrics.ssim(*white) == pytest.approx(case["ssim_gauss11_s1p5_L255"], abs=1e-5)
        pfm = 100 * metrics.pseudo_f_measure(found, truth, metrics.pseudo_weights(truth))
        approximate.append(abs(pfm - official["pfm"]))
        given = SHARED / case["result"].replace("_result.png", "_weights.npz")
        if given.exists():
            weights = np.load(given)
            pfm = 100 * metrics.pseudo_f_measure(found, truth, (weights["recall"], weights["precision"]))
            assert pfm == pytest.approx(official["pfm"], abs=within["pfm_with_official_weights"])
    assert np.mean(approximate) < 0.4 and max(approximate) < 4


@there
@pytest.mark.parametrize(("method", "fm", "psnr"), [("otsu", 78.603, 15.307), ("isauvola", 89.028, 17.468)])
def test_classical_methods_on_real_pages(method, fm, psnr):
    """Means over the ten pages of 2009, as measured by another program."""
    scores = []
    for path in sorted((SHARED / "data/dibco/2009/img").glob("*.png")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        truth = cv2.imread(str(path.parents[1] / "gt" / path.name), cv2.IMREAD_GRAYSCALE) == 0
        found = classical.METHODS[method](classical.grey(image))
        scores.append((100 * metrics.f_measure(found, truth), metrics.psnr_binary(found, truth)))
    assert np.mean(scores, axis=0) == pytest.approx([fm, psnr], abs=2e-3)
