"""Borders of strokes are placed by the colours beside them."""

import cv2
import numpy as np
import pytest

from subsynth.binarization.borders import refine_borders


def strokes(seed):
    """Rings and bars, at 16 times the size of a picture."""
    random = np.random.default_rng(seed)
    large = np.zeros((40 * 16, 120 * 16), np.uint8)
    for _ in range(8):
        center = int(random.integers(100, 1820)), int(random.integers(100, 540))
        cv2.circle(large, center, int(random.integers(60, 160)), 255, int(random.integers(28, 50)))
        start = int(random.integers(0, 1920)), int(random.integers(0, 640))
        end = int(random.integers(0, 1920)), int(random.integers(0, 640))
        cv2.line(large, start, end, 255, int(random.integers(28, 50)))
    return large


def drawing(seed, fill, ground):
    """A picture of rings and bars in one colour on another, and the share of each pixel that they cover."""
    share = cv2.resize(strokes(seed), (120, 40), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    mixed = share[:, :, None] * np.array(fill) + (1 - share[:, :, None]) * np.array(ground)
    return np.round(mixed).astype(np.uint8), share


def wrong_share(text, share):
    """The share of the ink that is wrong."""
    truth = share >= 0.5
    return np.count_nonzero((text >= 128) != truth) / np.count_nonzero(truth)


@pytest.mark.parametrize(
    ("fill", "ground"),
    [((255, 255, 255), (0, 0, 0)), ((0, 200, 230), (40, 60, 120)), ((20, 20, 20), (240, 240, 200))],
)
def test_borders_become_more_exact(fill, ground):
    for seed in range(5):
        picture, share = drawing(seed, fill, ground)
        noise = np.random.default_rng(seed).normal(0, 0.12, share.shape)
        noise[(share == 0) | (share == 1)] = 0
        text = np.round(np.clip(share + 0.08 + noise, 0, 1) * 255).astype(np.uint8)  # too thick, and uncertain
        refined = refine_borders(picture, text)
        assert refined.shape == text.shape and refined.dtype == np.uint8
        assert wrong_share(text, share) > 0.04 and wrong_share(refined, share) < 0.7 * wrong_share(text, share)


def outlined(seed, outline_px, fill, outline, ground):
    """As `drawing`, with an outline around the rings and bars."""
    size = 2 * round(16 * outline_px) + 1
    around = cv2.dilate(strokes(seed), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    covered = cv2.resize(around, (120, 40), interpolation=cv2.INTER_AREA).astype(np.float64)[:, :, None] / 255
    _, share = drawing(seed, fill, ground)
    fills = share[:, :, None]
    mixed = fills * np.array(fill) + (covered - fills) * np.array(outline) + (1 - covered) * np.array(ground)
    return np.round(mixed).astype(np.uint8), share


@pytest.mark.parametrize(("outline_px", "left"), [(0.5, 0.9), (1, 0.7), (2.5, 0.7)])
def test_borders_within_outlines_become_more_exact(outline_px, left):
    """Less so where an outline is thinner than a pixel, so that its colour is seen in few of them."""
    for seed in range(5):
        picture, share = outlined(seed, outline_px, (210, 210, 210), (0, 0, 0), (110, 140, 70))
        for bias in (-0.15, 0.15):  # too thin, too thick
            text = np.round(np.clip(share + bias * ((share > 0) & (share < 1)), 0, 1) * 255).astype(np.uint8)
            before, after = wrong_share(text, share), wrong_share(refine_borders(picture, text), share)
            assert before > 0.03 and after < left * before, (seed, bias)


def test_each_half_of_a_line_may_have_its_own_colour():
    """As where one speaker's words are white and the other's are yellow."""
    for seed in range(5):
        white, share = outlined(seed, 1, (250, 250, 250), (0, 0, 0), (110, 140, 70))
        yellow, _ = outlined(seed, 1, (240, 220, 40), (0, 0, 0), (110, 140, 70))
        picture = np.concatenate([white[:, :60], yellow[:, 60:]], axis=1)
        text = np.round(np.clip(share + 0.15 * ((share > 0) & (share < 1)), 0, 1) * 255).astype(np.uint8)
        refined = refine_borders(picture, text)
        for half in (slice(0, 50), slice(70, 120)):
            before, after = wrong_share(text[:, half], share[:, half]), wrong_share(refined[:, half], share[:, half])
            assert after < 0.7 * before, (seed, half)


def test_only_borders_change():
    picture, share = drawing(1, (255, 255, 255), (0, 0, 0))
    text = np.where(share >= 0.5, np.uint8(230), np.uint8(20))
    changed = refine_borders(picture, text) != text
    mask = (share >= 0.5).astype(np.uint8)
    around = np.ones((3, 3), np.uint8)
    assert changed.any() and not changed[cv2.dilate(mask, around) == cv2.erode(mask, around)].any()


def test_where_colours_say_nothing_the_network_decides():
    text = np.where(drawing(2, (0, 0, 0), (0, 0, 0))[1] >= 0.5, np.uint8(200), np.uint8(40))
    for level in (0, 128):
        flat = np.full((*text.shape, 3), level, np.uint8)
        assert np.array_equal(refine_borders(flat, text), text)
    empty = np.zeros_like(text)
    assert np.array_equal(refine_borders(np.random.default_rng(0).integers(0, 256, flat.shape, np.uint8), empty), empty)
