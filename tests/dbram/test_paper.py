"""The paper's figures: complete, as printed, and the share of structural error that follows from them."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from dbram_baseline.evaluation.eval_set import EvalSet
from dbram_baseline.evaluation.evaluate import evaluate
from dbram_baseline.evaluation.metrics import ERROR_SHARE, ssim, ssim_error_share
from dbram_baseline.evaluation.values import Score
from dbram_baseline.reproduction.experiments import PAPER_SYSTEMS, YEARS
from dbram_baseline.reproduction.published import PAPER, beside_table_2, load_published, table_5

PAGE = Path(__file__).resolve().parents[3] / "shared/design/paper.md"  # the paper's tables, copied by hand
SOURCE = "the paper's Table 4"
COLUMNS = {"Sub_Ch": "sub_zh", "Sub_En": "sub_en", "HDIBCO-16": "hdibco_16", "PLM": "plm"}
SYSTEMS = {
    "Pix2Pix": "pix2pix", "CycleGAN": "cyclegan", "Non-local": "nonlocal", "Only-LSTM (1-D)": "only-lstm",
    "Non-local + Bi-LSTM": "nonlocal-bilstm", "DB-RAM": "dbram",
}  # fmt: skip
# SHA-256 of the figures of the paper's own tables, as `figures()` gives them.
CHECKSUM = "b45b48ee3c08b43dcced4cb2d868d6a314a9103ce77ce058a1068e0cdb0f0172"


def record():
    return json.loads(PAPER.read_text(encoding="utf-8"))


def figures():
    """Every figure of the paper's own tables by its table, row and column; a cell without one is absent."""
    paper = record()
    result = {}
    for system, row in paper["table_2"]["rows"].items():
        for column in COLUMNS.values():
            result[f"2 {system} {column}"] = [row[column]["psnr"], row[column]["ssim"]]
    for row in paper["table_4"]["rows"]:
        if row["source"] == SOURCE:
            for year, cell in row["years"].items():
                assert set(cell) <= {"f_measure", "pfm"}
                result[f"4 {row['name'].partition(' (')[0]} {year}"] = [cell["f_measure"], cell.get("pfm")]
    for column in ("sub_zh", "sub_en"):
        for version, pair in paper["table_5"][column].items():
            result[f"5 {column} {version}"] = pair
    return result


def tables_of_the_page():
    """The rows of each table of the page, by the table's number: lists of cells, the header first."""
    sections = re.split(r"^## Table (\d)", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    tables = {}
    for number, text in zip(sections[::2], sections[1::2], strict=True):
        lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("|")]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        tables[number] = [row for row in rows if set(row[0]) != {"-"}]
    return tables


def pair_of(cell):
    """Two numbers of a cell "91.24 / -"; None where there is no number."""
    return [float(part) if re.fullmatch(r"[\d.]+", part) else None for part in cell.split(" / ")]


@pytest.mark.skipif(not PAGE.exists(), reason="extra: needs the page with the paper's tables beside the checkout")
def test_each_cell_is_that_of_the_page():
    tables, expected = tables_of_the_page(), {}
    header, *rows = tables["2"]
    for name, *cells in rows:
        for system, cell in zip(header[1:], cells, strict=True):
            expected[f"2 {SYSTEMS[system]} {COLUMNS[name]}"] = pair_of(cell)
    header, *rows = tables["4"]
    assert tuple(header[1:]) == YEARS
    for name, *cells in rows:
        row = name.partition(" (")[0].replace("contest's", "the contest's")
        expected |= {f"4 {row} {year}": pair_of(cell) for year, cell in zip(YEARS, cells, strict=True)}
    for name, before, after in tables["5"][1:]:
        column = {"Chinese": "sub_zh", "English": "sub_en"}[name]
        expected[f"5 {column} images as they are"], expected[f"5 {column} dbram"] = pair_of(before), pair_of(after)
    assert len(expected) == 24 + 21 + 4
    assert figures() == expected


def test_the_figures_are_unchanged():
    """The checksum was taken when they equalled the page, which is not part of the package."""
    assert hashlib.sha256(json.dumps(figures(), sort_keys=True).encode()).hexdigest() == CHECKSUM


def test_no_cell_is_empty_and_no_row_is_invented():
    assert "null" not in json.dumps(record()["table_2"])
    assert tuple(record()["table_2"]["rows"]) == PAPER_SYSTEMS
    names = [row.name for row in load_published().table_4]
    assert not {"CTB", "MRF"} & set(names) and len(set(names)) == len(names)
    assert all(set(row.years) == set(YEARS) for row in load_published().table_4)


def test_error_share_of_the_paper():
    published = load_published()
    shares = {system: published.error_share("sub_zh", system) for system in PAPER_SYSTEMS}
    assert shares["nonlocal-bilstm"] == 0.096 == min(shares.values())
    assert shares["dbram"] == 0.196 and shares["cyclegan"] == 1
    assert published.error_share("plm", "dbram") == round((1 - 0.8735) / (1 - 0.7764), 3)
    # On the other two sets no output of the paper is all white.
    assert published.error_share("sub_en", "dbram") is None
    assert published.figures("2", "sub_zh", "dbram")[ERROR_SHARE] == 0.196
    assert ERROR_SHARE not in published.figures("2", "hdibco_16", "dbram")


def test_error_share_of_a_set_is_that_of_the_mean_ssim():
    """Also of pages of different sizes; a white page is 1, the ground truth 0."""
    rng = np.random.default_rng(0)
    truths = [np.where(rng.random((h, 40)) < p, 0, 255).astype(np.uint8) for h, p in ((32, 0.05), (24, 0.3), (30, 0.1))]
    images = [np.repeat(t[:, :, None], 3, axis=2) for t in truths]
    outputs = [np.clip(t / 255 + rng.normal(0, 0.2, t.shape), 0, 1).astype(np.float32) for t in truths]
    eval_set = EvalSet(images, truths)
    means = evaluate(eval_set, outputs).means()
    white = np.mean([ssim(np.ones(t.shape), t / 255) for t in truths])
    assert eval_set.all_white_ssim == pytest.approx(white)
    assert means[ERROR_SHARE] == pytest.approx((1 - means["ssim"]) / (1 - white))
    assert means[ERROR_SHARE] == pytest.approx(ssim_error_share(means["ssim"], white))
    whites = evaluate(eval_set, [np.ones(t.shape, np.float32) for t in truths])
    assert whites.means()[ERROR_SHARE] == pytest.approx(1)
    perfect = evaluate(eval_set, [t.astype(np.float32) / 255 for t in truths])
    assert perfect.means()[ERROR_SHARE] == pytest.approx(0, abs=1e-9)


def test_a_set_without_text_has_no_error_share():
    truth = np.full((1, 32, 40), 255, np.uint8)
    values = evaluate(EvalSet(np.repeat(truth[..., None], 3, axis=3), truth), np.ones((1, 32, 40), np.float32))
    assert np.isnan(values.means()[ERROR_SHARE]) and values.intervals()[ERROR_SHARE].mean is None


def test_the_tables_as_text_are_complete():
    means = {"ssim": 0.9, ERROR_SHARE: 0.25, "psnr": 15.0, "psnr_uint8_wrap": 36.0}
    text = beside_table_2([Score("ours", means)])
    assert "| DB-RAM | 34.19 / 0.9145 (0.196) | 37.87 / 0.9886 |" in text
    assert "| ours (ours) |  |  | 0.900 | 0.250 | 15.00 | 36.00 |" in text
    assert "at hand" not in text + table_5() and "| sub_en | binarized by DB-RAM | 0.53 | 0.02 |" in table_5()
