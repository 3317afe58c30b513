"""Drawn pages in the folder layouts of the contests, for tests."""

from pathlib import Path

import cv2
import numpy as np

# The folders and names of a page and its ground truth, as in the archives that the contests publish.
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


def draw_page(seed, height=300, width=520):
    """An image (H, W, 3) of lines of text with noise, and its ground truth (H, W)."""
    rng = np.random.default_rng(seed)
    truth = np.full((height, width), 255, np.uint8)
    for i in range(12):
        cv2.putText(truth, "binarize", (int(rng.integers(-20, width - 80)), 25 * i), 0, 0.8, 0, 2)
    truth = np.where(truth < 128, 0, 255).astype(np.uint8)
    image = np.clip(truth * 0.5 + 70 + rng.normal(0, 12, truth.shape), 0, 255).astype(np.uint8)
    return np.repeat(image[:, :, None], 3, axis=2), truth


def write_contests(root: Path) -> None:
    """Write one page for each of LAYOUTS; the page of layout i is draw_page(i)."""
    for seed, (name, (image_path, truth_path)) in enumerate(LAYOUTS.items()):
        image, truth = draw_page(seed)
        files = {image_path: image, truth_path: truth}
        if "{}" in image_path:  # one file per band, the second to the fourth of them blue, green and red
            bands = np.repeat(image[:, :, :1], 8, axis=2) // np.arange(1, 9, dtype=np.uint8)
            files = {image_path.format(i + 1): bands[:, :, i] for i in range(8)} | {truth_path: truth // 255}
        for path, pixels in files.items():
            target = root / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(target), pixels)
