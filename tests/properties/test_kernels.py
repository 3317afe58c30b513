"""Both backends return the same bits at every stage: over the presets, and over specs with extreme values."""

import dataclasses
import functools
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subsynth import film_en, film_zh, sub_en, sub_zh
from subsynth.assets.assets import Assets
from subsynth.kernels import compilation
from subsynth.planning import layout
from subsynth.planning.planner import plan_recipes
from subsynth.rendering import lookup_tables
from subsynth.rendering.effects.jpeg import jpeg
from subsynth.rendering.numpy_backend import NumpyBackend
from subsynth.rendering.params import RenderParams
from subsynth.rendering.render import Renderer
from subsynth.rendering.scene_text import draw_distractor
from subsynth.spec.sections import Background, Degrade, Fill, Style

PLAIN = NumpyBackend()


@functools.cache
def compiled_backend():
    """The compiled backend, imported when a test needs it: every process of a test run imports this file.

    It is compiled into the cache of the test run, for all later processes.
    """
    compilation.compile_all()
    from subsynth.rendering.numba_backend import NumbaBackend

    return NumbaBackend()


def read_only(array):
    array.setflags(write=False)
    return array


def assert_stages_agree(assets, recipe):
    """Each stage of both backends, given the same input, returns the same; the stages that only read do not write."""
    params = RenderParams.decode(recipe)
    level = assets.scene(recipe.background).levels[recipe.background_level]
    planes = PLAIN.background(level, params)
    assert np.array_equal(compiled_backend().background(level, params), planes), ("background", recipe)
    for distractor in recipe.distractors:
        drawn = [planes.copy(), planes.copy()]
        for backend, own in zip((PLAIN, compiled_backend()), drawn, strict=True):
            draw_distractor(own, distractor, assets, backend)
        assert np.array_equal(*drawn), ("distractor", recipe)
    if recipe.text:
        planes = assert_subtitles_agree(assets, recipe, params, planes)
    image, file = PLAIN.degrade(planes.copy(), params)
    compiled_image, compiled_file = compiled_backend().degrade(planes.copy(), params)
    assert np.array_equal(compiled_image, image), ("degrade", recipe)
    assert compiled_file == file, ("degrade", recipe)


def assert_subtitles_agree(assets, recipe, params, planes):
    """The stages that draw text over planes; returns what they draw."""
    glyphs = assets.face(recipe.font)
    lines = layout.set_lines(glyphs, recipe.text, params.shear, params.line_dx, params.line_dy)
    line = layout.join_lines(lines)
    ink = layout.pixel_bounds(layout.ink_box(line, params.size, params.embolden), params.x, params.y)
    coverage = read_only(PLAIN.coverage(glyphs, line, params))
    assert np.array_equal(compiled_backend().coverage(glyphs, line, params), coverage), ("coverage", recipe)
    edges = layout.edges(glyphs, line, params.size, params.shear, params.x, params.y, params.embolden)
    assert np.array_equal(compiled_backend().rasterize(edges, params.height, params.width), coverage), (
        "rasterize",
        recipe,
    )
    assert compiled_backend().ink_bounds(coverage, ink) == PLAIN.ink_bounds(coverage, ink), ("ink_bounds", recipe)
    touched, compiled_touched = np.zeros_like(coverage), np.zeros_like(coverage)
    composed = read_only(PLAIN.compose(planes.copy(), coverage, ink, params, touched))
    for mask in (compiled_touched, None):
        compiled = compiled_backend().compose(planes.copy(), coverage, ink, params, mask)
        assert np.array_equal(compiled, composed), ("compose", recipe)
    assert np.array_equal(compiled_touched > 0, touched > 0), ("touched", recipe)
    light = PLAIN.surrounding_light(composed, coverage)
    assert compiled_backend().surrounding_light(composed, coverage) == light, ("surrounding_light", recipe)
    return composed


def assert_backends_agree(assets, start, stop):
    plain, compiled = Renderer(assets, PLAIN), Renderer(assets, compiled_backend())
    recipes = plan_recipes(assets, start, stop)
    for recipe in recipes:
        assert_stages_agree(assets, recipe)
    for recipe in recipes[:40]:  # the stages are joined in the same way
        one, other = plain.render(recipe), compiled.render(recipe)
        assert np.array_equal(one.image, other.image), recipe
        assert np.array_equal(one.ground_truth, other.ground_truth), recipe
        assert (one.erase_mask is None) == (other.erase_mask is None), recipe
        assert one.erase_mask is None or np.array_equal(one.erase_mask, other.erase_mask), recipe
        assert (one.contrast, one.jpeg) == (other.contrast, other.jpeg), recipe
        assert (one.line_boxes, one.char_boxes) == (other.line_boxes, other.char_boxes), recipe


@pytest.mark.parametrize(
    ("spec", "count"),
    [pytest.param(s, n, id=s.name) for s, n in ((sub_en(), 150), (sub_zh(), 150), (film_en(), 40), (film_zh(), 40))],
)
def test_backends_agree_on_the_presets(spec, count):
    assert_backends_agree(Assets.open(spec, "train"), 50_000, 50_000 + count)


