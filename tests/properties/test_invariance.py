"""A sample depends on (spec, seed, split, index) alone."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from subsynth import pairs, plan, render, sub_zh
from subsynth.planning.recipe import COLUMNS
from subsynth.planning.stored_recipe import from_row


def rendered(spec, split, start, stop):
    return [(p.image.tobytes(), p.ground_truth.tobytes(), p.recipe.row()) for p in pairs(spec, split, start, stop)]


def test_any_range_gives_the_same_samples(spec):
    samples = rendered(spec, "train", 0, 24)
    assert samples[7:13] == rendered(spec, "train", 7, 13)
    assert samples[::-1] == [rendered(spec, "train", i, i + 1)[0] for i in reversed(range(24))]


def test_a_smaller_set_is_the_start_of_a_larger_one(spec):
    larger = dataclasses.replace(spec, n=10**6, n_test=77)
    assert rendered(spec, "train", 0, 12) == rendered(larger, "train", 0, 12)
    assert rendered(spec, "test", 0, 12) == rendered(larger, "test", 0, 12)


def test_seeds_and_splits_differ(spec):
    other = dataclasses.replace(spec, seed=1)
    assert plan(spec, "train", 1, 2)[0].row() != plan(other, "train", 0, 1)[0].row()
    texts = [[r.text for r in plan(s, "train", 0, 20)] for s in (spec, other)]
    assert texts[0] != texts[1]
    assert [r.font for r in plan(spec, "train", 0, 20)] != [r.font for r in plan(spec, "test", 0, 20)]


@pytest.mark.parametrize(
    ("key", "column"),
    [("p_resample", "resample"), ("p_blur", "blur_sigma"), ("p_noise", "noise_sigma"), ("p_jpeg", "jpeg_quality")],
)
def test_an_effect_that_is_off_changes_nothing_else(spec, key, column):
    off = dataclasses.replace(spec, degrade=dataclasses.replace(spec.degrade, **{key: 0.0}))
    for one, other in zip(plan(spec, "train", 0, 200), plan(off, "train", 0, 200), strict=True):
        assert {c for c in COLUMNS if getattr(one, c) != getattr(other, c)} <= {column}
        assert getattr(other, column) == 0
    for one, other in zip(pairs(spec, "train", 0, 15), pairs(off, "train", 0, 15), strict=True):
        assert np.array_equal(one.ground_truth, other.ground_truth)
        assert np.array_equal(one.image, other.image) == (getattr(one.recipe, column) == 0)


def test_the_ground_truth_depends_on_the_glyphs_alone(spec):
    changed = dataclasses.replace(
        spec,
        fill=dataclasses.replace(spec.fill, colors={"red": 1.0}),
        style=dataclasses.replace(spec.style, kinds={"box": 1.0}, outline_range=(2.0, 3.0)),
        background=dataclasses.replace(spec.background, p_procedural=1.0, gain_range=(0.1, 0.2)),
        degrade=dataclasses.replace(spec.degrade, p_blur=1.0, blur_sigma_range=(3.0, 3.0), jpeg_quality_range=(5, 5)),
    )
    for one, other in zip(pairs(spec, "train", 0, 30), pairs(changed, "train", 0, 30), strict=True):
        assert np.array_equal(one.ground_truth, other.ground_truth)
        assert not np.array_equal(one.image, other.image)


def test_a_sample_is_rendered_again_from_its_columns(spec):
    for pair in pairs(spec, "test", 0, 20):
        again = render(from_row(spec, "test", pair.recipe.row()))
        assert np.array_equal(pair.image, again.image)
        assert np.array_equal(pair.ground_truth, again.ground_truth)


def test_equal_specs_give_equal_samples():
    """The order in which weights are written is no part of a spec."""
    spec = sub_zh()
    reversed_sources = dict(reversed(list(spec.text.sources.items())))
    reversed_kinds = dict(reversed(list(spec.style.kinds.items())))
    same = dataclasses.replace(
        spec,
        text=dataclasses.replace(spec.text, sources=reversed_sources),
        style=dataclasses.replace(spec.style, kinds=reversed_kinds),
    )
    assert same == spec and list(same.text.sources) != list(spec.text.sources)
    code = (
        "import hashlib, sys; from subsynth import Spec, pairs\n"
        "digest = hashlib.sha256()\n"
        "for pair in pairs(Spec.from_yaml(sys.stdin.read()), 'train', 0, 40): digest.update(pair.image.tobytes())\n"
        "print(digest.hexdigest())"
    )
    assert len({run_python(code, stdin=s.to_yaml()) for s in (spec, same)}) == 1


def test_the_environment_of_the_process_changes_nothing(tmp_path):
    """Neither the seed of Python's hashes, the locale, the time zone, the folder nor the number of threads does."""
    code = (
        "import hashlib; from subsynth import pairs, sub_en, sub_zh\n"
        "digest = hashlib.sha256()\n"
        "for spec in (sub_en(), sub_zh()):\n"
        "  for pair in pairs(spec, 'test_hard', 0, 12):\n"
        "    digest.update(pair.image.tobytes() + repr(pair.recipe.row()).encode())\n"
        "print(digest.hexdigest())"
    )
    environments = [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "1"},
    ]
    folders = (tmp_path, None)
    assert len({run_python(code, cwd=f, **e) for f, e in zip(folders, environments, strict=True)}) == 1


def run_python(code, stdin="", cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        input=stdin, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
