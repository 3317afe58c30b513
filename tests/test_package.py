"""The wheel, installed outside the checkout, renders; and inputs are never written to."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from subsynth.core import pixels
from subsynth.rendering.effects import blur, grade, jpeg, noise, resample
from subsynth.rendering.styles import box, outline, shadow

ROOT = Path(__file__).parents[1]


def test_a_wheel_renders_outside_the_checkout(tmp_path):
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        tmp_path,
        ROOT,
    ]
    subprocess.run(build, check=True, cwd=tmp_path)
    wheel = next(tmp_path.glob("subsynth-*.whl"))
    # The dependencies come from the environment that runs the tests; subsynth itself from the wheel alone.
    place = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", place, wheel], check=True)
    env = os.environ | {"PYTHONPATH": str(place), "SUBSYNTH_CACHE": str(tmp_path / "cache")}
    code = "import subsynth, sys; from subsynth.cli.main import main; print(subsynth.__file__); sys.argv[0] = 'x'; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "render", "--lang", "zh", "--n", "5", "--workers", "1"],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(place) in done.stdout
    assert (tmp_path / "sub_zh/manifest.json").is_file()
    licences = {p.parent.name for p in (place / "subsynth/data/fonts").glob("*/LICENSE*")}
    assert len(licences) == 26
    assert (place / "subsynth/data/backgrounds/ATTRIBUTION.md").is_file()


IMAGE = np.arange(32 * 280 * 3, dtype=np.uint32).astype(np.uint8).reshape(32, 280, 3)
PLANES = np.ascontiguousarray(IMAGE.transpose(2, 0, 1))
ALPHA = np.ascontiguousarray(IMAGE[:, :, 0])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (blur.blur, (IMAGE, 0.8)),
        (jpeg.jpeg, (IMAGE, 50, 3, 5)),
        (noise.noise, (IMAGE, 4.0, 17)),
        (resample.resample, (IMAGE, 1.4)),
        (grade.grade, (PLANES, 128, (200, 256, 300), 9)),
        (outline.outline, (ALPHA, 1.25)),
        (shadow.shadow, (ALPHA, 2, 1, 1)),
        (pixels.blend, (PLANES, (1, 2, 3), ALPHA)),
        (pixels.ground_truth, (ALPHA,)),
        (pixels.scale_alpha, (ALPHA, 77)),
        (pixels.luma, (PLANES,)),
        (box.box, (3, 4, 100, 20, 32, 280)),
    ],
)
def test_inputs_are_only_read(function, args):
    held = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    for a in args:
        if isinstance(a, np.ndarray):
            a.setflags(write=False)
    first, second = function(*args), function(*args)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    for a, b in zip(args, held, strict=True):
        assert np.array_equal(a, b)
