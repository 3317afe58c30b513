"""The paper's tables anew: which cells there are, that finished ones are kept, and what the report says."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from dbram_baseline import reproduce
from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError
from dbram_baseline.reproduction import results as cells
from dbram_baseline.reproduction import runner as bench
from dbram_baseline.reproduction.experiments import POLARITY, YEARS, Order, agenda
from dbram_baseline.reproduction.results import Cell, Missing
from dbram_baseline.score import PAPER

SETS = dict.fromkeys(("sub_en", "sub_zh", "dibco", "plm", "istd"))


def order(**given):
    base = Order(Path("out"), False, 0, "paper", "pages", None, None, 0, 0, 500, "rapidocr", "cpu", SETS)
    return dataclasses.replace(base, **given)


def test_no_run_sees_the_year_that_it_is_scored_on_nor_a_test_year(contests):
    (contests / "2014").mkdir()
    found = list(agenda(order(sets=SETS | {"dibco": str(contests)})))
    runs = {(c.table, c.data): c.trained_on for c in found if isinstance(c, Cell) and "dibco" in c.trained_on}
    more = "Bickley+PHIBD2012+S_MSI_1"
    left = {year: "+".join(y for y in ("2009", "2010", "2011", "2013") if y != year) for year in YEARS}
    expected = {
        ("4", y): f"dibco:{contests}:{left[y]}+{more}" for y in ("2009", "2010", "2011", "2013", "2014", "2016")
    }
    assert runs == expected | {("2", "hdibco_16"): expected["4", "2016"]}
    why = {(m.data, m.why) for m in found if isinstance(m, Missing) and m.table == "4"}
    assert why == {("2012", "no folder of sets is of 2012")}


def test_whatever_folders_are_called_their_year_is_known_or_they_are_refused(contests):
    for old, new in (("2016", "HDIBCO16"), ("2011", "DIBCO11-handwritten")):
        (contests / old).rename(contests / new)
    found = [c for c in agenda(order(sets=SETS | {"dibco": str(contests)})) if isinstance(c, Cell)]
    trained = [c for c in found if "dibco" in c.trained_on]
    assert len(trained) > 12 and not any("16" in c.trained_on.rpartition(":")[2] for c in trained)
    assert {c.measured_on for c in found if c.data == "2016"} == {f"dibco:{contests}:HDIBCO16"}
    assert all("DIBCO11" not in c.trained_on for c in trained if c.data == "2011")
    (contests / "all").mkdir()
    with pytest.raises(BaselineError, match="'all' is no folder of a contest's year"):
        list(agenda(order(sets=SETS | {"dibco": str(contests)})))


def test_all_systems_of_the_paper_are_there_and_cyclegan_has_a_quarter():
    found = list(agenda(order(epochs=40)))
    told = json.loads(PAPER.read_text())
    trained = {c.system: c for c in found if isinstance(c, Cell) and c.data == "sub_en"}
    assert set(told["table_2"]["rows"]) < set(trained)
    assert trained["dbram"].config["epochs"] == 40 and trained["cyclegan"].config["epochs"] == 10
    assert trained["pix2pix"].config["l1"] == 100 and trained["dbram"].preset == "paper"
    systems = {m.system for m in found if isinstance(m, Missing) and m.table == "4"}
    assert {row["of"] for row in told["table_4"]["rows"]} - {None} < systems
    assert len({c.name for c in found if isinstance(c, Cell)}) == sum(isinstance(c, Cell) for c in found)


def test_an_interval_is_student_s():
    """Of 1, 2 and 3 the mean is 2, the deviation 1; the 97.5 % point of t with 2 degrees is 4.3027."""
    told = cells.interval(np.array([1.0, 2.0, 3.0, np.nan]))
    assert told["mean"] == 2 and told["high"] - 2 == pytest.approx(4.302653 / 3**0.5) == pytest.approx(2 - told["low"])
    assert cells.interval(np.array([1.0])) == {"mean": 1.0, "low": None, "high": None}
    assert cells.interval(np.array([np.nan])) == {"mean": None, "low": None, "high": None}


@pytest.fixture
def given(small_set, contests):
    given = ["--quick", "--sub-en", small_set, "--sub-zh", small_set, "--dibco", contests, "--n", 3, "--pages", 1]
    given += ["--lines", 2, "--device", "cpu", "--out", "out"]
    for system in ("dbram", "fcn", "otsu", f"otsu{POLARITY}"):
        given += ["--system", system]
    for column in ("sub_en", "2013", "sub_en/test"):
        given += ["--column", column]
    return given


@pytest.fixture
def again(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*more, catch=False):
        return CliRunner().invoke(reproduce.command, [str(g) for g in (*given, *more)], catch_exceptions=catch)

    return call


def test_a_stopped_report_goes_on_and_finished_cells_stay(again, given, contests, tmp_path, monkeypatch):
    real, measured = bench.Bench.measure, []

    def third_stops(self, cell):
        measured.append(cell.name)
        if len(measured) == 3:
            raise KeyboardInterrupt
        return real(self, cell)

    monkeypatch.setattr(bench.Bench, "measure", third_stops)
    assert again("--steps", 4).exit_code != 0
    kept = {p.name: p.read_bytes() for p in (tmp_path / "out/cells").glob("*.json")}
    assert set(kept) == {f"{name}.json" for name in measured[:2]} and not (tmp_path / "out/report.md").exists()
    done = again("--steps", 4)
    assert done.exit_code == 0, done.output
    assert len(measured) == len(set(measured)) + 1  # the third, once more
    assert all((tmp_path / "out/cells" / name).read_bytes() == before for name, before in kept.items())
    # Each cell says what it was measured on, with what, and where.
    told = json.loads((tmp_path / "out/report.json").read_text())
    cell = next(c for c in told["cells"] if c["cell"]["data"] == "2013" and c["cell"]["system"] == "fcn")
    assert cell["cell"]["trained_on"].endswith(":2009+2010+2011+Bickley+PHIBD2012+S_MSI_1")
    assert cell["cell"]["config"]["steps"] == 4 and set(cell["data"].values()) == {
        data.fingerprint(cell["cell"][k]) for k in ("measured_on", "trained_on")
    }
    assert cell["n"] == 1 and cell["commit"] and "torch" in cell["machine"] and cell["values"]["f_measure"]["mean"] >= 0
    assert {m["data"] for m in told["not_measured"]} >= {"plm", "2012", "istd"}
    report = (tmp_path / "out/report.md").read_text()
    on = "dibco:sets:2009+2010+2011+Bickley+PHIBD2012+S_MSI_1: 4 steps of 2, width 8, seed 0"
    assert f"quick: dibco:sets:2013, 1 images; trained on {on}" in report
    assert "PSNR 37.87" in report and "| the contest's best | 92.7" not in report  # what is published is not measured
    assert "FM 92.7, P-FM 93.19, PSNR 21.29, DRD 3.18 | published: the contests' reports" in report
    for name in ("table-2.png", "table-4.png", "table-5.png"):
        assert np.ptp(cv2.imread(str(tmp_path / "out" / name))) > 100
    # The same again measures nothing; other hyperparameters do not take the old cells for theirs.
    assert " 0 to measure" in again("--steps", 4).output and len(measured) == len(set(measured)) + 1
    with pytest.raises(BaselineError, match="was measured with steps 4, now 8; name another --out"):
        again("--steps", 8)
    with pytest.raises(BaselineError, match="was measured with seed 0, now 1"):
        again("--steps", 4, "--seed", 1)
    # A set that is not named any more is still told of; one that has changed is not taken for what it was.
    at = given.index("--dibco")
    del given[at : at + 2]
    assert again("--steps", 4, "--column", "sub_en").exit_code == 0
    assert f"quick: dibco:sets:2013, 1 images; trained on {on}" in (tmp_path / "out/report.md").read_text()
    given[at:at] = ["--dibco", contests]
    (contests / "2013/OriginalImages/more.bmp").write_bytes(b"more")
    with pytest.raises(BaselineError, match=r"was measured when other data lay in dibco:.*:2013; name another --out"):
        again("--steps", 4)
    # Nor does a cell that is to be measured take a run of theirs.
    for path in (tmp_path / "out/cells").glob("*.json"):
        path.unlink()
    with pytest.raises(BaselineError, match="the first of them 2-sub_en-dbram: --steps is 8, and the run began with 4"):
        again("--steps", 8, "--table", "2")


def test_a_set_that_was_cleared_away_leaves_its_cells_and_another_does_not(tmp_path):
    lies = tmp_path / "data/sub_en"
    lies.mkdir(parents=True)
    (lies / "manifest.json").write_text("as it was")
    cell = Cell("2", "sub_en", "otsu", str(lies), "test", 2, True, 0)
    record = cells.keep(tmp_path, cell, {"psnr": np.ones(2)}, np.zeros((2, 2, 3), np.uint8), 1, torch.device("cpu"))
    lies.rename(tmp_path / "data/away")
    assert cells.kept(tmp_path, cell) == record
    lies.mkdir()
    (lies / "manifest.json").write_text("another")
    with pytest.raises(BaselineError, match=r"other data lay in .*sub_en; name another --out, or remove it"):
        cells.kept(tmp_path, cell)


def test_what_is_missing_is_told(again, tmp_path, monkeypatch):
    with pytest.raises(BaselineError, match=r"--column '1066' is not there; 2009, "):
        again("--column", "1066")
    with pytest.raises(BaselineError, match=r"--plm nowhere: no such folder"):
        again("--plm", "nowhere")
    with pytest.raises(BaselineError, match=r"--system 'dbrm' is not there; all-white, "):
        again("--system", "dbrm")
    # A reader that is not installed costs its cells alone.
    monkeypatch.setitem(__import__("sys").modules, "rapidocr", None)
    done = again("--table", "5", "--steps", 4)
    assert done.exit_code == 0 and "5-sub_en_test-dbram: not measured" in done.output
    assert "pip install '.[ocr]'" in (tmp_path / "out/report.md").read_text()
