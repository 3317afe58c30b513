"""Metrics compared with an independent implementation, the contests' own tool and scikit-image."""

import json
import math
from pathlib import Path

import cv2
import metric_oracle
import numpy as np
import pytest
from skimage.filters import threshold_otsu
from skimage.metrics import peak_signal_noise_ratio

from dbram_baseline.classical.thresholds import METHODS, otsu, to_grey
from dbram_baseline.evaluation import metrics
from dbram_baseline.evaluation.metrics import METRICS, BinarySample, ColourSample, ReadingSample
from dbram_baseline.evaluation.pseudo_f_measure import PseudoWeights, pseudo_f_measure, pseudo_weights
from dbram_baseline.evaluation.systems import best_polarity

CASES = json.loads(Path(__file__).with_name("metric_cases.json").read_text())["cases"]
SHARED = Path(__file__).resolve().parents[3] / "shared"
OFFICIAL = SHARED / "design/metric_oracle.json"  # values that the contests' tool has printed
extra = pytest.mark.skipif(not OFFICIAL.exists(), reason="extra: needs the contests' pages beside the checkout")


def mask(rows):
    return np.array([[c == "#" for c in row] for row in rows])


def square(*flips, size=16):
    """A mask with text in rows 4..11 and columns 4..9, and a copy with some pixels inverted."""
    truth = np.zeros((size, size), bool)
    truth[4:12, 4:10] = True
    output = truth.copy()
    for row, column in flips:
        output[row, column] ^= True
    return output, truth


def random_masks(seed, size=(37, 50)):
    """Text, and an output with wrong pixels anywhere, also at the border."""
    rng = np.random.default_rng(seed)
    truth = np.full(size, 255, np.uint8)
    cv2.putText(truth, "Mi", (int(rng.integers(-5, 10)), int(rng.integers(20, 36))), 0, 1, 0, int(rng.integers(1, 5)))
    return (truth < 128) ^ (rng.random(size) < 0.05), truth < 128


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_known_values(case):
    output, truth = mask(case["output"]), mask(case["truth"])
    sample = BinarySample(np.float32(1) - output, np.where(truth, 0, 255).astype(np.uint8), pseudo_weights(truth))
    values = {m.key: m.binary(sample) for m in METRICS if m.binary}
    assert case["expected"] == {key: pytest.approx(values[key], abs=1e-6, rel=3e-6) for key in case["expected"]}


@pytest.mark.parametrize("seed", range(6))
def test_values_are_those_of_the_definitions(seed):
    output, truth = random_masks(seed)
    assert metrics.f_measure(output, truth) == pytest.approx(metric_oracle.f_measure(output, truth))
    assert metrics.psnr_binary(output, truth) == pytest.approx(metric_oracle.psnr(output, truth))
    assert metrics.nrm(output, truth) == pytest.approx(metric_oracle.nrm(output, truth))
    assert metrics.drd(output, truth) == pytest.approx(metric_oracle.drd(output, truth))
    rng = np.random.default_rng(seed)
    for weights in (pseudo_weights(truth), PseudoWeights(*rng.random((2, *truth.shape), np.float32))):
        expected = metric_oracle.pseudo_f_measure(output, truth, *weights)
        assert pseudo_f_measure(output, truth, weights) == pytest.approx(expected)


def test_confusion():
    output, truth = square((1, 14), (7, 6), (4, 4))
    assert metrics.confusion(output, truth) == (46, 1, 2, 207)
    assert metrics.error_rate(output, truth) == 3 / 256


def test_each_metric_prefers_a_perfect_output():
    """In the direction that the table of metrics states. Those of frames without text are in test_film.py."""
    output, truth = random_masks(0, (40, 60))
    white = np.where(truth, 0, 255).astype(np.uint8)
    colour = np.random.default_rng(0).random((40, 60, 3)).astype(np.float32)
    samples = {
        "binary": [BinarySample(np.float32(1) - m, white, pseudo_weights(truth)) for m in (truth, output)],
        "colour": [ColourSample(c, colour, truth) for c in (colour, colour**1.5)],
        "reading": [ReadingSample(text, "subtitle") for text in ("subtitle", "sub title")],
    }
    for metric in METRICS:
        for name, (perfect, worse) in samples.items():
            if (function := getattr(metric, name)) and not metric.of_blank:
                better = (
                    function(perfect) > function(worse)
                    if metric.higher_is_better
                    else function(perfect) < function(worse)
                )
                assert better, (metric.key, name)


def test_perfect_and_empty_outputs():
    _, truth = square()
    weights = pseudo_weights(truth)
    assert metrics.f_measure(truth, truth) == 1 and metrics.drd(truth, truth) == 0 and metrics.nrm(truth, truth) == 0
    assert pseudo_f_measure(truth, truth, weights) == pytest.approx(1)
    assert metrics.psnr(truth.astype(float), truth.astype(float)) == math.inf
    assert metrics.psnr_binary(truth, truth) == pytest.approx(10 * math.log10(2 * 256))
    assert metrics.ssim(truth.astype(float), truth.astype(float)) == pytest.approx(1)
    empty = np.zeros_like(truth)
    assert metrics.f_measure(empty, truth) == 0
    assert pseudo_f_measure(empty, truth, weights) == pytest.approx(0, abs=1e-6)
    assert not any(w.any() for w in pseudo_weights(empty))


def test_psnr_is_that_of_scikit_image():
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 280)), rng.random((32, 280))
    assert metrics.psnr(x, y) == pytest.approx(peak_signal_noise_ratio(y, x, data_range=1.0))
    output, truth = square((1, 1), (2, 2), (3, 9))
    images = [np.where(m, 0, 255).astype(np.uint8) for m in (truth, output)]
    assert metrics.psnr_binary(output, truth) == pytest.approx(peak_signal_noise_ratio(*images, data_range=255))


