"""Bands of video: what the labels promise, and that distractors and probabilities change nothing else."""

import dataclasses
import itertools

import numpy as np
import pytest

from subsynth import film_en, film_zh, pairs, plan, render, sub_en, sub_zh
from subsynth.assets.assets import shared_assets
from subsynth.planning.planner import plan_columns
from subsynth.planning.recipe import COLUMNS
from subsynth.rendering.render import Renderer
from subsynth.spec.sections import Distractors

COUNT = 100


def few_fonts(spec, *families):
    """The preset with few families: each spec opens its own, and unpacked Chinese ones take a while."""
    return dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, families=families))


SPECS = [
    few_fonts(film_en(seed=5), "Arimo", "EB Garamond", "Kalam"),
    few_fonts(film_zh(seed=5), "Noto Sans SC", "ZCOOL QingKe HuangYou"),
]
PRESETS = [pytest.param(spec, id=spec.name) for spec in SPECS]


def labelled(spec):
    return dataclasses.replace(spec, labels=type(spec.labels)(True, True, True, True))


@pytest.fixture(scope="module", params=PRESETS)
def samples(request):
    return list(pairs(labelled(request.param), "train", 0, COUNT))


def without(spec, section, **values):
    """The spec with other values in one section."""
    return dataclasses.replace(spec, **{section: dataclasses.replace(getattr(spec, section), **values)})


def inside(mask, box):
    x0, y0, x1, y1 = box
    part = np.zeros(mask.shape, bool)
    part[y0:y1, x0:x1] = True
    return part


def test_all_kinds_of_samples_occur(samples):
    texts = [pair.recipe.text for pair in samples]
    assert {text.count("\n") if text else -1 for text in texts} == {-1, 0, 1}
    assert sum(0 < len(text) <= 3 for text in texts) >= COUNT // 30
    recipes = [pair.recipe for pair in samples]
    assert {item.kind for recipe in recipes for item in recipe.distractors} == {"watermark", "sign", "patch", "credits"}
    assert any(recipe.clipped for recipe in recipes) and any(0 < recipe.opacity < 255 for recipe in recipes)
    assert min(r.font_size_px for r in recipes if r.text) < 16 and max(r.font_size_px for r in recipes) > 40
    assert any(max(r.text_color) < 100 for r in recipes if r.text) and any(r.box_opacity for r in recipes)


def test_the_truth_has_no_distractor(samples):
    for pair in samples:
        if pair.recipe.distractors:
            bare = render(dataclasses.replace(pair.recipe, distractors=()))
            assert not np.array_equal(bare.image, pair.image)
            assert np.array_equal(bare.ground_truth, pair.ground_truth)
            assert np.array_equal(bare.erase_mask, pair.erase_mask)
            assert (bare.line_boxes, bare.char_boxes) == (pair.line_boxes, pair.char_boxes)


def test_the_erase_mask_is_what_the_subtitle_changed(samples):
    renderer = Renderer(shared_assets(samples[0].recipe.spec, "train"))
    for pair in samples[:60]:
        recipe = sharp(pair.recipe)
        layers = dict(renderer.layers(recipe))
        background, image = layers.get("distractors", layers["background"]), render(recipe).image
        changed = (background != image).any(axis=2)
        assert not (changed & (pair.erase_mask == 255)).any()
        assert not ((pair.ground_truth == 0) & (pair.erase_mask == 255)).any()
        if recipe.text and recipe.opacity == 255:  # and it is tight: what it holds is changed, but for equal colours
            assert changed[pair.erase_mask == 0].mean() > 0.8


def sharp(recipe):
    """The recipe without its degradation."""
    return dataclasses.replace(recipe, blur_sigma=0, noise_sigma=0, jpeg_quality=0, resample=0)


def test_coverage_and_truth_agree(samples):
    for pair in samples:
        assert np.array_equal(pair.coverage >= 128, pair.ground_truth == 0)


def test_line_boxes_bound_the_ink_of_their_line(samples):
    for pair in samples:
        ink, lines = pair.coverage > 0, pair.recipe.text.split("\n") if pair.recipe.text else []
        assert len(pair.line_boxes) <= len(lines) and (pair.recipe.clipped or len(pair.line_boxes) == len(lines))
        union = np.zeros(ink.shape, bool)
        for box in pair.line_boxes:
            x0, y0, x1, y1 = box
            part = ink[y0:y1, x0:x1]  # tight: ink along each of its sides
            assert part[0].any() and part[-1].any() and part[:, 0].any() and part[:, -1].any()
            assert not (union & inside(ink, box)).any()
            union |= inside(ink, box)
        assert not (ink & ~union).any()
        assert [box[1] for box in pair.line_boxes] == sorted(box[1] for box in pair.line_boxes)


def test_the_first_line_alone_has_the_same_box(samples):
    for pair in samples:
        recipe = pair.recipe
        if "\n" in recipe.text and not recipe.clipped:
            one_line = dataclasses.replace(recipe, text=recipe.text.split("\n")[0], line_dx_em=0.0, line_dy_em=0.0)
            assert render(one_line).line_boxes == pair.line_boxes[:1]


