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

# The command line, with short pauses between tries.
HASTY = "from subsynth.cli import main; from subsynth.publish import retry; retry.PAUSES = (0.1,) * 5; main.main()"


def quick(n: int, **others: object) -> Spec:
    """English in two families on photographs, so that it opens in a moment. 1,250 rows are a shard."""
    spec = sub_en(n=n, n_test=20, **others)
    fonts = dataclasses.replace(spec.fonts, families=("Arimo", "Kalam"), unseen_families=())
    return dataclasses.replace(spec, fonts=fonts, background=dataclasses.replace(spec.background, p_procedural=0.0))


@pytest.fixture(scope="session")
def sets(tmp_path_factory) -> Callable[[int], Path]:
    """Directories with so many train pairs, rendered once."""
    place, made = tmp_path_factory.mktemp("sets"), set()

    def get(n: int) -> Path:
        if n not in made:
            build_dataset(quick(n), place / str(n) / "sub_en", workers=1)
            made.add(n)
        return place / str(n) / "sub_en"

    return get


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    (tmp_path / "hub").mkdir()
    with Hub(tmp_path / "hub") as served:
        yield served


class Client:
    """Processes with a home of their own, as the owner of `subsynth` unless told otherwise."""

    def __init__(self, hub: Hub, home: Path, place: Path):
        self.hub, self.place = hub, place
        strange = ("HF_", "HUGGING", "SUBSYNTH_KERNELS")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(strange)}
        self.env |= {"HF_ENDPOINT": hub.url, "HF_TOKEN": OWNER, "HF_HOME": str(home), "PYTHONUTF8": "1"}
        self.env |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
        self.env["SUBSYNTH_KERNELS"] = "numpy"  # a second less for each process; the pixels are the same

    def start(self, *words: object, **env: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, *map(str, words)],
            cwd=self.place, env=self.env | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: object, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=cwd or self.place, env=self.env | env, text=True, capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    def publish(self, directory: Path, *flags: str, **env: str) -> subprocess.CompletedProcess:
        return self.run("-c", HASTY, "publish", directory, "--repo", NAME, *flags, **env)

    def python(self, code: str, *words: object, cwd: Path | None = None, **env: str) -> str:
        """What a program prints."""
        done = self.run("-c", code, *words, cwd=cwd, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def client(hub, tmp_path) -> Client:
    (tmp_path / "cwd").mkdir()
    return Client(hub, tmp_path / "home", tmp_path / "cwd")


@pytest.fixture(params=["lfs", "xet"])
def either(client, request) -> Client:
    """The client by LFS, and by Xet, which clients use by themselves."""
    if request.param == "xet":
        del client.env["HF_HUB_DISABLE_XET"]
    return client


def pixels(spec: Spec, split: str) -> str:
    """Digest of all pixels of a split as they are rendered here."""
    found = hashlib.sha256()
    for pair in pairs(spec, split):
        found.update(np.ascontiguousarray(pair.image))
        found.update(np.ascontiguousarray(pair.ground_truth))
    return found.hexdigest()


# Prints the digest of all pixels of each split that is named, loaded (or streamed to its end).
LOAD = """
import hashlib, sys
import numpy as np
from datasets import load_dataset
name, splits, *how = sys.argv[1:]
for split in splits.split(","):
    found = hashlib.sha256()
    for row in load_dataset(name, split=split, streaming="stream" in how):
        assert row["image"].mode == "RGB" and row["ground_truth"].mode == "L"
        found.update(np.asarray(row["image"]))
        found.update(np.asarray(row["ground_truth"]))
    print(found.hexdigest())
"""


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something to come about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.02)