def test_the_wrap_makes_a_black_page_as_good_as_one_grey_level():
    """Which is why it is not a valid measure: black instead of white is an error of 1, as is one level of 255."""
    truth = np.ones((32, 280))
    assert metrics.psnr_uint8_wrap(np.zeros_like(truth), truth) == pytest.approx(10 * math.log10(255**2))
    assert metrics.psnr_uint8_wrap(truth - 1 / 255, truth) == pytest.approx(10 * math.log10(255**2))
    assert metrics.psnr(np.zeros_like(truth), truth) == 0


def test_otsu_is_that_of_scikit_image():
    grey = np.random.default_rng(0).normal(100, 40, (60, 90)).clip(0, 255).astype(np.uint8)
    assert np.array_equal(otsu(grey), grey <= threshold_otsu(grey))


def test_the_better_polarity_is_chosen():
    _, truth = square(size=32)
    grey = np.where(truth, 230, 30).astype(np.uint8)
    assert not np.array_equal(otsu(grey), truth)
    assert np.array_equal(best_polarity(otsu, grey, truth), truth)


@pytest.mark.parametrize("name", METHODS)
def test_each_method_finds_dark_text_on_a_clean_page(name):
    page = np.full((120, 300, 3), 235, np.uint8)
    cv2.putText(page, "Page", (20, 80), cv2.FONT_HERSHEY_SIMPLEX, 2.2, (20, 20, 20), 5)
    noisy = np.clip(page + np.random.default_rng(0).normal(0, 3, page.shape), 0, 255).astype(np.uint8)
    output = METHODS[name](to_grey(noisy))
    floor = {"niblack": 0.3}.get(name, 0.9)  # Niblack's threshold finds noise where a window is empty
    assert metrics.f_measure(output, page[:, :, 0] < 128) > floor


@extra
def test_the_values_of_the_contests_tool():
    """F-measure, PSNR, DRD and pseudo-F-measure as the official tool has printed them, and SSIM, on 51 pages."""
    official = json.loads(OFFICIAL.read_text())
    assert len(official["cases"]) == 51
    differences, tolerance = [], official["tolerance"]
    for case in official["cases"]:
        output, truth = (cv2.imread(str(SHARED / case[k]), cv2.IMREAD_GRAYSCALE) == 0 for k in ("result", "gt"))
        expected = case["official"]
        assert 100 * metrics.f_measure(output, truth) == pytest.approx(expected["fm"], abs=tolerance["fm"])
        assert metrics.psnr_binary(output, truth) == pytest.approx(expected["psnr"], abs=tolerance["psnr"])
        assert metrics.drd(output, truth) == pytest.approx(expected["drd"], abs=tolerance["drd"])
        assert metrics.nrm(output, truth) == pytest.approx(case["port"]["nrm"], abs=1e-6)
        assert metrics.ssim(1.0 - output, 1.0 - truth) == pytest.approx(case["ssim_gauss11_s1p5_L255"], abs=1e-5)
        differences.append(abs(100 * pseudo_f_measure(output, truth, pseudo_weights(truth)) - expected["pfm"]))
        weights_path = SHARED / case["result"].replace("_result.png", "_weights.npz")
        if weights_path.exists():
            weights = np.load(weights_path)
            pfm = 100 * pseudo_f_measure(output, truth, PseudoWeights(weights["recall"], weights["precision"]))
            assert pfm == pytest.approx(expected["pfm"], abs=tolerance["pfm_with_official_weights"])
    assert np.mean(differences) < 0.4 and max(differences) < 4


@extra
def test_the_oracle_has_the_values_of_the_contests_tool():
    """On a small page, so that the other tests may rely on the oracle."""
    case = min(json.loads(OFFICIAL.read_text())["cases"], key=lambda case: math.prod(case["shape"]))
    output, truth = (cv2.imread(str(SHARED / case[k]), cv2.IMREAD_GRAYSCALE) == 0 for k in ("result", "gt"))
    weights = np.load(SHARED / case["result"].replace("_result.png", "_weights.npz"))
    assert 100 * metric_oracle.f_measure(output, truth) == pytest.approx(case["official"]["fm"], abs=1e-4)
    assert metric_oracle.psnr(output, truth) == pytest.approx(case["official"]["psnr"], abs=1e-4)
    assert metric_oracle.drd(output, truth) == pytest.approx(case["official"]["drd"], abs=1.5e-3)
    assert metric_oracle.nrm(output, truth) == pytest.approx(case["port"]["nrm"], abs=1e-6)
    pfm = metric_oracle.pseudo_f_measure(output, truth, weights["recall"], weights["precision"])
    assert 100 * pfm == pytest.approx(case["official"]["pfm"], abs=1e-4)


@extra
@pytest.mark.parametrize(("method", "fm", "psnr"), [("otsu", 78.603, 15.307), ("isauvola", 89.028, 17.468)])
def test_classical_methods_on_real_pages(method, fm, psnr):
    """Means over the ten pages of 2009, as measured by another program."""
    scores = []
    for path in sorted((SHARED / "data/dibco/2009/img").glob("*.png")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        truth = cv2.imread(str(path.parents[1] / "gt" / path.name), cv2.IMREAD_GRAYSCALE) == 0
        output = METHODS[method](to_grey(image))
        scores.append((100 * metrics.f_measure(output, truth), metrics.psnr_binary(output, truth)))
    assert np.mean(scores, axis=0) == pytest.approx([fm, psnr], abs=2e-3)
