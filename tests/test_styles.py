"""Styles and effects against their definitions in floating point."""

import numpy as np
import pytest

from subsynth.core import pixels
from subsynth.rendering.effects.blur import blur
from subsynth.rendering.effects.noise import noise, pool
from subsynth.rendering.params import NOISE_DEVIATION
from subsynth.rendering.styles.outline import outline
from subsynth.rendering.styles.shadow import shadow
from subsynth.spec.palette import NAMES, fills


def test_an_outline_of_a_point_is_a_disc():
    point = np.zeros((21, 21), np.uint8)
    point[10, 10] = 255
    y, x = np.mgrid[-10:11, -10:11]
    for radius in (0.75, 1.0, 1.5, 2.25, 4.0):
        grown = outline(point, radius)
        assert (grown[np.hypot(x, y) <= radius - 0.5] >= 254).all()
        assert (grown[np.hypot(x, y) >= radius + 0.5] == 0).all()


def test_an_outline_covers_the_glyphs():
    glyphs = (np.arange(900).reshape(30, 30) * 7 % 256).astype(np.uint8)
    assert (outline(glyphs, 1.25) >= glyphs).all()


def test_a_sharp_shadow_is_the_silhouette_moved():
    shape = np.zeros((10, 12), np.uint8)
    shape[3:5, 4:9] = 200
    assert np.array_equal(shadow(shape, 2, 1, 0)[1:, 2:], shape[:-1, :-2])
    assert np.array_equal(shadow(shape, -2, -1, 0)[:-1, :-2], shape[1:, 2:])


def test_blending_matches_the_formula_in_floats():
    planes = (np.arange(3 * 256 * 5) % 256).astype(np.uint8).reshape(3, 256, 5)
    alpha = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 5, axis=1)
    mixed = pixels.blend(planes, (200, 100, 0), alpha)
    exact = planes + (np.array([200, 100, 0]).reshape(3, 1, 1) - planes.astype(float)) * alpha / 255
    assert np.abs(mixed - exact).max() <= 2
    assert (mixed[:, 255] == np.array([[200], [100], [0]])).all() and (mixed[:, 0] == planes[:, 0]).all()


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_blur_is_gaussian(sigma):
    """Against the formula: the response to a point, away from rounding."""
    point = np.zeros((33, 33, 3), np.uint8)
    point[16, 16] = 255
    d = np.arange(-16, 17)
    row = np.exp(-(d**2) / (2 * sigma**2))
    row /= row.sum()
    assert np.abs(blur(point, sigma)[:, :, 1] - 255 * np.outer(row, row)).max() < 3


def gain_of(sigma):
    return round(sigma * 65536 / NOISE_DEVIATION)


def test_the_noise_pool_is_close_to_a_normal_distribution():
    values = pool().astype(float)
    assert abs(values.mean()) < 1 and abs(values.std() - NOISE_DEVIATION) < 1
    standard = values / values.std()
    assert abs((standard**3).mean()) < 0.01 and abs((standard**4).mean() - 2.85) < 0.02  # of a sum of eight bytes


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_noise_has_the_standard_deviation_asked_for(sigma):
    grey = np.full((64, 280, 3), 128, np.uint8)
    added = noise(grey, gain_of(sigma), 12345).astype(float) - 128
    assert abs(added.mean()) < 0.2
    assert abs(added.std() / sigma - 1) < 0.1
    assert np.corrcoef(added[:, :, 0].ravel(), added[:, :, 1].ravel())[0, 1] > 0.8


def test_noise_wraps_at_the_end_of_its_pool():
    grey = np.full((32, 280, 3), 128, np.uint8)
    size = len(pool())
    assert noise(grey, gain_of(4.0), size - 5).std() > 3
    wrapped, start = (noise(grey, gain_of(4.0), offset).reshape(-1, 3) for offset in (size - 280, 0))
    assert np.corrcoef(wrapped[280:, 0].astype(float), start[:-280, 0].astype(float))[0, 1] > 0.9


def test_every_hue_occurs():
    draws = np.stack(np.meshgrid(np.linspace(0, 0.999, 60), [0.9], [0.5], indexing="ij"), axis=-1).reshape(-1, 3)
    rgb = fills(np.full(60, NAMES.index("any")), draws)
    assert {int(np.argmax(c)) for c in rgb} == {0, 1, 2} == {int(np.argmin(c)) for c in rgb}
    assert rgb.min() >= 0 and rgb.max() <= 255


def test_contrast_is_that_of_wcag():
    black, white, grey = (pixels.luminance(np.array(c)) for c in ([0, 0, 0], [255, 255, 255], [119, 119, 119]))
    assert pixels.contrast_ratio(black, white) == pytest.approx(21)
    assert pixels.contrast_ratio(grey, white) == pytest.approx(4.48, abs=0.01)  # the well-known limit of AA
