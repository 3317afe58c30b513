"""Film sets: frames with none, one or two lines, in training, in scores and before text readers."""

import json
import math

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from datasets import Dataset
from scipy import stats

from dbram_baseline import ocr as ocr_module
from dbram_baseline.data.refs import DataRef
from dbram_baseline.data.rendering import SPECS
from dbram_baseline.data.sources import Rendered, RenderPool
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation import metrics
from dbram_baseline.evaluation.eval_set import EvalSet, load_eval_set
from dbram_baseline.evaluation.evaluate import evaluate, predict
from dbram_baseline.evaluation.metrics import BLANK_INK, BY_KEY, ERROR_SHARE, BinarySample
from dbram_baseline.evaluation.pseudo_f_measure import pseudo_weights
from dbram_baseline.evaluation.readers import READERS
from dbram_baseline.evaluation.reading import ReadingSet, evaluate_reading, load_reading_set
from dbram_baseline.evaluation.systems import best_polarity
from dbram_baseline.reproduction.panels import MEASURES, Panel, Row, shown_measures
from dbram_baseline.score import command as score_command
from dbram_baseline.training.checkpoint import LAST, load_generator
from dbram_baseline.training.config import build_config
from dbram_baseline.training.loop import train
from subsynth import LANGUAGES, film_en, pairs, plan, sub_en

OF_TEXT = ("f_measure", "pfm_approx", "drd", "nrm", ERROR_SHARE)  # not defined without text
OLD_COLUMNS = [
    "psnr", "psnr_binary", "ssim", ERROR_SHARE, "ssim_binary", "f_measure", "pfm_approx", "drd", "nrm", "error",
]  # fmt: skip


@pytest.fixture(scope="module")
def frames():
    """Ten frames of film_en: three without text, four of one line and three of two, each kind among the first three."""
    spec = film_en(n=10, n_test=40)
    by_lines = {n: [r.index for r in plan(spec, "test", 0, 40) if len(r.text.splitlines()) == n] for n in (0, 1, 2)}
    chosen = [by_lines[n][i] for i in range(3) for n in (0, 1, 2)] + [by_lines[1][3]]
    return [pair for i in chosen for pair in pairs(spec, "test", i, i + 1)]


@pytest.fixture(scope="module")
def strips():
    """Four pairs of sub_en, all with text."""
    return list(pairs(sub_en(n=10, n_test=4), "test", 0, 4))


@pytest.fixture(scope="module")
def film_set(frames, tmp_path_factory):
    """The frames as a directory with a split `test`, with the columns that are read."""
    folder = tmp_path_factory.mktemp("film") / "film_en"
    folder.mkdir()
    write_split(folder, frames)
    return folder


def write_split(folder, own):
    rows = [{"image": png(p.image[..., ::-1]), "ground_truth": png(p.ground_truth), "text": p.recipe.text} for p in own]
    Dataset.from_list(rows).to_parquet(folder / "test.parquet")


def png(pixels):
    return {"bytes": cv2.imencode(".png", pixels)[1].tobytes(), "path": None}


def noisy_greys(truths, seed=0):
    """Outputs in [0, 1] with wrong pixels everywhere."""
    noise = np.random.default_rng(seed).random(truths.shape, np.float32)
    return np.where(noise < 0.03, 1 - truths / np.float32(255), truths / np.float32(255)).astype(np.float32)


def eval_set_of(frames):
    return EvalSet(np.stack([p.image for p in frames]), np.stack([p.ground_truth for p in frames]))


