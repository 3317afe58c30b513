"""Howe's method: its energy is the least of all labellings, and it finds text that a single threshold loses."""

import itertools
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dbram_baseline.classical.howe import Energy, howe, minimize
from dbram_baseline.classical.thresholds import otsu, to_grey
from dbram_baseline.data.documents import load_pages
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.metrics import f_measure

CONTESTS = Path(__file__).resolve().parents[3] / "shared/data/dibco"


def total(text, terms):
    """The sum in the docstring of the module, written out."""
    return (
        np.where(text, -terms.gain, terms.gain).sum()
        + (terms.right * (text[:, 1:] != text[:, :-1])).sum()
        + (terms.below * (text[1:] != text[:-1])).sum()
    )


@pytest.mark.parametrize("seed", range(8))
def test_no_labelling_has_less_energy(seed):
    rng = np.random.default_rng(seed)
    right, below = (np.where(rng.random(shape) < 0.3, 0.0, 15.0) for shape in ((3, 3), (2, 4)))
    terms = Energy(rng.normal(0, 20, (3, 4)), right, below)
    labellings = (np.array(bits, bool).reshape(3, 4) for bits in itertools.product((0, 1), repeat=12))
    assert total(minimize(terms), terms) == pytest.approx(min(total(text, terms) for text in labellings))


def uneven_page():
    """Lines of text on noisy paper whose brightness changes from left to right, and the mask of the text."""
    truth = np.full((200, 400), 255, np.uint8)
    for i in range(7):
        cv2.putText(truth, "binarization", (10, 30 + 26 * i), 0, 0.9, 0, 2)
    text = truth < 128
    light = np.linspace(120, 230, 400)[None, :] * np.ones((200, 1))
    image = cv2.GaussianBlur(np.where(text, light * 0.45, light), (0, 0), 0.7)
    return np.clip(image + np.random.default_rng(0).normal(0, 3, text.shape), 0, 255).astype(np.uint8), text


def test_it_finds_text_in_uneven_light():
    """A single threshold does not."""
    image, text = uneven_page()
    assert f_measure(otsu(image), text) < 0.5
    assert f_measure(howe(image), text) > 0.85


def test_an_empty_page_has_no_text():
    assert not howe(np.full((40, 60), 200, np.uint8)).any()


def test_a_missing_package_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "maxflow", None)
    with pytest.raises(BaselineError, match=r"pip install '\.\[howe\]'"):
        howe(np.zeros((4, 4), np.uint8))


@pytest.mark.skipif(not (CONTESTS / "2013").is_dir(), reason="extra: needs the contests' pages beside the checkout")
def test_on_real_pages_it_is_better_than_otsu():
    """On some pages of 2009 and 2013; the paper's own figures need parameters tuned for each page."""
    scores = []
    for page in load_pages(DataRef.parse(f"dibco:{CONTESTS}:2009+2013"), "test")[::5]:
        grey, text = to_grey(page.image), page.truth < 128
        scores.append([f_measure(method(grey), text) for method in (howe, otsu)])
    ours, baseline = np.mean(scores, axis=0)
    assert ours > 0.85 and ours > baseline + 0.05
