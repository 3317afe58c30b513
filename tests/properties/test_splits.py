"""The two harder test splits, and the contrast that is stored with every sample."""

import dataclasses
from itertools import pairwise

import cv2
import numpy as np
import pytest

from subsynth import MaterialError, SpecError, pairs, plan, sub_en, sub_zh
from subsynth.assets.assets import Assets
from subsynth.assets.listing import all_faces
from subsynth.core import pixels
from subsynth.data import font_catalogue

PRESETS = [pytest.param(sub_en(), id="en"), pytest.param(sub_zh(), id="zh")]


@pytest.mark.parametrize("spec", PRESETS)
def test_hard_samples_are_plain_of_low_contrast_and_on_busy_backgrounds(spec):
    hard, usual = plan(spec, "test_hard", 0, 600), plan(spec, "test", 0, 600)
    assert all(recipe.outline_px == 0 == recipe.box_opacity == recipe.shadow_opacity for recipe in hard)
    contrasts = np.array([pair.contrast for pair in pairs(spec, "test_hard", 0, 600)])
    assert 1.8 < np.median(contrasts) < 2.4 and np.percentile(contrasts, 90) < 3
    assert np.median([pair.contrast for pair in pairs(spec, "test", 0, 300)]) > 5
    assets = Assets.open(spec, "test")

    def fine_texture(recipe):
        level = assets.scene(recipe.background).levels[recipe.background_level]
        return level.texture(recipe.background_x, recipe.background_y, 280, 32, 8)[0]

    assert np.median([*map(fine_texture, hard)]) > 1.2 * np.median([*map(fine_texture, usual)])


@pytest.mark.parametrize("spec", PRESETS)
def test_unseen_fonts_are_used_in_no_other_split(spec):
    family_of = {face.name: face.family for face in font_catalogue.catalogue()}
    drawn = {split: {family_of[recipe.font] for recipe in plan(spec, split, 0, 3000)} for split in spec.splits}
    assert drawn["test_unseen_fonts"] == set(spec.fonts.unseen_families)
    assert drawn["train"] == drawn["test"] == drawn["test_hard"] == set(spec.fonts.families)


@pytest.mark.parametrize("split", ["test", "test_hard", "test_unseen_fonts"])
@pytest.mark.parametrize("spec", PRESETS)
def test_no_test_split_shares_lines_or_photographs_with_train(spec, split):
    train, test = Assets.open(spec, "train"), Assets.open(spec, split)
    assert not set(train.text.lines.text) & set(test.text.lines.text)
    assert not {scene.name for scene in train.photographs} & {scene.name for scene in test.photographs}


def test_procedural_scenes_of_test_and_train_differ():
    train, test = (Assets.open(sub_en(), split) for split in ("train", "test"))
    images = [{scene.levels[0].planes.tobytes() for scene in assets.procedural} for assets in (train, test)]
    assert [len(group) for group in images] == [len(train.procedural), len(test.procedural)]
    assert images[1] and not images[0] & images[1]


def test_user_fonts_have_a_split_of_unseen_fonts_only_if_some_are_reserved():
    spec = sub_en()
    path = font_catalogue.bundled("Arimo")[0].path
    user_fonts = dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, files=(path,)))
    assert user_fonts.splits == ("train", "test", "test_hard")
    with pytest.raises(SpecError, match="test_unseen_fonts"):
        user_fonts.size("test_unseen_fonts")
    reserved = dataclasses.replace(user_fonts, fonts=dataclasses.replace(user_fonts.fonts, unseen_files=("other.ttf",)))
    assert reserved.splits == spec.splits


def test_a_font_that_is_seen_and_unseen_is_an_error():
    spec = sub_en()
    both = dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, unseen_families=("Arimo",)))
    with pytest.raises(MaterialError, match="keep it in one of them"):
        all_faces(both)


@pytest.mark.parametrize("spec", PRESETS)
def test_contrast_follows_its_definition(spec):
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
        # Partial coverage is not stored: pixels beside text may have some, those beyond them have none.
        touched = cv2.dilate(text, np.ones((3, 3), np.uint8)) > 0
        assert 1 <= pair.contrast <= 21
        if not pair.recipe.outline_px and not pair.recipe.shadow_opacity:
            fill, around = luminance(np.array(pair.recipe.text_color)), luminance(pair.image[near & ~touched]).mean()
            ratio = (max(fill, around) + 0.05) / (min(fill, around) + 0.05)
            assert abs(ratio / pair.contrast - 1) < 0.25


def test_texture_is_computed_from_the_moments_of_the_parts():
    level = Assets.open(sub_en(), "test").photographs[3].levels[1]
    for x, y, width, parts in ((0, 0, 280, 8), (37, 101, 240, 7), (3, 50, 90, 2), (11, 9, 33, 1)):
        edges = [x + width * i // parts for i in range(parts + 1)]
        moments = np.array([level.moments(left, y, right - left, 32) for left, right in pairwise(edges)])
        expected = moments[:, 1].mean(), moments[:, 0].std()
        assert np.allclose(level.texture(x, y, width, 32, parts), expected, rtol=1e-12)


def test_moments_are_those_of_the_pixels_in_whole_blocks():
    level = Assets.open(sub_en(), "test").photographs[3].levels[1]
    for x, y, width, height in ((0, 0, 280, 32), (8, 40, 64, 4), (400, 200, 40, 24)):
        crop = pixels.luma(level.planes)[y : y + height, x : x + width].astype(float)
        assert np.allclose(level.moments(x, y, width, height), (crop.mean(), crop.std()), rtol=1e-9)
