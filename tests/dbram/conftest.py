import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch
from contest_pages import write_contests

from dbram_baseline.errors import BaselineError
from dbram_baseline.train import command as train_command

torch.set_num_threads(1)  # tests run in two processes, whose threads would wait for each other


@pytest.fixture(scope="session")
def small_set(tmp_path_factory) -> Path:
    """A rendered set of 120 pairs in train and 40 in each test split."""
    out = tmp_path_factory.mktemp("small") / "sub_en"
    arguments = ["render", "--lang", "en", "--n", "120", "--n-test", "40", "--workers", "1", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "subsynth", *arguments], check=True, capture_output=True)
    return out


@pytest.fixture
def command(tmp_path):
    """Run one of the commands in a process of its own."""

    def run(name: str, *args: object, cwd: Path | None = None, timeout: float = 170, **env: str):
        home = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, "-m", f"dbram_baseline.{name}", *map(str, args)],
            cwd=cwd or tmp_path, env=os.environ | home | env, text=True, capture_output=True, timeout=timeout,
            check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def contests(tmp_path) -> Path:
    """A folder with one page of each contest."""
    write_contests(tmp_path / "sets")
    return tmp_path / "sets"


@pytest.fixture
def rejected():
    """Run `train` in this process; it must raise an error for the user, whose message is returned."""

    def call(*arguments):
        with pytest.raises((BaselineError, click.ClickException)) as raised:
            train_command.main([*map(str, arguments)], standalone_mode=False)
        error = raised.value
        return error.format_message() if isinstance(error, click.ClickException) else str(error)

    return call


@pytest.fixture
def error_line():
    """The single line that a failed process prints."""

    def check(process):
        assert process.returncode == 2, process.stderr
        assert len(process.stderr.splitlines()) == 1 and "Traceback" not in process.stderr
        return process.stderr

    return check
