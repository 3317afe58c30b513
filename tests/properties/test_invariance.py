"""A sample depends on (spec, seed, split, index) alone."""

import dataclasses

import numpy as np
import pytest

from subsynth import pairs, plan, render
from subsynth.planning.recipe import COLUMNS, from_row


def pixels(spec, split, start, stop):
    return [(p.image.tobytes(), p.ground_truth.tobytes(), p.recipe.row()) for p in pairs(spec, split, start, stop)]


def test_any_range_gives_the_same_samples(spec):
    whole = pixels(spec, "train", 0, 24)
    assert whole[7:13] == pixels(spec, "train", 7, 13)
    assert whole[::-1] == [pixels(spec, "train", i, i + 1)[0] for i in reversed(range(24))]


def test_a_smaller_set_is_the_start_of_a_larger_one(spec):
    larger = dataclasses.replace(spec, n=10**6, n_test=77)
    assert pixels(spec, "train", 0, 12) == pixels(larger, "train", 0, 12)
    assert pixels(spec, "test", 0, 12) == pixels(larger, "test", 0, 12)


def test_seeds_and_splits_differ(spec):
    other = dataclasses.replace(spec, seed=1)
    assert plan(spec, "train", 1, 2)[0].row() != plan(other, "train", 0, 1)[0].row()
    texts = [[r.text for r in plan(s, "train", 0, 20)] for s in (spec, other)]
    assert texts[0] != texts[1]
    assert [r.font for r in plan(spec, "train", 0, 20)] != [r.font for r in plan(spec, "test", 0, 20)]


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("p_resample", {"resample"}),
        ("p_blur", {"blur_sigma"}),
        ("p_noise", {"noise_sigma"}),
        ("p_jpeg", {"jpeg_quality"}),
    ],
)
def test_an_effect_that_is_off_changes_nothing_else(spec, key, columns):
    off = dataclasses.replace(spec, degrade=dataclasses.replace(spec.degrade, **{key: 0.0}))
    for one, two in zip(plan(spec, "train", 0, 200), plan(off, "train", 0, 200), strict=True):
        assert {c for c in COLUMNS if getattr(one, c) != getattr(two, c)} <= columns
    for one, two in zip(pairs(spec, "train", 0, 40), pairs(off, "train", 0, 40), strict=True):
        assert np.array_equal(one.ground_truth, two.ground_truth)
        if all(getattr(one.recipe, c) == 0 for c in columns):
            assert np.array_equal(one.image, two.image)


def test_the_truth_hangs_on_the_glyphs_alone(spec):
    changed = dataclasses.replace(
        spec,
        fill=dataclasses.replace(spec.fill, colors={"red": 1.0}),
        style=dataclasses.replace(spec.style, kinds={"box": 1.0}, outline_range=(2.0, 3.0)),
        background=dataclasses.replace(spec.background, p_procedural=1.0, gain_range=(0.1, 0.2)),
        degrade=dataclasses.replace(spec.degrade, p_blur=1.0, blur_sigma_range=(3.0, 3.0), jpeg_quality_range=(5, 5)),
    )
    for one, two in zip(pairs(spec, "train", 0, 30), pairs(changed, "train", 0, 30), strict=True):
        assert np.array_equal(one.ground_truth, two.ground_truth)
        assert not np.array_equal(one.image, two.image)


def test_a_sample_is_made_again_from_its_columns(spec):
    for pair in pairs(spec, "test", 0, 20):
        again = render(from_row(spec, "test", pair.recipe.row()))
        assert np.array_equal(pair.image, again.image)
        assert np.array_equal(pair.ground_truth, again.ground_truth)
