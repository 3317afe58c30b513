"""Results of a GPU run that the documentation refers to: weights that load and score, and the figures in the text."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dbram_baseline.data.refs import DataRef
from dbram_baseline.evaluation.eval_set import load_eval_set
from dbram_baseline.evaluation.evaluate import evaluate, predict
from dbram_baseline.networks.factory import count_parameters
from dbram_baseline.training.checkpoint import load_generator

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results/h100"


def test_the_quarter_wide_network_still_scores(small_set):
    network, info = load_generator(RESULTS / "weights/en-dbram-0.safetensors")
    assert (info.config.width, info.step, info.data) == (16, 6250, "sub_en")
    eval_set = load_eval_set(DataRef.parse(str(small_set)), "test")
    means = evaluate(eval_set, predict(network, eval_set.images, torch.device("cpu"))).means()
    assert means["f_measure"] > 0.75 and means["ssim_error_share"] < 0.35


def test_the_full_network_is_joined_from_its_parts(tmp_path):
    parts = sorted((RESULTS / "weights").glob("full-*.safetensors"))
    assert [p.name for p in parts] == ["full-1-of-2.safetensors", "full-2-of-2.safetensors"]
    path, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    gpu = [sys.executable, ROOT / "benchmarks/gpu.py"]
    subprocess.run([*gpu, "whole", *parts, "--out", path], check=True)
    network, info = load_generator(path)
    assert count_parameters(network) == 9_144_853 and info.config.width == 64 and info.data == "sub_en,sub_zh"
    # Dividing it again gives the same files.
    subprocess.run([*gpu, "half", path, "--out", half], check=True)
    for part in parts:
        again = half.with_name(part.name.replace("full", "half"))
        assert again.read_bytes() == part.read_bytes()


def test_the_text_has_the_figures_of_the_files():
    readme = (ROOT / "dbram_baseline/README.md").read_text(encoding="utf-8")
    one, two = (json.loads((RESULTS / p / "ablations.json").read_text())["runs"] for p in (".", "two-epochs"))
    earlier = {(run["lang"], run["model"]): run["means"] for run in one}
    for run in two:
        cells = []
        for key, digits in (("f_measure", 3), ("psnr", 2), ("ssim", 3), ("ssim_error_share", 3)):
            interval = run["means"][key]
            cells.append(f"{interval['mean']:.{digits}f} ± {(interval['high'] - interval['low']) / 2:.{digits}f}")
        before = earlier[run["lang"], run["model"]]
        cells.append(f"{before['f_measure']['mean']:.3f}, {before['ssim_error_share']['mean']:.3f}")
        assert f"| {' | '.join(cells)} |" in readme, (run["lang"], run["model"])
    for lang in ("en", "zh"):
        rows = {row["method"]: row for row in json.loads((RESULTS / f"scores-{lang}.json").read_text())["rows"]}
        full, white = rows["dbram 64, step 2,047"], rows["all-white"]
        cells = [f"{full['f_measure']:.3f}", f"{full['psnr']:.2f}", f"{full['ssim']:.3f}"]
        assert f"| {' | '.join([*cells, format(full['ssim_error_share'], '.3f')])} |" in readme
        assert full["ssim_error_share"] == pytest.approx((1 - full["ssim"]) / (1 - white["ssim"]))
    page = (ROOT / "docs/guides/performance.md").read_text(encoding="utf-8")
    for row in json.loads((RESULTS / "speed.json").read_text())["rows"]:
        cell = f"{row['images_per_s']:,.0f} ({row['slowest']:,.0f} to {row['fastest']:,.0f})"
        assert f" {cell} |" in page, row
    worst: dict[tuple[str, str], float] = {}
    for row in json.loads((RESULTS / "check.json").read_text())["rows"]:
        for precision, error in row["errors"].items():
            key = row["quantity"], precision
            worst[key] = max(worst.get(key, 0), error)
    for quantity, label in (("forward", "output"), ("losses", "losses"), ("gradients", "gradients")):
        cells = [f"{worst[quantity, p]:.1e}".replace("e-0", "e-") for p in ("CPU fp32", "fp32", "tf32", "bf16")]
        assert f"| {' | '.join([label, *cells])} |" in page
