"""The paper's tables, measured again: which cells there are, that finished ones are kept, and the report."""

import dataclasses
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from dbram_baseline import reproduce
from dbram_baseline.data.fingerprint import fingerprint
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.systems import ORACLE
from dbram_baseline.evaluation.values import Interval, MetricValues
from dbram_baseline.reproduction.cell import Cell, MissingCell
from dbram_baseline.reproduction.config import ReproduceConfig
from dbram_baseline.reproduction.experiments import YEARS, list_cells
from dbram_baseline.reproduction.published import load_published
from dbram_baseline.reproduction.results import CellResult, ResultStore
from dbram_baseline.reproduction.runner import Runner
from dbram_baseline.training.config import Config

NO_SETS = dict.fromkeys(("sub_en", "sub_zh", "dibco", "plm", "istd"))
CONFIG = ReproduceConfig(
    out=Path("out"), quick=False, seed=0, preset="paper", pages_preset="pages", steps=None, epochs=None, limit=0,
    pages=0, lines=500, reader="rapidocr", device="cpu", sets=NO_SETS,
)  # fmt: skip


def cells_of(contests):
    return list(list_cells(dataclasses.replace(CONFIG, sets=NO_SETS | {"dibco": str(contests)})))


def trained_on_pages(cells):
    return [c for c in cells if isinstance(c, Cell) and "dibco" in c.trained_on]


def test_no_network_is_trained_on_its_own_year_or_on_a_test_year(contests):
    (contests / "2014").mkdir()
    cells = cells_of(contests)
    others = {year: "+".join(y for y in ("2009", "2010", "2011", "2013") if y != year) for year in YEARS}
    expected = {
        ("4", y): f"dibco:{contests}:{others[y]}+Bickley+PHIBD2012+S_MSI_1"
        for y in ("2009", "2010", "2011", "2013", "2014", "2016")
    }
    trained_on = {(c.table, c.column): c.trained_on for c in trained_on_pages(cells)}
    assert trained_on == expected | {("2", "hdibco_16"): expected["4", "2016"]}
    missing = {(m.column, m.why) for m in cells if isinstance(m, MissingCell) and m.table == "4"}
    assert missing == {("2012", "no folder of sets is of 2012")}


def test_the_year_is_found_in_any_folder_name_or_the_folder_is_rejected(contests):
    for old, new in (("2016", "HDIBCO16"), ("2011", "DIBCO11-handwritten")):
        (contests / old).rename(contests / new)
    cells = cells_of(contests)
    trained = trained_on_pages(cells)
    assert len(trained) > 12 and not any("16" in c.trained_on.rpartition(":")[2] for c in trained)
    measured_on = {c.measured_on for c in cells if isinstance(c, Cell) and c.column == "2016"}
    assert measured_on == {f"dibco:{contests}:HDIBCO16"}
    assert all("DIBCO11" not in c.trained_on for c in trained if c.column == "2011")
    (contests / "all").mkdir()
    with pytest.raises(BaselineError, match="'all' names neither a contest's year"):
        cells_of(contests)


def test_all_systems_of_the_paper_are_measured_and_cyclegan_has_a_quarter():
    cells = list(list_cells(dataclasses.replace(CONFIG, epochs=40)))
    published = load_published()
    trained = {c.system: c for c in cells if isinstance(c, Cell) and c.column == "sub_en"}
    assert {row.system for row in published.table_2} < set(trained)
    assert trained["dbram"].config.epochs == 40 and trained["cyclegan"].config.epochs == 10
    assert trained["pix2pix"].config.l1 == 100 and trained["dbram"].preset == "paper"
    systems = {m.system for m in cells if isinstance(m, MissingCell) and m.table == "4"}
    assert {row.system for row in published.table_4} - {None} < systems
    assert len({c.name for c in cells}) == len(cells)


