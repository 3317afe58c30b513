import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from subsynth import dataset, sub_en


@pytest.fixture(scope="session")
def small_set(tmp_path_factory) -> Path:
    """120 train pairs and 40 of each test split."""
    out = tmp_path_factory.mktemp("small") / "sub_en"
    spec = sub_en(n=120, n_test=40)
    dataset.build(dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, unseen_families=())), out, workers=1)
    return out


@pytest.fixture
def command(tmp_path):
    """Run one of the commands as a user does."""

    def call(name: str, *args: object, cwd: Path | None = None, timeout: float = 170, **env: str):
        home = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, "-m", f"dbram_baseline.{name}", *map(str, args)],
            cwd=cwd or tmp_path, env=os.environ | home | env, text=True, capture_output=True, timeout=timeout,
            check=False,
        )  # fmt: skip

    return call
