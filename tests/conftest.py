"""Fixtures: small specs, and the command line as a subprocess."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from subsynth import Spec, sub_en, sub_zh

# A shell that starts this in the background ignores Ctrl-C, and child processes would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["en", "zh"])
def spec(request) -> Spec:
    """The presets of the paper in few families: each spec opens its own faces, and Chinese ones take a while."""
    spec = {"en": sub_en, "zh": sub_zh}[request.param](n=60, n_test=20)
    families = {"en": ("Arimo", "EB Garamond", "Kalam"), "zh": ("Noto Sans SC", "ZCOOL QingKe HuangYou")}
    return dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, families=families[request.param]))


@pytest.fixture
def small() -> Spec:
    """English in two families, without photographs: opens in a moment."""
    spec = sub_en(n=30, n_test=10)
    return dataclasses.replace(
        spec,
        fonts=dataclasses.replace(spec.fonts, families=("Arimo", "Kalam")),
        background=dataclasses.replace(spec.background, p_procedural=1.0),
    )


class Result:
    """What a command returned and printed."""

    def __init__(self, process: subprocess.CompletedProcess[str]):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr


@pytest.fixture
def run(tmp_path):
    """Run the command line as a user does, in an empty folder, with a separate cache for `datasets`."""

    def call(*args: object, cwd: Path | None = None, timeout: float = 120) -> Result:
        env = os.environ | {"HF_HOME": str(tmp_path / ".hf"), "PYTHONUTF8": "1"}
        return Result(
            subprocess.run(
                [sys.executable, "-m", "subsynth", *map(str, args)],
                cwd=cwd or tmp_path,
                env=env,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        )

    return call
