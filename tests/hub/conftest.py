import dataclasses
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hub.server import Hub
from hub.state import OWNER
from subsynth import Spec, pairs, sub_en
from subsynth.build.build import build_dataset

NAME = "subsynth/sub_en"

# The command line, with short pauses before retries.
IMPATIENT = """
from subsynth.cli.main import main
from subsynth.publish import retry

retry.PAUSES = (0.1,) * 5
main()
"""


def quick(n: int, **others: object) -> Spec:
    """English in two font families on photographs: its assets open quickly. A shard has 1,250 rows."""
    spec = sub_en(n=n, n_test=20, **others)
    fonts = dataclasses.replace(spec.fonts, families=("Arimo", "Kalam"), unseen_families=())
    return dataclasses.replace(spec, fonts=fonts, background=dataclasses.replace(spec.background, p_procedural=0.0))


@pytest.fixture(scope="session")
def sets(tmp_path_factory) -> Callable[[int], Path]:
    """A rendered directory by its number of train pairs; each is rendered once."""
    folder, rendered = tmp_path_factory.mktemp("sets"), set()

    def get(n: int) -> Path:
        if n not in rendered:
            build_dataset(quick(n), folder / str(n) / "sub_en", workers=1)
            rendered.add(n)
        return folder / str(n) / "sub_en"

    return get


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    (tmp_path / "hub").mkdir()
    with Hub(tmp_path / "hub") as running:
        yield running


class Client:
    """Starts processes with their own Hugging Face home and the token of the owner of `subsynth`."""

    def __init__(self, hub: Hub, home: Path, folder: Path):
        self.hub, self.folder = hub, folder
        excluded = ("HF_", "HUGGING", "SUBSYNTH_KERNELS")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(excluded)}
        self.env |= {"HF_ENDPOINT": hub.url, "HF_TOKEN": OWNER, "HF_HOME": str(home), "PYTHONUTF8": "1"}
        self.env |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
        self.env["SUBSYNTH_KERNELS"] = "numpy"  # saves a second per process; the pixels are the same

    def start(self, *arguments: object, **env: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder, env=self.env | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: object, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd or self.folder, env=self.env | env, text=True, capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    def publish(self, directory: Path, *flags: str, **env: str) -> subprocess.CompletedProcess:
        return self.run("-c", IMPATIENT, "publish", directory, "--repo", NAME, *flags, **env)

    def python(self, code: str, *arguments: object, cwd: Path | None = None, **env: str) -> str:
        """The output of a program that succeeds."""
        result = self.run("-c", code, *arguments, cwd=cwd, **env)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()


@pytest.fixture
def client(hub, tmp_path) -> Client:
    (tmp_path / "cwd").mkdir()
    return Client(hub, tmp_path / "home", tmp_path / "cwd")


@pytest.fixture(params=["lfs", "xet"])
def either(client, request) -> Client:
    """The client with uploads by LFS, and by Xet, which is its default."""
    if request.param == "xet":
        del client.env["HF_HUB_DISABLE_XET"]
    return client


def pixels(spec: Spec, split: str) -> str:
    """Digest of all pixels of a split, rendered in this process."""
    digest = hashlib.sha256()
    for pair in pairs(spec, split):
        digest.update(np.ascontiguousarray(pair.image))
        digest.update(np.ascontiguousarray(pair.ground_truth))
    return digest.hexdigest()


# Prints the digest of all pixels of each named split, loaded, or streamed to its end.
LOAD = """
import hashlib, sys
import numpy as np
from datasets import load_dataset
name, splits, *options = sys.argv[1:]
for split in splits.split(","):
    digest = hashlib.sha256()
    for row in load_dataset(name, split=split, streaming="stream" in options):
        assert row["image"].mode == "RGB" and row["ground_truth"].mode == "L"
        digest.update(np.asarray(row["image"]))
        digest.update(np.asarray(row["ground_truth"]))
    print(digest.hexdigest())
"""


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds; fail after a while."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)
