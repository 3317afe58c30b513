"""Open assets belong to whoever opened them: drawing shares no state and writes no file."""

import dataclasses
import hashlib

import numpy as np
import pytest

from subsynth import pairs, plan, render, sub_en, sub_zh
from subsynth.assets.assets import Assets
from subsynth.assets.preparation import PACK_FROM, prepare
from subsynth.planning.planner import plan_recipes
from subsynth.rendering.numpy_backend import NumpyBackend
from subsynth.rendering.render import Renderer


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """A cache folder of this test alone, in which nothing is packed."""
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["en", "zh"])
def few_fonts(request):
    """A spec that is packed in a moment: English with all photographs, Chinese with none."""
    spec, families, p_procedural = {
        "en": (sub_en(), ("Arimo", "Kalam"), 0.2),
        "zh": (sub_zh(), ("Ma Shan Zheng",), 1.0),
    }[request.param]
    return dataclasses.replace(
        spec,
        fonts=dataclasses.replace(spec.fonts, families=families, unseen_families=()),
        text=dataclasses.replace(spec.text, uncovered="drop"),
        background=dataclasses.replace(spec.background, p_procedural=p_procedural),
    )


def files_of(folder):
    """Path, size, time of change and content of every file."""
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file()
    }


def same_pixels(one, other):
    return (
        np.array_equal(one.image, other.image)
        and np.array_equal(one.ground_truth, other.ground_truth)
        and one.contrast == other.contrast
    )


def test_a_renderer_is_not_disturbed_by_other_specs(few_fonts, empty_cache):
    """Other specs of the same fonts and pictures are opened, prepared and drawn between two samples."""
    renderer = Renderer(Assets.open(few_fonts, "train"))
    recipes = plan_recipes(renderer.assets, 0, 12)
    expected = [renderer.render(recipe) for recipe in recipes]

    undisturbed = Renderer(Assets.open(few_fonts, "train"))
    smaller = dataclasses.replace(few_fonts, width=200)
    disturbances = [
        lambda: list(pairs(sub_en(seed=5), "test", 0, 3)),
        lambda: prepare(few_fonts, PACK_FROM),  # packs what the renderer draws with
        lambda: list(pairs(dataclasses.replace(few_fonts, height=48, seed=2), "train", 0, 3)),
        lambda: [Renderer(Assets.open(smaller, "test")).render(r) for r in plan(smaller, "test", 0, 3)],
        lambda: [render(recipe) for recipe in recipes[:2]],
        lambda: list(pairs(few_fonts, "train", 0, 3)),
    ]
    for i, (recipe, pair) in enumerate(zip(recipes, expected, strict=True)):
        disturbances[i % len(disturbances)]()
        assert same_pixels(undisturbed.render(recipe), pair)
    assert plan_recipes(undisturbed.assets, 0, 12) == recipes


def test_assets_opened_twice_are_independent(empty_cache):
    one, other = (Assets.open(sub_en(), "train") for _ in range(2))
    assert one is not other
    assert not {id(glyphs) for glyphs in one.fonts.faces} & {id(glyphs) for glyphs in other.fonts.faces}
    scenes = [{id(scene) for scene in (*a.photographs, *a.procedural)} for a in (one, other)]
    assert not scenes[0] & scenes[1]

    untouched = [len(glyphs.arrays(np.zeros(0, np.int64)).points) for glyphs in other.fonts.faces]
    expected = [Renderer(one).render(recipe) for recipe in plan_recipes(one, 0, 30)]
    assert any(len(glyphs.arrays(np.zeros(0, np.int64)).points) for glyphs in one.fonts.faces)
    assert [len(glyphs.arrays(np.zeros(0, np.int64)).points) for glyphs in other.fonts.faces] == untouched
    recipes = plan_recipes(other, 0, 30)
    actual = [Renderer(other).render(recipe) for recipe in reversed(recipes)]
    assert all(map(same_pixels, reversed(actual), expected))


def test_drawing_touches_no_file_in_the_cache(few_fonts, empty_cache):
    """220 samples of fonts and pictures that are not packed: more than those from which `pairs` packs them first."""
    assets = Assets.open(few_fonts, "train")
    before = files_of(empty_cache)
    assert before and not any("outlines" in str(path) or "pyramid" in str(path) for path in before)
    renderer = Renderer(assets)
    for recipe in plan_recipes(assets, 0, 220):
        renderer.render(recipe)
    assert files_of(empty_cache) == before


def test_drawing_works_without_a_cache_that_can_be_written(empty_cache, small):
    assets = Assets.open(small, "train")
    empty_cache.rename(empty_cache.with_name("moved"))
    empty_cache.write_text("a file where the cache folder was")
    renderer = Renderer(assets, NumpyBackend())
    assert all((renderer.render(recipe).ground_truth == 0).any() for recipe in plan_recipes(assets, 0, 20))


def test_packed_and_unpacked_assets_give_the_same_samples(few_fonts, empty_cache):
    unpacked = Renderer(Assets.open(few_fonts, "test"))
    recipes = plan_recipes(unpacked.assets, 0, 25)
    expected = [unpacked.render(recipe) for recipe in recipes]
    assert not list(empty_cache.glob("outlines-*/*"))
    prepare(few_fonts, PACK_FROM)
    assert list(empty_cache.glob("outlines-*/*"))
    packed = Renderer(Assets.open(few_fonts, "test"))
    assert plan_recipes(packed.assets, 0, 25) == recipes
    for renderer in (packed, unpacked):
        assert all(same_pixels(renderer.render(r), pair) for r, pair in zip(recipes, expected, strict=True))


def test_pairs_belong_to_the_caller(small):
    """Whoever writes to the arrays of a pair changes no later sample."""
    renderer = Renderer(Assets.open(small, "train"))
    recipe = plan_recipes(renderer.assets, 0, 1)[0]
    first = renderer.render(recipe)
    image, ground_truth = first.image.copy(), first.ground_truth.copy()
    first.image[:] = 7
    first.ground_truth[:] = 7
    second = renderer.render(recipe)
    assert np.array_equal(second.image, image) and np.array_equal(second.ground_truth, ground_truth)