EXTREMES = {
    "large": {"height": 96, "width": 700},
    "narrow": {"height": 64, "width": 90},
    "flat": {"height": 20, "width": 400, "margin_px": 1},
    "strong": {
        "style": Style(
            outline_range=(3.0, 16.0), max_shadow_offset_px=16, max_shadow_blur_px=16, box_opacity_range=(0, 1)
        ),
        "degrade": Degrade(1.0, (1.0, 8.0), 1.0, (0.05, 16.0), 1.0, (64.0, 128.0), 1.0, (1, 100)),
    },
    "graded": {
        "background": Background(
            p_procedural=0.5, gain_range=(0, 4), tint_range=(-1, 1), saturation_range=(0, 4), lift_range=(-128, 255)
        ),
        "fill": Fill(colors={"any": 1.0}, contrast_floor=7.0),
        "degrade": Degrade(0.2, (1.0, 1.01), 0.2, (0.05, 0.2), 0.2, (0.0, 0.2), 0.0, (1, 100)),
    },
    "jpeg": {"image_format": "jpeg"},
}


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("preset", [sub_en, sub_zh], ids=["en", "zh"])
def test_backends_agree_on_extreme_specs(preset, name):
    spec = dataclasses.replace(preset(seed=3), **EXTREMES[name])
    short_lines = dataclasses.replace(spec.text, max_chars=10)
    assert_backends_agree(Assets.open(dataclasses.replace(spec, text=short_lines), "test"), 0, 60)


BOX = st.tuples(*[st.integers(-4096, 4096)] * 4).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(BOX | st.just((0, 0, 0, 0)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.integers(-500, 100_000), st.integers(-2000, 2000)), max_size=8),
    st.integers(-700, 700),
)
def test_the_box_of_a_line_is_the_same_compiled(boxes, placed, shear):
    from subsynth.kernels.glyphs import line_box

    boxes = np.array(boxes, dtype=np.int16)
    glyphs, x, y = np.array(placed, dtype=np.int64).reshape(-1, 3).T.copy()
    glyphs %= len(boxes)
    assert line_box(boxes, glyphs, x, y, shear) == layout.line_box(boxes, glyphs, x, y, shear)


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_the_environment_selects_the_backend(tmp_path):
    """The variable decides, an unknown value is an error, and without it nothing is compiled for a few samples."""
    code = (
        "from subsynth import pairs, sub_en; from subsynth.kernels import compilation; "
        "from subsynth.rendering.backend import select_backend; next(pairs(sub_en(), 'train', 0, 1)); "
        "print(compilation.description(), type(select_backend()).__name__, sep=': ')"
    )
    assert run_python(code, SUBSYNTH_KERNELS="numpy").stdout.strip() == "plain NumPy: NumpyBackend"
    assert run_python(code, SUBSYNTH_KERNELS="numba").stdout.strip() == "numba: NumbaBackend"
    unset = run_python(code, SUBSYNTH_KERNELS="", SUBSYNTH_CACHE=str(tmp_path))
    assert unset.stdout.strip() == "plain NumPy: NumpyBackend"
    assert not (tmp_path / "kernels").exists()
    assert "SUBSYNTH_KERNELS is 'fast'; use numba or numpy" in run_python(code, SUBSYNTH_KERNELS="fast").stderr


def test_compiled_kernels_are_reused_by_the_next_process():
    code = (
        "from subsynth.kernels import compilation; child = compilation.start(); print(child is None); "
        "child and compilation.finish(child); print(compilation.description())"
    )
    first, second = (run_python(code, SUBSYNTH_KERNELS="").stdout.split() for _ in range(2))
    assert first[1] == "numba"  # compiled now, unless another test did it
    assert second == ["True", "numba"]


PICTURES = {
    "noise": lambda rng, shape: rng.integers(0, 256, shape, np.uint8),
    "black and white": lambda rng, shape: rng.integers(0, 2, shape, np.uint8) * np.uint8(255),
    "smooth": lambda rng, shape: cv2.GaussianBlur(rng.integers(0, 256, shape, np.uint8), (0, 0), 4).reshape(shape),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_the_codec_kernel_equals_a_codec(kind):
    """All qualities, pictures of any size and any position within a block of 16 x 16 px, also wider than the buffer."""
    compiled_backend()
    from subsynth.kernels import degradation

    rng = np.random.default_rng(7)
    for quality in (*range(1, 101), 50):
        height, width = (int(v) for v in rng.integers((1, 5), (60, 400))) if quality != 50 else (9, 3840)
        dx, dy = (int(v) for v in rng.integers(0, 16, 2))
        image = PICTURES[kind](rng, (height, width, 3))
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        found = degradation.degrade(
            planes, *[lookup_tables.NO_RESAMPLE] * 4, lookup_tables.NO_BLUR, *lookup_tables.noise_pools(), 0, 0,
            lookup_tables.jpeg_steps(quality), dx, dy, False,
        )  # fmt: skip
        expected = jpeg(image, quality, dx, dy)
        assert np.array_equal(found, expected), (image.shape, quality, dx, dy)
