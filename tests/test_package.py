"""The wheel is complete and renders outside the checkout; functions on pixels never write to their inputs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from subsynth.core import pixels
from subsynth.data import font_catalogue
from subsynth.rendering.effects import blur, grade, jpeg, noise, resample
from subsynth.rendering.styles import box, outline, shadow

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder in which the wheel is installed; its dependencies come from the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q"]
    wheel_options = ["--no-deps", "--no-build-isolation", "-w", folder]
    subprocess.run([*pip, "wheel", *wheel_options, ROOT], check=True, cwd=folder)
    wheel = next(folder.glob("subsynth-*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def tracked_files(*folders):
    """The files of folders that are part of the project: those that git knows, or in a copy without git all."""
    listing = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    files = listing or [str(p.relative_to(ROOT)) for folder in folders for p in (ROOT / folder).rglob("*.*")]
    return {file for file in files if "__pycache__" not in file and (ROOT / file).is_file()}


def test_the_wheel_holds_every_module_and_data_file(installed):
    expected = tracked_files("subsynth", "dbram_baseline")
    expected |= {f"subsynth/data/{file}" for file in tracked_files("fonts", "backgrounds")}
    files = {str(p.relative_to(installed)) for p in installed.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    only_in_the_checkout = (".gitignore", "rebuild.py", "dbram_baseline/README.md")
    assert not {file for file in expected - files if not file.endswith(only_in_the_checkout)}
    assert not {file.split("/")[0] for file in files} & {"tests", "benchmarks", "docs", "fonts", "backgrounds"}


def test_the_wheel_renders_outside_the_checkout(installed, tmp_path):
    env = os.environ | {"PYTHONPATH": str(installed), "SUBSYNTH_CACHE": str(tmp_path / "cache")}

    def run(*args):
        return subprocess.run(
            [sys.executable, *args], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert str(installed) in run("-c", "import subsynth; print(subsynth.__file__)").stdout
    process = run(installed / "bin/subsynth", "render", "--lang", "zh", "--n", "5", "--workers", "1")
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "sub_zh/manifest.json").is_file()


def test_every_font_has_its_licence_in_the_wheel(installed):
    fonts = installed / "subsynth/data/fonts"
    folders = {Path(face.path).parent.name for face in font_catalogue.catalogue()}
    assert {path.parent.name for path in fonts.glob("*/LICENSE*")} == folders
    assert (installed / "subsynth/data/backgrounds/ATTRIBUTION.md").is_file()


IMAGE = np.arange(32 * 280 * 3, dtype=np.uint32).astype(np.uint8).reshape(32, 280, 3)
PLANES = np.ascontiguousarray(IMAGE.transpose(2, 0, 1))
ALPHA = np.ascontiguousarray(IMAGE[:, :, 0])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (blur.blur, (IMAGE, 0.8)),
        (jpeg.jpeg, (IMAGE, 50, 3, 5)),
        (noise.noise, (IMAGE, 1254, 17)),
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
    copies = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
    for arg in args:
        if isinstance(arg, np.ndarray):
            arg.setflags(write=False)
    first, second = function(*args), function(*args)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not any(np.shares_memory(first, arg) for arg in args if isinstance(arg, np.ndarray))
    for arg, original in zip(args, copies, strict=True):
        assert np.array_equal(arg, original)
