import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

torch.set_num_threads(1)  # two processes test at once, and threads that wait for each other cost both

# Folders and names of pages and truths, as the contests' archives have them.
LAYOUTS = {
    "2009": ("DIBC02009_Test_images-handwritten/H01.bmp", "DIBCO2009-GT-Test-images_handwritten/H01.tiff"),
    "2010": ("DIBC02010_Test_images/H05.tiff", "DIBC02010_Test_GT/H05_estGT.tiff"),
    "2011": ("DIBCO11-handwritten/HW1.png", "DIBCO11-handwritten/HW1_GT.tiff"),
    "2013": ("OriginalImages/PR08.bmp", "GTimages/PR08_estGT.tiff"),
    "2016": ("DIPCO2016_dataset/7.bmp", "DIPCO2016_Dataset_GT/7_gt.bmp"),
    "Bickley": ("gt_labeled/original/page1.png", "gt_labeled/original_gt/page1_labeled.png"),
    "PHIBD2012": ("Original/Persian01.png", "GT/Persian01_GT.png"),
    "S_MSI_1": ("MSI/z97/F{}s.png", "GT/z97GT.png"),
}


def drawn(seed, height=300, width=520):
    chance = np.random.default_rng(seed)
    truth = np.full((height, width), 255, np.uint8)
    for i in range(12):
        cv2.putText(truth, "binarize", (int(chance.integers(-20, width - 80)), 25 * i), 0, 0.8, 0, 2)
    truth = np.where(truth < 128, 0, 255).astype(np.uint8)
    image = np.clip(truth * 0.5 + 70 + chance.normal(0, 12, truth.shape), 0, 255).astype(np.uint8)
    return np.repeat(image[:, :, None], 3, axis=2), truth


@pytest.fixture(scope="session")
def small_set(tmp_path_factory) -> Path:
    """120 train pairs and 40 of each test split."""
    out = tmp_path_factory.mktemp("small") / "sub_en"
    arguments = ["render", "--lang", "en", "--n", "120", "--n-test", "40", "--workers", "1", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "subsynth", *arguments], check=True, capture_output=True)
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


@pytest.fixture
def contests(tmp_path):
    for seed, (year, parts) in enumerate(LAYOUTS.items()):
        image, truth = drawn(seed)
        files = {parts[0]: image, parts[1]: truth}
        if "{}" in parts[0]:  # a file a band, of which the second to the fourth are blue, green and red
            bands = np.repeat(image[:, :, :1], 8, axis=2) // np.arange(1, 9, dtype=np.uint8)
            files = {parts[0].format(i + 1): bands[:, :, i] for i in range(8)} | {parts[1]: truth // 255}
        for path, pixels in files.items():
            target = tmp_path / "sets" / year / path
            target.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(target), pixels)
    return tmp_path / "sets"