def test_character_boxes_bound_the_ink_in_reading_order(samples):
    for pair in samples:
        ink, text = pair.coverage > 0, pair.recipe.text
        visible = [c for c in text if not c.isspace()]
        assert len(pair.char_boxes) <= len(visible)
        if not pair.recipe.clipped:  # ligatures share a box
            assert len(pair.char_boxes) >= 0.9 * len(visible) - 1
        union = np.zeros(ink.shape, bool)
        for box in pair.char_boxes:
            union |= inside(ink, box)
            assert any((inside(ink, box) <= inside(ink, line)).all() for line in pair.line_boxes)
        assert not (ink & ~union).any()
        for line in pair.line_boxes:
            middles = [(b[0] + b[2]) / 2 for b in pair.char_boxes if line[1] <= b[1] and b[3] <= line[3]]
            assert sorted(middles) == pytest.approx(middles, abs=6)


def test_frames_without_text_are_empty_in_everything(samples):
    blank = [pair for pair in samples if not pair.recipe.text]
    assert len(blank) > 5
    for pair in blank:
        recipe = pair.recipe
        assert (pair.ground_truth == 255).all() and (pair.erase_mask == 255).all() and not pair.coverage.any()
        assert pair.line_boxes == pair.char_boxes == () and pair.contrast == 1
        assert (recipe.text_source, recipe.text_id, recipe.font) == ("", "", "")
        drawn = ("font_size_px", "outline_px", "shadow_opacity", "box_opacity", "opacity", "bold", "italic", "clipped")
        assert not any(getattr(recipe, name) for name in drawn)


def test_distractors_keep_clear_of_the_subtitle(samples):
    for pair in samples:
        if pair.recipe.distractors and pair.recipe.text:
            full = sharp(pair.recipe)
            bare = dataclasses.replace(full, distractors=())
            changed = (render(bare).image != render(full).image).any(axis=2)
            assert not (changed & (pair.coverage > 0)).any()


# A probability, and the columns that it may change.
INDEPENDENT = {
    ("distractors", "p_watermark"): {"distractors"},
    ("distractors", "p_sign"): {"distractors"},
    ("distractors", "p_patch"): {"distractors"},
    ("distractors", "p_credits"): {"distractors"},
    ("style", "p_fade"): {"opacity"},
    ("layout", "p_clipped"): {"clipped", "x", "y", "font_size_px", "embolden_x_px", "embolden_y_px", "distractors"},
}


@pytest.mark.parametrize("key", INDEPENDENT, ids=".".join)
@pytest.mark.parametrize("spec", PRESETS)
def test_probability_zero_changes_no_other_column(spec, key):
    spec = few_fonts(spec, spec.fonts.families[-1])
    zero = without(spec, key[0], **{key[1]: 0.0})
    one, other = (plan_columns(shared_assets(s, "train"), 0, 400) for s in (spec, zero))
    columns = {name: [np.array(plan_[name], object) for plan_ in (one, other)] for name in COLUMNS}
    changed = {name for name, values in columns.items() if not np.array_equal(*values)}
    if key == ("layout", "p_clipped"):
        changed -= {"blur_sigma"}  # limited by the font size
    assert changed and changed <= INDEPENDENT[key], changed


@pytest.mark.parametrize("spec", PRESETS)
def test_labels_change_no_pixel_and_no_column(spec):
    plain = dataclasses.replace(spec, labels=type(spec.labels)())
    for one, other in zip(pairs(labelled(spec), "test", 0, 20), pairs(plain, "test", 0, 20), strict=True):
        assert np.array_equal(one.image, other.image) and np.array_equal(one.ground_truth, other.ground_truth)
        assert one.recipe.row() == other.recipe.row()
        assert other.erase_mask is None is other.coverage and other.line_boxes == other.char_boxes == ()


@pytest.mark.parametrize("spec", PRESETS)
def test_the_contrast_floor_holds(spec):
    """Against its surroundings, which an outline or a box may be; measured contrast is a mean, so few are below."""
    contrasts = np.array([pair.contrast for pair in pairs(spec, "train", 0, 400) if pair.recipe.text])
    assert (contrasts < 1.5).mean() < 0.03 and np.median(contrasts) > 4


def test_presets_and_languages_share_no_draw():
    """A mixture of sets at one seed does not repeat crops, sizes or dresses index by index."""
    plans = [plan(spec(), "train", 0, 40) for spec in (sub_en, sub_zh, film_en, film_zh)]
    for one, other in itertools.combinations(plans, 2):
        repeated = [a.noise_offset == b.noise_offset for a, b in zip(one, other, strict=True)]
        assert not any(repeated)
        assert np.mean([a.background == b.background for a, b in zip(one, other, strict=True)]) < 0.1


def test_distractors_are_off_by_default():
    assert sub_en().distractors == Distractors()
    assert not any(value for name, value in vars(Distractors()).items() if name.startswith("p_"))
