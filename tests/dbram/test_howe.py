"""Howe's method: the least energy, by trying all labellings; and what it is for."""

import itertools
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dbram_baseline.classical import thresholds as classical
from dbram_baseline.classical import howe
from dbram_baseline.data import dibco
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation import metrics

SHARED = Path(__file__).resolve().parents[3] / "shared"  # real pages, where they lie beside a checkout


def energy(text, gain, right, below):
    """The sum of the module's docstring, written out."""
    return (
        np.where(text, -gain, gain).sum()
        + (right * (text[:, 1:] != text[:, :-1])).sum()
        + (below * (text[1:] != text[:-1])).sum()
    )


@pytest.mark.parametrize("seed", range(8))
def test_no_labelling_has_less_energy(seed):
    chance = np.random.default_rng(seed)
    gain = chance.normal(0, 20, (3, 4))
    right, below = (np.where(chance.random(s) < 0.3, 0.0, 15.0) for s in ((3, 3), (2, 4)))
    every = (np.array(bits, bool).reshape(3, 4) for bits in itertools.product((0, 1), repeat=12))
    least = min(energy(text, gain, right, below) for text in every)
    assert energy(howe.least(gain, right, below), gain, right, below) == pytest.approx(least)


def page():
    """Lines of text on paper with a slow change of light and grain."""
    truth = np.full((200, 400), 255, np.uint8)
    for i in range(7):
        cv2.putText(truth, "binarization", (10, 30 + 26 * i), 0, 0.9, 0, 2)
    text = truth < 128
    light = np.linspace(120, 230, 400)[None, :] * np.ones((200, 1))
    image = cv2.GaussianBlur(np.where(text, light * 0.45, light), (0, 0), 0.7)
    return np.clip(image + np.random.default_rng(0).normal(0, 3, text.shape), 0, 255).astype(np.uint8), text


def test_it_finds_text_under_changing_light():
    """Where one threshold for the page does not."""
    image, text = page()
    assert metrics.f_measure(classical.otsu(image), text) < 0.5
    assert metrics.f_measure(howe.howe(image), text) > 0.85


def test_an_empty_page_has_no_text():
    assert not howe.howe(np.full((40, 60), 200, np.uint8)).any()


def test_without_the_graph_cut(monkeypatch):
    monkeypatch.setitem(sys.modules, "maxflow", None)
    with pytest.raises(BaselineError, match=r"pip install '\.\[howe\]'"):
        howe.howe(np.zeros((4, 4), np.uint8))


@pytest.mark.skipif(not (SHARED / "data/dibco/2013").is_dir(), reason="the pages are not beside this checkout")
def test_on_real_pages_it_is_ahead_of_otsu():
    """Pages of 2009 and 2013, small ones; the paper's own figures need its tuning by page."""
    found = []
    for page in dibco.pages(f"{SHARED}/data/dibco:2009+2013")[::5]:
        grey, text = classical.grey(page.image), page.truth < 128
        found.append([metrics.f_measure(method(grey), text) for method in (howe.howe, classical.otsu)])
    mine, otsu = np.mean(found, axis=0)
    assert mine > 0.85 and mine > otsu + 0.05