def test_the_interval_is_that_of_student():
    """Of 1, 2 and 3 the mean is 2, the deviation 1; the 97.5 % point of t with 2 degrees of freedom is 4.3027."""
    interval = Interval.of(np.array([1.0, 2.0, 3.0, np.nan]))
    half = 4.302653 / 3**0.5
    assert interval.mean == 2 and interval.high - 2 == pytest.approx(half) == pytest.approx(2 - interval.low)
    assert Interval.of(np.array([1.0])) == Interval(1.0, None, None)
    assert Interval.of(np.array([np.nan])) == Interval(None, None, None)


def test_results_survive_json():
    cell = Cell("2", "sub_en", "dbram", "sub_en", "test", 3, True, 1, "sub_en", "quick", config=Config(steps=7))
    values = {"psnr": Interval(1.5, 1.0, 2.0), "ssim": Interval(None)}
    for result in (
        CellResult(cell, values, 3, 0.5, "commit", "machine", {"sub_en": "0" * 12}),
        CellResult(dataclasses.replace(cell, trained_on="", config=None), values, 3, 0.5, "commit", "machine", {}),
    ):
        assert CellResult.from_json(json.loads(json.dumps(result.to_json()))) == result


@pytest.fixture
def arguments(small_set, contests):
    arguments = ["--quick", "--sub-en", small_set, "--sub-zh", small_set, "--dibco", contests, "--n", 3, "--pages", 1]
    arguments += ["--lines", 2, "--device", "cpu", "--out", "out"]
    for system in ("dbram", "fcn", "otsu", f"otsu{ORACLE}"):
        arguments += ["--system", system]
    for column in ("sub_en", "2013", "sub_en/test"):
        arguments += ["--column", column]
    return arguments


@pytest.fixture
def invoke(arguments, tmp_path, monkeypatch):
    """Run the command in this process, with `arguments` and more."""
    monkeypatch.chdir(tmp_path)

    def run(*more):
        return CliRunner().invoke(reproduce.command, [str(a) for a in (*arguments, *more)], catch_exceptions=False)

    return run


def test_a_stopped_report_resumes_and_finished_cells_are_kept(invoke, arguments, contests, tmp_path, monkeypatch):
    measure, measured = Runner.measure, []

    def interrupted_at_the_third(self, cell):
        measured.append(cell.name)
        if len(measured) == 3:
            raise KeyboardInterrupt
        return measure(self, cell)

    monkeypatch.setattr(Runner, "measure", interrupted_at_the_third)
    assert invoke("--steps", 4).exit_code != 0
    stored = {p.name: p.read_bytes() for p in (tmp_path / "out/cells").glob("*.json")}
    assert set(stored) == {f"{name}.json" for name in measured[:2]} and not (tmp_path / "out/report.md").exists()
    result = invoke("--steps", 4)
    assert result.exit_code == 0, result.output
    assert len(measured) == len(set(measured)) + 1  # only the third twice
    assert all((tmp_path / "out/cells" / name).read_bytes() == before for name, before in stored.items())
    _check_report(tmp_path / "out")
    # Repeating the command measures nothing; results with other hyperparameters are not reused.
    assert " 0 to measure" in invoke("--steps", 4).output and len(measured) == len(set(measured)) + 1
    with pytest.raises(BaselineError, match="was measured with steps 4, now 8; name another --out"):
        invoke("--steps", 8)
    with pytest.raises(BaselineError, match="was measured with seed 0, now 1"):
        invoke("--steps", 4, "--seed", 1)
    # A set that is no longer named is still reported; one that has changed is not used.
    position = arguments.index("--dibco")
    del arguments[position : position + 2]
    assert invoke("--steps", 4, "--column", "sub_en").exit_code == 0
    assert MEASURED_ON in (tmp_path / "out/report.md").read_text()
    arguments[position:position] = ["--dibco", contests]
    (contests / "2013/OriginalImages/more.bmp").write_bytes(b"more")
    with pytest.raises(BaselineError, match=r"was measured when dibco:.*:2013 had other data; name another --out"):
        invoke("--steps", 4)
    # Nor is a training with other hyperparameters used for a new cell.
    for path in (tmp_path / "out/cells").glob("*.json"):
        path.unlink()
    with pytest.raises(
        BaselineError, match="the first is 2-sub_en-dbram: --steps is 8, but the run was started with 4"
    ):
        invoke("--steps", 8, "--table", "2")


