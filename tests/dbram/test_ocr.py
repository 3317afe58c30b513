"""A real reader on rendered lines, and the distances by hand."""

import json
import sys

import numpy as np
import pytest

from dbram_baseline import ocr
from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError


def test_distances_by_hand():
    told = ocr.distances(["kitten", "", "same  line", "ＡＢＣ"], ["sitting", "abc", "same line ", "ABC"])
    assert told["edit distance"].tolist() == [3, 3, 0, 0] and told["lines right"].tolist() == [0, 0, 1, 1]
    assert told["normalised"] == pytest.approx([3 / 7, 3 / 3, 0, 0])


def test_the_ground_truth_is_read_and_thresholds_are_behind(command, small_set, tmp_path):
    """The ceiling of the table: PP-OCR reads nearly all of the ground truth."""
    done = command("ocr", "--data", small_set, "--split", "test", "--n", 12, "--out", "ocr.json")
    assert done.returncode == 0, done.stderr
    rows = {r["method"]: r for r in json.loads((tmp_path / "ocr.json").read_text())["rows"]}
    assert set(rows) == {
        "images as they are", "ground truth", "otsu, raw", "otsu, oracle polarity", "sauvola, raw",
        "sauvola, oracle polarity",
    }  # fmt: skip
    assert rows["ground truth"]["normalised"] < 0.1 < rows["otsu, raw"]["normalised"]
    assert all(r["n"] == 12 for r in rows.values())
    assert "| sub_en | binarized by DB-RAM | 0.53 | 0.02 |" in done.stdout and "Table 5" in done.stdout


def test_what_is_read_is_what_is_shown(small_set):
    images, truths = data.decoded(str(small_set), "test", most=3)
    for i in range(3):
        assert np.array_equal(ocr.version(ocr.AS_THEY_ARE, images, truths)[i], images[i])
        assert np.array_equal(ocr.version(ocr.TRUTH, images, truths)[i], np.repeat(truths[i][:, :, None], 3, axis=2))
        found = ocr.version(ocr.CHECKPOINT, images, truths, truths / 255)
        assert np.array_equal(found[i][:, :, 0], truths[i])


def test_readers_that_are_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    for reader, cure in (("rapidocr", r"pip install '\.\[ocr\]'"), ("tesseract", "install tesseract-ocr")):
        with pytest.raises(BaselineError, match=cure):
            ocr.READERS[reader](False)
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(BaselineError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        ocr.READERS["google"](False)