def score(*arguments):
    result = CliRunner().invoke(score_command, [*map(str, arguments), "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_only_defined_measures_have_values_without_text():
    truth = np.full((40, 64), 255, np.uint8)
    grey = np.ones((40, 64), np.float32)
    grey[3:8, 10:26] = 0.2
    for output, ink in ((grey, 100 * 80 / 2560), (np.ones_like(grey), 0)):
        sample = BinarySample(output, truth, pseudo_weights(truth < 128), all_white_ssim=0.5)
        values = {m.key: m.binary(sample) for m in metrics.METRICS if m.binary}
        assert all(math.isnan(values[key]) for key in OF_TEXT)
        assert values[BLANK_INK] == pytest.approx(ink)
        assert all(math.isfinite(value) for key, value in values.items() if key not in OF_TEXT)
    assert values["psnr"] == metrics.MAX_PSNR and values["ssim"] == pytest.approx(1) and values["error"] == 0


def test_ink_is_not_measured_on_text():
    truth = np.zeros((16, 16), bool)
    truth[4:8, 4:12] = True
    assert math.isnan(metrics.blank_ink(~truth, truth)) and metrics.f_measure(truth, truth) == 1


def test_polarity_without_text_is_that_of_less_ink():
    grey = np.full((32, 32), 200, np.uint8)
    grey[:4] = 20
    assert best_polarity(lambda g: g < 128, grey, np.zeros((32, 32), bool)).sum() == 4 * 32
    assert best_polarity(lambda g: g > 128, grey, np.zeros((32, 32), bool)).sum() == 4 * 32


def test_means_are_those_of_the_frames_by_hand(frames):
    """Blank ink pixel by pixel; measures of text as the means of a set of only the frames with text."""
    eval_set = eval_set_of(frames)
    greys = noisy_greys(eval_set.truths)
    values = evaluate(eval_set, greys)
    blank = [i for i, pair in enumerate(frames) if pair.recipe.text == ""]
    text = [i for i in range(len(frames)) if i not in blank]
    assert eval_set.blank_count == len(blank) and list(values.columns)[:-2] == OLD_COLUMNS
    ink = [100 * sum(value < 0.5 for value in greys[i].ravel().tolist()) / greys[i].size for i in blank]
    assert values.means()[BLANK_INK] == pytest.approx(np.mean(ink)) and np.mean(ink) == pytest.approx(3, abs=0.2)
    interval = values.intervals()[BLANK_INK]
    half = stats.t.ppf(0.975, 2) * np.std(ink, ddof=1) / math.sqrt(3)
    assert (interval.low, interval.high) == pytest.approx((np.mean(ink) - half, np.mean(ink) + half))
    assert np.isnan(values[BLANK_INK][text]).all()
    only_text = evaluate(EvalSet(eval_set.images[text], eval_set.truths[text]), greys[text])
    for key in OF_TEXT:
        assert values.means()[key] == pytest.approx(only_text.means()[key])
    white = [metrics.all_white_ssim((t > 127).astype(np.float32)) for t in eval_set.truths[text]]
    assert values.means()[ERROR_SHARE] == pytest.approx((1 - np.mean(values["ssim"][text])) / (1 - np.mean(white)))
    for key in ("psnr", "ssim", "error"):
        assert np.isfinite(values[key]).all()


def test_sets_of_text_have_the_columns_and_values_as_before(strips):
    """The values of the definitions, image by image, and no further column."""
    eval_set = eval_set_of(strips)
    greys = noisy_greys(eval_set.truths)
    values = evaluate(eval_set, greys)
    assert list(values.columns) == [*OLD_COLUMNS, metrics.WRAP] and eval_set.blank_count == 0
    white = float(np.mean([metrics.all_white_ssim((t > 127).astype(np.float32)) for t in eval_set.truths]))
    for i, (grey, truth) in enumerate(zip(greys, eval_set.truths, strict=True)):
        output, mask = grey < 0.5, truth < 128
        tp, fp, fn, tn = metrics.confusion(output, mask)
        assert values["f_measure"][i] == 2 * tp / (2 * tp + fp + fn)
        assert values["nrm"][i] == (fn / (fn + tp) + fp / (fp + tn)) / 2
        assert values[ERROR_SHARE][i] == (1 - values["ssim"][i]) / (1 - white)


def test_score_on_a_film_set(film_set, frames, tmp_path):
    output = score("--data", film_set, "--method", "otsu", "--method", "all-white", "--out", tmp_path / "s.json")
    assert "10 pairs, 7 with text and 3 without" in output
    assert "| blank ink, % |" in output and "Over the frames without text" in output
    record = json.loads((tmp_path / "s.json").read_text())
    assert (record["pairs"], record["pairs_with_text"], record["pairs_without_text"]) == (10, 7, 3)
    rows = {row["method"]: row for row in record["rows"]}
    white = rows["all-white"]
    assert white["f_measure"] == white["pfm_approx"] == white[BLANK_INK] == 0 and white[ERROR_SHARE] == pytest.approx(1)
    assert rows["otsu, raw"][BLANK_INK] >= rows["otsu, oracle polarity"][BLANK_INK] > 1


def test_score_on_frames_that_are_all_blank(frames, tmp_path):
    write_split(tmp_path, [pair for pair in frames if not pair.recipe.text])
    output = score("--data", tmp_path, "--method", "all-white", "--out", tmp_path / "out/s.json")
    assert "0 with text" in output and "| - " in output and "nan" not in output
    row = json.loads((tmp_path / "out/s.json").read_text())["rows"][0]
    assert [row[key] for key in OF_TEXT] == [None] * len(OF_TEXT) and row[BLANK_INK] == 0


def test_score_on_a_set_of_text_names_no_frames_without(strips, tmp_path):
    write_split(tmp_path, strips)
    output = score("--data", tmp_path, "--method", "otsu", "--out", tmp_path / "out/s.json")
    record = json.loads((tmp_path / "out/s.json").read_text())
    assert list(record) == ["command", "split", "pairs", "rows"] and record["pairs"] == 4
    assert list(record["rows"][0]) == ["method", *OLD_COLUMNS] and " without, " not in output and "blank" not in output


def test_rendered_film_trains_and_scores(frames, tmp_path):
    overrides = {"model": "plainu", "steps": 2, "batch": 2, "validation": 8, "crop": 0, "workers": 0, "device": "cpu"}
    # With this seed, two of the eight frames for validation have no text.
    train(build_config("ci", overrides | {"seed": 4}), "render:film_en", "ci", tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert len([line for line in lines if "loss" in line]) == 2
    validation = lines[-1]
    assert {"psnr", "ssim", "f_measure", BLANK_INK} <= set(validation) and all(map(math.isfinite, validation.values()))
    eval_set = eval_set_of(frames)
    outputs = predict(load_generator(tmp_path / "run" / LAST)[0], eval_set.images, torch.device("cpu"))
    assert outputs.shape == eval_set.truths.shape and math.isfinite(evaluate(eval_set, outputs).means()[BLANK_INK])


def test_each_preset_is_rendered():
    assert set(SPECS) == {"en", "zh", *(f"{name}_{code}" for name in ("sub", "film", "strip") for code in LANGUAGES)}
    assert SPECS["en"] == SPECS["sub_en"] and SPECS["zh"] == SPECS["sub_zh"]
    expected = next(iter(pairs(film_en(n=4, seed=5), "train", 0, 1)))
    images, truths = Rendered("film_en", 100, 1, 5, RenderPool(0)).batch(0, 1)
    assert np.array_equal(images[0].permute(1, 2, 0).numpy(), expected.image)
    assert np.array_equal(truths[0].numpy(), expected.ground_truth)


def test_pairs_rendered_in_training_cannot_be_scored():
    with pytest.raises(BaselineError, match="render:film_en: pairs are rendered during training only"):
        load_eval_set(DataRef.parse("render:film_en"), "test")


def test_texts_of_frames_are_joined_and_blank_ones_left_out():
    eval_set = EvalSet(np.zeros((4, 16, 16, 3), np.uint8), np.arange(4 * 256, dtype=np.int64).reshape(4, 16, 16))
    english = ReadingSet.of(eval_set, ["One line", "", "Two\nlines", "", "not loaded"])
    assert english.texts == ("One line", "Two lines") and english.blank == 2 and english.find_lines
    assert np.array_equal(english.eval_set.truths, eval_set.truths[[0, 2]])
    values = evaluate_reading(lambda image: "Two\nlines", [None, None], english)
    assert values["edit distance"].tolist()[1] == 0
    chinese = ReadingSet.of(eval_set, ["两行", "两\n行", "行", "行"])
    assert chinese.texts[1] == "两行" and chinese.blank == 0 and chinese.eval_set is eval_set
    strips = ReadingSet.of(eval_set, ["a", "b", "c", "d"])
    assert strips.eval_set is eval_set and not strips.find_lines and strips.texts == ("a", "b", "c", "d")


def test_the_reader_finds_the_lines_of_frames(film_set):
    ref = DataRef.parse(str(film_set))
    reading_set = load_reading_set(ref, "test", load_eval_set(ref, "test", 6))
    assert reading_set.blank == 2 and len(reading_set.texts) == 4
    assert reading_set.find_lines
    reader = READERS["rapidocr"](False, reading_set.find_lines)
    truths = [np.repeat(t[..., None], 3, axis=2) for t in reading_set.eval_set.truths]
    assert evaluate_reading(reader, truths, reading_set).means()["normalised"] < 0.1


def test_ocr_counts_frames_without_text(film_set, tmp_path, monkeypatch):
    monkeypatch.setitem(READERS, "rapidocr", lambda chinese, find_lines: lambda image: "text")
    arguments = ["--data", str(film_set), "--split", "test", "--n", "10", "--out", str(tmp_path / "ocr.json")]
    result = CliRunner().invoke(ocr_module.command, arguments, catch_exceptions=False)
    assert "test: 3 of 10 images have no text, not read" in result.output
    for row in json.loads((tmp_path / "ocr.json").read_text())["rows"]:
        assert (row["n"], row["without_text"]) == (7, 3)


def test_a_split_without_any_text_cannot_be_read(frames, tmp_path):
    write_split(tmp_path, frames[:3])
    ref = DataRef.parse(str(tmp_path))
    with pytest.raises(BaselineError, match="none of the first 1 images of test has text to read"):
        load_reading_set(ref, "test", load_eval_set(ref, "test", 1))


def test_a_report_shows_blank_ink_where_there_is_any(frames):
    values = evaluate(eval_set_of(frames), noisy_greys(eval_set_of(frames).truths)).intervals()
    shown = shown_measures("2", [Panel("film", [Row("otsu", values)])])
    assert [m.key for m in shown] == [*(m.key for m in MEASURES["2"]), BLANK_INK]
    assert BY_KEY[BLANK_INK].label == shown[-1].heading
    del values[BLANK_INK]
    assert shown_measures("2", [Panel("film", [Row("otsu", values)])]) == MEASURES["2"]
