"""Pages of the contests, as their authors lay them out; patches; and the way from training to a score."""

import cv2
import numpy as np
import pytest
from dbram.conftest import LAYOUTS, drawn

from dbram_baseline.data import dibco
from dbram_baseline.data import sources as data
from dbram_baseline.data.pages import Page, patches
from dbram_baseline.errors import BaselineError
from dbram_baseline.train import train
from dbram_baseline.training.config import config


def test_each_layout_is_read(contests):
    pages = data.pages(f"dibco:{contests}", "test")
    assert [p.name for p in pages] == [
        "2009/H01", "2010/H05", "2011/HW1", "2013/PR08", "2016/7", "Bickley/page1", "PHIBD2012/Persian01",
        "S_MSI_1/z97",
    ]  # fmt: skip
    for seed, page in enumerate(pages):
        image, truth = drawn(seed)
        bands = image // np.array([4, 3, 2], np.uint8)
        assert np.array_equal(page.image, bands if page.name == "S_MSI_1/z97" else image)
        assert np.array_equal(page.truth, truth)
    chosen = data.pages(f"dibco:{contests}:2013+2009", "test")
    assert [p.name for p in chosen] == ["2009/H01", "2013/PR08"]
    left = data.pages(f"dibco:{contests}:-200+-2010+-2011+-2013+-2016", "test")
    assert [p.name for p in left] == ["Bickley/page1", "PHIBD2012/Persian01", "S_MSI_1/z97"]
    (contests / "DIBCO2012").mkdir()
    told = dibco.sets(contests)  # PHIBD2012 is no contest's
    assert [told[k] for k in ("2009", "DIBCO2012", "PHIBD2012", "Bickley", "S_MSI_1")] == ["2009", "2012", "", "", ""]
    (contests / "2009-more").mkdir()  # a folder that is called just so is taken alone
    assert [f.name for f in dibco.chosen(f"{contests}:2009")] == ["2009"]
    with pytest.raises(BaselineError, match="no split 'typo'; choose pages by words"):
        data.pages(f"dibco:{contests}", "typo")


def test_grey_truths_are_cut_in_the_middle(contests):
    path = contests / "Bickley" / LAYOUTS["Bickley"][1]
    cv2.imwrite(str(path), np.array([[0, 100, 127, 128, 190, 255]] * 300, np.uint8).repeat(2, axis=1))
    cv2.imwrite(str(contests / "Bickley" / LAYOUTS["Bickley"][0]), np.zeros((300, 12, 3), np.uint8))
    assert data.pages(f"dibco:{contests}:Bickley", "test")[0].truth[0, ::2].tolist() == [0, 0, 0, 255, 255, 255]


def test_patches_cover_every_pixel():
    page = Page("a", *drawn(1, 600, 300))
    small = Page("b", *drawn(2, 100, 400))
    images, truths = patches([page, small])
    assert images.shape == (3 * 2 + 1 * 2, 256, 256, 3) and truths.shape == (8, 256, 256)
    whole = np.zeros(page.truth.shape, np.uint8)
    for i, top in enumerate((0, 256, 344)):
        for j, left in enumerate((0, 44)):
            whole[top : top + 256, left : left + 256] = truths[2 * i + j]
    assert np.array_equal(whole, page.truth)
    assert np.array_equal(truths[6][:100], small.truth[:, :256]) and (truths[6][100:] == truths[6][99]).all()


def test_what_is_missing_is_told(contests, tmp_path, command):
    with pytest.raises(BaselineError, match="unpack each"):
        data.pages(f"dibco:{tmp_path}/nowhere", "test")
    with pytest.raises(BaselineError, match="'2014' in its name; it has 2009, 2010"):
        data.pages(f"dibco:{contests}:2014", "test")
    (contests / "2011" / LAYOUTS["2011"][1]).unlink()
    with pytest.raises(BaselineError, match="has no ground truth beside it"):
        data.pages(f"dibco:{contests}", "test")
    done = command("train", "--data", f"dibco:{tmp_path}/nowhere", "--preset", "ci")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "unpack each" in done.stderr
    (contests / "2016/other").mkdir()
    (contests / "2016/other/7.bmp").write_bytes(b"")
    with pytest.raises(BaselineError, match="have one name"):
        data.pages(f"dibco:{contests}:2016", "test")


def test_trained_on_some_years_and_scored_on_another(contests, tmp_path, command):
    given = {"width": 4, "norm": "instance", "batch": 1, "crop": 0, "steps": 3, "validation": 4}
    train(config("ci", given), f"dibco:{contests}:2009+2010+2011", "ci", tmp_path / "run")
    done = command(
        "score", "--data", f"dibco:{contests}:2013", "--checkpoint", "run/last.safetensors", "--method", "otsu"
    )
    assert done.returncode == 0, done.stderr
    assert "whole pages: 1 pairs" in done.stdout and "otsu, raw" in done.stdout
