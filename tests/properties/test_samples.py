"""What holds of every sample of the presets as they ship."""

from collections import Counter

import numpy as np
import pytest

from subsynth import Spec, pairs, plan, sub_en, sub_zh
from subsynth.assets.assets import materials
from subsynth.data import font_catalogue

PRESETS = [pytest.param(sub_en(), id="en"), pytest.param(sub_zh(), id="zh")]


@pytest.mark.parametrize("spec", PRESETS)
def test_shapes_values_and_no_ink_on_the_border(spec: Spec):
    for pair in pairs(spec, "train", 0, 2000):
        truth = pair.ground_truth
        assert pair.image.shape == (32, 280, 3) and pair.image.dtype == np.uint8
        assert truth.shape == (32, 280) and truth.dtype == np.uint8
        assert set(np.unique(truth)) == {0, 255}, pair.recipe
        edge = np.concatenate((truth[0], truth[-1], truth[:, 0], truth[:, -1]))
        assert (edge == 255).all(), pair.recipe


@pytest.mark.parametrize("spec", PRESETS)
def test_splits_share_no_line_and_no_photograph(spec: Spec):
    train, test = materials(spec, "train"), materials(spec, "test")
    assert train.lines.text and test.lines.text
    bare = [{"".join(c for c in t.casefold() if c.isalnum()) for t in m.lines.text} for m in (train, test)]
    assert not bare[0] & bare[1]
    names = [{s.name for s in m.photographs} for m in (train, test)]
    assert names[0] and names[1] and not names[0] & names[1]
    share = len(test.lines.text) / (len(train.lines.text) + len(test.lines.text))
    assert 0.08 < share < 0.12


@pytest.mark.parametrize("spec", PRESETS)
def test_every_drawn_character_is_covered(spec: Spec):
    for recipe in plan(spec, "train", 0, 3000):
        outlines = materials(spec, "train").face(recipe.font)
        codes = np.array([ord(c) for c in recipe.text], dtype=np.uint32)
        assert outlines.covers(codes).all(), recipe


@pytest.mark.parametrize("spec", PRESETS)
def test_families_are_drawn_evenly(spec: Spec):
    stock = materials(spec, "train")
    family = {o.face.name: o.face.family for o in stock.faces}
    recipes = plan(spec, "train", 0, 20_000)
    italic = [r for r in recipes if r.italic]
    counts = Counter(family[r.font] for r in italic)
    expected = len(italic) / len(stock.families)
    for name in stock.families:
        assert abs(counts[name] / expected - 1) < 0.12, (name, counts)
    assert abs(len(italic) / len(recipes) - spec.fonts.p_italic) < 0.01


@pytest.mark.parametrize("spec", PRESETS)
def test_lengths_and_sizes_are_those_of_subtitles(spec: Spec):
    recipes = plan(spec, "train", 0, 5000)
    length = np.mean([len(r.text) for r in recipes])
    assert 23 < length < 27 if spec.lang == "en" else 11 < length < 13
    size = np.array([r.font_size_px for r in recipes])
    assert np.percentile(size, 5) >= 13 and size.max() <= 26


@pytest.mark.parametrize("spec", PRESETS)
def test_presets_are_those_of_the_paper(spec: Spec):
    assert len(spec.fonts.families) == {"en": 10, "zh": 8}[spec.lang]
    unseen = font_catalogue.families({"en": "latin", "zh": "hans"}[spec.lang], "unseen")
    assert len(unseen) == 4 and not set(unseen) & set(spec.fonts.families)


@pytest.mark.parametrize("lang_spec", PRESETS)
def test_italics_lean_right(lang_spec: Spec):
    """The top half of the ink of a line lies further right, against its bottom half, when it is in italics."""
    lean: dict[bool, list[float]] = {True: [], False: []}
    for pair in pairs(lang_spec, "train", 0, 600):
        ys, xs = np.nonzero(pair.ground_truth == 0)
        lean[pair.recipe.italic].append(float(np.cov(xs, -ys)[0, 1] / np.var(ys)))
    assert np.median(lean[True]) > np.median(lean[False]) + 0.1


def test_shear_is_what_the_spec_says():
    sheared = [r for r in plan(sub_zh(), "train", 0, 200) if r.shear]
    assert sheared
    assert all(abs(np.degrees(np.arctan(r.shear)) - 12) < 0.05 for r in sheared)


@pytest.mark.parametrize(("height", "width"), [(64, 560), (48, 200), (20, 700), (400, 1200)])
def test_other_sizes_work(small, height, width):
    import dataclasses

    spec = dataclasses.replace(
        small, height=height, width=width, background=dataclasses.replace(small.background, p_procedural=0.0)
    )
    for pair in pairs(spec, "test", 0, 6):
        assert pair.image.shape == (height, width, 3)
        assert (pair.ground_truth == 0).any()
        assert (pair.ground_truth[[0, -1]] == 255).all() and (pair.ground_truth[:, [0, -1]] == 255).all()
