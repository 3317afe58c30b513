"""Compiled kernels give the bits of the plain functions: over the presets, and over specs pushed to their ends."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from subsynth import plan, sub_en, sub_zh
from subsynth.kernels import compilation
from subsynth.rendering import numba_backend
from subsynth.rendering.render import plainly
from subsynth.spec.sections import Background, Degrade, Fill, Style


def assert_same(recipe):
    plain = plainly(recipe)
    image, file, ink_map, contrast = numba_backend.draw(recipe)
    assert np.array_equal(image, plain.image), recipe
    assert np.array_equal(np.where(ink_map >= 128, 0, 255), plain.ground_truth), recipe
    assert file == plain.jpeg and contrast == plain.contrast


@pytest.mark.parametrize("spec", [sub_en(), sub_zh()], ids=["en", "zh"])
def test_thousands_of_recipes(spec):
    for recipe in plan(spec, "train", 50_000, 51_500):
        assert_same(recipe)


ENDS = {
    "large": {"height": 96, "width": 700},
    "narrow": {"height": 64, "width": 90},
    "flat": {"height": 20, "width": 400, "margin_px": 1},
    "heavy": {
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


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("preset", [sub_en, sub_zh], ids=["en", "zh"])
def test_specs_at_their_ends(preset, name):
    spec = dataclasses.replace(preset(seed=3), **ENDS[name])
    text = dataclasses.replace(spec.text, max_chars=10)
    for recipe in plan(dataclasses.replace(spec, text=text), "test", 0, 120):
        assert_same(recipe)


def test_the_setting_selects(tmp_path):
    """The variable decides, an unknown value is refused, and without one nothing is compiled for a few samples."""
    code = (
        "from subsynth import kernels, pairs, sub_en; next(pairs(sub_en(), 'train', 0, 1)); print(kernels.described())"
    )

    def run(**env):
        return subprocess.run(
            [sys.executable, "-c", code], env=os.environ | env, capture_output=True, text=True, check=False
        )

    assert run(SUBSYNTH_KERNELS="numpy").stdout.strip() == "plain NumPy"
    assert run(SUBSYNTH_KERNELS="numba").stdout.strip() == "numba"
    assert run(SUBSYNTH_KERNELS="", SUBSYNTH_CACHE=str(tmp_path)).stdout.strip() == "plain NumPy"
    assert not (tmp_path / "kernels").exists()
    assert "SUBSYNTH_KERNELS is 'fast'; use numba or numpy" in run(SUBSYNTH_KERNELS="fast").stderr


def test_compiling_is_kept(tmp_path):
    """A second process finds what the first has compiled."""
    code = "from subsynth import kernels; c = kernels.begin(); print(c is None); c and kernels.finish(c); "
    code += "print(kernels.described())"
    env = os.environ | {"SUBSYNTH_CACHE": str(tmp_path), "SUBSYNTH_KERNELS": ""}
    said = [
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    ]
    assert said == [["False", "numba"], ["True", "numba"]]
    assert compilation.available()
