"""A real text reader on rendered lines, and edit distances calculated by hand."""

import json
import sys

import numpy as np
import pytest

from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.eval_set import load_eval_set
from dbram_baseline.evaluation.readers import READERS
from dbram_baseline.evaluation.reading import CHECKPOINT, TRUTH, VERSIONS, images_to_read, reading_values
from dbram_baseline.evaluation.systems import UNCHANGED


def test_distances_by_hand():
    values = reading_values(["kitten", "", "same  line", "ＡＢＣ"], ["sitting", "abc", "same line ", "ABC"])
    assert values["edit distance"].tolist() == [3, 3, 0, 0] and values["lines right"].tolist() == [0, 0, 1, 1]
    assert values["normalised"] == pytest.approx([3 / 7, 3 / 3, 0, 0])


def test_the_ground_truth_is_read_best(command, small_set, tmp_path):
    """The ceiling of the table: PP-OCR reads nearly all of the ground truth."""
    process = command("ocr", "--data", small_set, "--split", "test", "--n", 12, "--out", "ocr.json")
    assert process.returncode == 0, process.stderr
    rows = {r["method"]: r for r in json.loads((tmp_path / "ocr.json").read_text())["rows"]}
    assert set(rows) == set(VERSIONS) - {CHECKPOINT}
    assert rows[TRUTH]["normalised"] < 0.1 < rows["otsu, raw"]["normalised"]
    assert all(r["n"] == 12 for r in rows.values())
    assert "| sub_en | binarized by DB-RAM | 0.53 | 0.02 |" in process.stdout and "Table 5" in process.stdout


def test_the_images_that_are_read(small_set):
    eval_set = load_eval_set(DataRef.parse(str(small_set)), "test", 3)
    greys = eval_set.truths / np.float32(255)
    assert np.array_equal(images_to_read(UNCHANGED, eval_set), eval_set.images)
    for version in (TRUTH, CHECKPOINT):
        for image, truth in zip(images_to_read(version, eval_set, greys), eval_set.truths, strict=True):
            assert np.array_equal(image, np.repeat(truth[:, :, None], 3, axis=2))


def test_missing_readers_are_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    cures = {
        "rapidocr": r"pip install '\.\[ocr\]'",
        "tesseract": "install tesseract-ocr",
        "google": "GOOGLE_APPLICATION_CREDENTIALS",
    }
    for name, reader in READERS.items():
        with pytest.raises(BaselineError, match=cures[name]):
            reader(False)
