"""What is true of every sample of the presets, and of samples of other sizes."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from subsynth import Spec, pairs, plan, sub_en, sub_zh
from subsynth.assets.assets import Assets
from subsynth.assets.corpus import letters_and_digits
from subsynth.data import font_catalogue

PRESETS = [pytest.param(sub_en(), id="en"), pytest.param(sub_zh(), id="zh")]


@pytest.mark.parametrize("spec", PRESETS)
def test_shapes_values_and_no_ink_on_the_border(spec: Spec):
    for pair in pairs(spec, "train", 0, 250):
        truth = pair.ground_truth
        assert pair.image.shape == (32, 280, 3) and pair.image.dtype == np.uint8
        assert truth.shape == (32, 280) and truth.dtype == np.uint8
        assert set(np.unique(truth)) == {0, 255}, pair.recipe
        border = np.concatenate((truth[0], truth[-1], truth[:, 0], truth[:, -1]))
        assert (border == 255).all(), pair.recipe


@pytest.mark.parametrize("spec", PRESETS)
def test_train_and_test_share_no_line_and_no_photograph(spec: Spec):
    train, test = (Assets.open(spec, split) for split in ("train", "test"))
    lines = [set(map(letters_and_digits, assets.text.lines.text)) for assets in (train, test)]
    assert lines[0] and lines[1] and not lines[0] & lines[1]
    names = [{scene.name for scene in assets.photographs} for assets in (train, test)]
    assert names[0] and names[1] and not names[0] & names[1]
    counts = [len(assets.text.lines.text) for assets in (train, test)]
    assert 0.08 < counts[1] / sum(counts) < 0.12


@pytest.mark.parametrize("spec", PRESETS)
def test_every_drawn_character_is_covered(spec: Spec):
    assets = Assets.open(spec, "train")
    for recipe in plan(spec, "train", 0, 3000):
        codes = np.array([ord(char) for char in recipe.text], dtype=np.uint32)
        assert assets.face(recipe.font).covers(codes).all(), recipe


@pytest.mark.parametrize("spec", PRESETS)
def test_families_are_drawn_evenly(spec: Spec):
    fonts = Assets.open(spec, "train").fonts
    family_of = {glyphs.face.name: glyphs.face.family for glyphs in fonts.faces}
    recipes = plan(spec, "train", 0, 20_000)
    italic = [recipe for recipe in recipes if recipe.italic]
    counts = Counter(family_of[recipe.font] for recipe in italic)
    expected = len(italic) / len(fonts.families)
    for name in fonts.families:
        assert abs(counts[name] / expected - 1) < 0.12, (name, counts)
    assert abs(len(italic) / len(recipes) - spec.fonts.p_italic) < 0.01


@pytest.mark.parametrize("spec", PRESETS)
def test_lengths_and_sizes_are_typical_of_subtitles(spec: Spec):
    recipes = plan(spec, "train", 0, 5000)
    length = np.mean([len(r.text) for r in recipes])
    assert 23 < length < 27 if spec.lang == "en" else 11 < length < 13
    size = np.array([r.font_size_px for r in recipes])
    assert np.percentile(size, 5) >= 13 and size.max() <= 26


@pytest.mark.parametrize("spec", PRESETS)
def test_presets_have_as_many_families_as_the_paper(spec: Spec):
    assert len(spec.fonts.families) == {"en": 10, "zh": 8}[spec.lang]
    unseen = font_catalogue.families({"en": "latin", "zh": "hans"}[spec.lang], "unseen")
    assert len(unseen) == 4 and not set(unseen) & set(spec.fonts.families)


@pytest.mark.parametrize("spec", PRESETS)
def test_italics_lean_right(spec: Spec):
    """The higher the ink of a line in italics, the further right it lies."""
    lean: dict[bool, list[float]] = {True: [], False: []}
    for pair in pairs(spec, "train", 0, 600):
        ys, xs = np.nonzero(pair.ground_truth == 0)
        lean[pair.recipe.italic].append(float(np.cov(xs, -ys)[0, 1] / np.var(ys)))
    assert np.median(lean[True]) > np.median(lean[False]) + 0.1


def test_the_shear_has_the_angle_of_the_spec():
    sheared = [r for r in plan(sub_zh(), "train", 0, 200) if r.shear]
    assert sheared
    assert all(abs(np.degrees(np.arctan(r.shear)) - 12) < 0.05 for r in sheared)


@pytest.mark.parametrize(("height", "width"), [(64, 560), (48, 200), (20, 700), (400, 1200)])
def test_other_sizes_work(small, height, width):
    spec = dataclasses.replace(
        small, height=height, width=width, background=dataclasses.replace(small.background, p_procedural=0.0)
    )
    for pair in pairs(spec, "test", 0, 6):
        assert pair.image.shape == (height, width, 3)
        assert (pair.ground_truth == 0).any()
        assert (pair.ground_truth[[0, -1]] == 255).all() and (pair.ground_truth[:, [0, -1]] == 255).all()
