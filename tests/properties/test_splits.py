"""The two harder test splits, and the contrast that every sample is told with."""

import dataclasses
from itertools import pairwise

import cv2
import numpy as np
import pytest

from subsynth import SpecError, pairs, plan, sub_en, sub_zh
from subsynth.assets.assets import materials
from subsynth.data import font_catalogue

PRESETS = [pytest.param(sub_en(), id="en"), pytest.param(sub_zh(), id="zh")]


@pytest.mark.parametrize("spec", PRESETS)
def test_hard_is_close_and_busy(spec):
    hard, usual = plan(spec, "test_hard", 0, 600), plan(spec, "test", 0, 600)
    assert all(r.outline_px == 0 == r.box_opacity == r.shadow_opacity for r in hard)
    close = np.array([p.contrast for p in pairs(spec, "test_hard", 0, 600)])
    assert 1.8 < np.median(close) < 2.4 and np.percentile(close, 90) < 3
    assert np.median([p.contrast for p in pairs(spec, "test", 0, 300)]) > 5

    def texture(recipes):
        stock = materials(spec, "test")
        return np.median([
            stock.scene(r.background).levels[r.background_level].texture(r.background_x, r.background_y, 280, 32, 8)[0]
            for r in recipes
        ])  # fmt: skip

    assert texture(hard) > 1.3 * texture(usual)


@pytest.mark.parametrize("spec", PRESETS)
def test_unseen_fonts_are_seen_nowhere_else(spec):
    families = {f.name: f.family for f in font_catalogue.catalogue()}
    drawn = {split: {families[r.font] for r in plan(spec, split, 0, 3000)} for split in spec.splits}
    assert drawn["test_unseen_fonts"] == set(spec.fonts.unseen_families)
    assert drawn["train"] == drawn["test"] == drawn["test_hard"] == set(spec.fonts.families)


@pytest.mark.parametrize("split", ["test", "test_hard", "test_unseen_fonts"])
@pytest.mark.parametrize("spec", PRESETS)
def test_all_test_splits_are_of_the_test_material(spec, split):
    train, test = materials(spec, "train"), materials(spec, split)
    assert not set(train.lines.text) & set(test.lines.text)
    assert not {s.name for s in train.photographs} & {s.name for s in test.photographs}


def test_own_fonts_have_unseen_ones_only_if_given():
    spec = sub_en()
    path = font_catalogue.bundled("Arimo")[0].path
    own = dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, files=(path,)))
    assert own.splits == ("train", "test", "test_hard")
    with pytest.raises(SpecError, match="test_unseen_fonts"):
        own.size("test_unseen_fonts")
    both = dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, unseen_families=("Arimo",)))
    with pytest.raises(Exception, match="keep it in one of them"):
        from subsynth.assets.assets import all_faces

        all_faces(both)


@pytest.mark.parametrize("spec", PRESETS)
def test_contrast_is_what_its_definition_says(spec):
    """Measured again in floating point on samples without degradation, whose pixels are those composed."""
    clean = dataclasses.replace(
        spec, degrade=dataclasses.replace(spec.degrade, p_resample=0, p_blur=0, p_noise=0, p_jpeg=0)
    )

    def luminance(rgb):
        code = rgb.astype(np.float64) / 255
        linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        return linear @ np.array([0.2126, 0.7152, 0.0722])

    for pair in pairs(clean, "test", 0, 150):
        text = (pair.ground_truth == 0).astype(np.uint8)
        near = cv2.dilate(text, np.ones((5, 5), np.uint8)) > 0
        touched = cv2.dilate(text, np.ones((3, 3), np.uint8)) > 0  # coverage is not stored: what is surely untouched
        assert 1 <= pair.contrast <= 21
        if not pair.recipe.outline_px and not pair.recipe.shadow_opacity:
            own, other = luminance(np.array(pair.recipe.text_color)), luminance(pair.image[near & ~touched]).mean()
            ratio = (max(own, other) + 0.05) / (min(own, other) + 0.05)
            assert abs(ratio / pair.contrast - 1) < 0.25


def test_texture_is_that_of_the_parts():
    level = materials(sub_en(), "test").photographs[3].levels[1]
    for x, y, width, parts in ((0, 0, 280, 8), (37, 101, 240, 7), (3, 50, 90, 2), (11, 9, 33, 1)):
        edges = [x + width * i // parts for i in range(parts + 1)]
        one = np.array([level.moments(a, y, b - a, 32) for a, b in pairwise(edges)])
        assert np.allclose(level.texture(x, y, width, 32, parts), (one[:, 1].mean(), one[:, 0].std()), rtol=1e-12)
