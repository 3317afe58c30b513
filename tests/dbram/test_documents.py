"""Pages in the folder layouts of the contests, patches, and training on some years with a score on another."""

import cv2
import numpy as np
import pytest
from contest_pages import LAYOUTS, draw_page

from dbram_baseline.data import dibco
from dbram_baseline.data.documents import load_pages
from dbram_baseline.data.pages import Page, cut_patches
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError
from dbram_baseline.training.config import build_config
from dbram_baseline.training.loop import train


def load(name, split="test"):
    return load_pages(DataRef.parse(name), split)


def test_each_layout_is_read(contests):
    pages = load(f"dibco:{contests}")
    assert [p.name for p in pages] == [
        "2009/H01", "2010/H05", "2011/HW1", "2013/PR08", "2016/7", "Bickley/page1", "PHIBD2012/Persian01",
        "S_MSI_1/z97",
    ]  # fmt: skip
    for seed, page in enumerate(pages):
        image, truth = draw_page(seed)
        bands = image // np.array([4, 3, 2], np.uint8)
        assert np.array_equal(page.image, bands if page.name == "S_MSI_1/z97" else image)
        assert np.array_equal(page.truth, truth)


def test_words_select_and_exclude_folders(contests):
    assert [p.name for p in load(f"dibco:{contests}:2013+2009")] == ["2009/H01", "2013/PR08"]
    others = load(f"dibco:{contests}:-200+-2010+-2011+-2013+-2016")
    assert [p.name for p in others] == ["Bickley/page1", "PHIBD2012/Persian01", "S_MSI_1/z97"]
    (contests / "2009-more").mkdir()  # the folder with exactly the name is selected alone
    assert [f.name for f in dibco.select_folders(DataRef.parse(f"dibco:{contests}:2009"))] == ["2009"]
    with pytest.raises(BaselineError, match="no split 'typo'; choose pages by words"):
        load(f"dibco:{contests}", "typo")


def test_only_contests_have_a_year(contests):
    (contests / "DIBCO2012").mkdir()
    years = dibco.contest_years(contests)
    assert [years[k] for k in ("2009", "DIBCO2012", "PHIBD2012", "Bickley", "S_MSI_1")] == ["2009", "2012", "", "", ""]


@pytest.mark.parametrize(
    ("name", "scheme", "path", "words", "short"),
    [
        ("runs/sub_en", "set", "runs/sub_en", (), "runs/sub_en"),
        ("/data/sub_en", "set", "/data/sub_en", (), "sub_en"),
        ("user/set", "set", "user/set", (), "user/set"),
        ("render:zh", "render", "zh", (), "render:zh"),
        ("render:film_en", "render", "film_en", (), "render:film_en"),
        ("dibco:/data/pages", "dibco", "/data/pages", (), "dibco:pages"),
        ("dibco:/data/pages:2009+-2013", "dibco", "/data/pages", ("2009", "-2013"), "dibco:pages:2009+-2013"),
        ("plm:/data/a:b", "plm", "/data/a:b", (), "plm:a:b"),
        ("C:/sub_en", "set", "C:/sub_en", (), "C:/sub_en"),
    ],
)
def test_references_are_parsed(name, scheme, path, words, short):
    ref = DataRef.parse(name)
    assert (ref.name, ref.scheme, ref.path, ref.words, ref.short_name) == (name, scheme, path, words, short)


def test_lists_of_references():
    assert [r.name for r in DataRef.parse_list("sub_en,dibco:p:2009")] == ["sub_en", "dibco:p:2009"]
    assert [r.path for r in DataRef.parse_list("render:en,zh")] == ["en,zh"]


def test_grey_truths_are_thresholded_at_the_middle(contests):
    path = contests / "Bickley" / LAYOUTS["Bickley"][1]
    cv2.imwrite(str(path), np.array([[0, 100, 127, 128, 190, 255]] * 300, np.uint8).repeat(2, axis=1))
    cv2.imwrite(str(contests / "Bickley" / LAYOUTS["Bickley"][0]), np.zeros((300, 12, 3), np.uint8))
    assert load(f"dibco:{contests}:Bickley")[0].truth[0, ::2].tolist() == [0, 0, 0, 255, 255, 255]


def test_patches_cover_every_pixel():
    page = Page("a", *draw_page(1, 600, 300))
    small = Page("b", *draw_page(2, 100, 400))
    images, truths = cut_patches([page, small])
    assert images.shape == (3 * 2 + 1 * 2, 256, 256, 3) and truths.shape == (8, 256, 256)
    joined = np.zeros(page.truth.shape, np.uint8)
    for i, top in enumerate((0, 256, 344)):
        for j, left in enumerate((0, 44)):
            joined[top : top + 256, left : left + 256] = truths[2 * i + j]
    assert np.array_equal(joined, page.truth)
    assert np.array_equal(truths[6][:100], small.truth[:, :256]) and (truths[6][100:] == truths[6][99]).all()


def test_missing_files_are_reported(contests, tmp_path, command):
    with pytest.raises(BaselineError, match="unpack each"):
        load(f"dibco:{tmp_path}/nowhere")
    with pytest.raises(BaselineError, match="'2014' in its name; it has 2009, 2010"):
        load(f"dibco:{contests}:2014")
    (contests / "2011" / LAYOUTS["2011"][1]).unlink()
    with pytest.raises(BaselineError, match="has no ground truth beside it"):
        load(f"dibco:{contests}")
    process = command("train", "--data", f"dibco:{tmp_path}/nowhere", "--preset", "ci")
    assert process.returncode == 2 and len(process.stderr.splitlines()) == 1 and "unpack each" in process.stderr
    (contests / "2016/other").mkdir()
    (contests / "2016/other/7.bmp").write_bytes(b"")
    with pytest.raises(BaselineError, match="have the same name"):
        load(f"dibco:{contests}:2016")


def test_training_on_some_years_and_scoring_on_another(contests, tmp_path, command):
    overrides = {"width": 4, "norm": "instance", "batch": 1, "crop": 0, "steps": 3, "validation": 4}
    train(build_config("ci", overrides), f"dibco:{contests}:2009+2010+2011", "ci", tmp_path / "run")
    process = command(
        "score", "--data", f"dibco:{contests}:2013", "--checkpoint", "run/last.safetensors", "--method", "otsu"
    )
    assert process.returncode == 0, process.stderr
    assert "whole pages: 1 pairs" in process.stdout and "otsu, raw" in process.stdout