MEASURED_ON = (
    "quick: dibco:sets:2013, 1 images; trained on dibco:sets:2009+2010+2011+Bickley+PHIBD2012+S_MSI_1: "
    "4 steps of 2, width 8, seed 0"
)


def _check_report(out):
    """Each cell records what it was measured on, with what, and where."""
    record = json.loads((out / "report.json").read_text())
    cell = next(c for c in record["cells"] if c["cell"]["data"] == "2013" and c["cell"]["system"] == "fcn")
    assert cell["cell"]["trained_on"].endswith(":2009+2010+2011+Bickley+PHIBD2012+S_MSI_1")
    assert cell["cell"]["config"]["steps"] == 4
    names = {cell["cell"][key] for key in ("measured_on", "trained_on")}
    assert cell["data"] == {name: fingerprint(DataRef.parse(name)) for name in names}
    assert cell["n"] == 1 and cell["commit"] and "torch" in cell["machine"] and cell["values"]["f_measure"]["mean"] >= 0
    assert {m["data"] for m in record["not_measured"]} >= {"plm", "2012", "istd"}
    report = (out / "report.md").read_text()
    assert MEASURED_ON in report
    # Published figures are in a column of their own.
    assert "PSNR 37.87, SSIM 0.9886 |" in report and "PSNR 34.19, SSIM 0.9145, SSIM error share 0.196 |" in report
    assert "| the contest's winning system | –" in report and "FM 92.7 | published: the paper's Table 4" in report
    assert "FM 92.7, P-FM 93.19, PSNR 21.29, DRD 3.18 | published: the contests' reports" in report
    assert "figure is not at hand" not in report and "CTB" not in report
    share = next(c for c in record["cells"] if c["cell"]["table"] == "2")["values"]["ssim_error_share"]
    assert 0 < share["low"] < share["mean"] < share["high"]
    for name in ("table-2.png", "table-4.png", "table-5.png"):
        assert np.ptp(cv2.imread(str(out / name))) > 100


def test_removed_data_keeps_its_results_and_changed_data_does_not(tmp_path):
    data = tmp_path / "data/sub_en"
    data.mkdir(parents=True)
    (data / "manifest.json").write_text("before")
    store = ResultStore(tmp_path / "cells")
    cell = Cell("2", "sub_en", "otsu", str(data), "test", 2, True, 0)
    samples = np.zeros((2, 2, 3), np.uint8)
    result = store.save(cell, MetricValues({"psnr": np.ones(2)}), samples, 1.0, torch.device("cpu"))
    data.rename(tmp_path / "data/away")
    assert store.load(cell) == result
    data.mkdir()
    (data / "manifest.json").write_text("after")
    with pytest.raises(BaselineError, match=r"sub_en had other data; name another --out, or remove it"):
        store.load(cell)


def test_unknown_names_and_missing_readers_are_reported(invoke, tmp_path, monkeypatch):
    with pytest.raises(BaselineError, match="--column '1066' does not exist; choose from 2009, "):
        invoke("--column", "1066")
    with pytest.raises(BaselineError, match="--plm nowhere: no such folder"):
        invoke("--plm", "nowhere")
    with pytest.raises(BaselineError, match="--system 'dbrm' does not exist; choose from all-white, "):
        invoke("--system", "dbrm")
    # A reader that is not installed affects only its own cells.
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    result = invoke("--table", "5", "--steps", 4)
    assert result.exit_code == 0 and "5-sub_en_test-dbram: not measured" in result.output
    assert "pip install '.[ocr]'" in (tmp_path / "out/report.md").read_text()
