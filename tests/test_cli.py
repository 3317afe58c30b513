import json

import numpy as np
from PIL import Image


def test_render_preview_and_spec(run, tmp_path):
    first = run("render", "--lang", "zh", "--n", 12, "--workers", 1)
    assert first.code == 0, first.err
    assert first.err == ""  # quiet where no terminal is
    assert "12 train + 1 test" in first.out and "sub_zh" in first.out
    assert "complete already" in run("render", "--lang", "zh", "--n", 12).out
    assert run("preview", "sub_zh").code == 0
    page = np.asarray(Image.open(tmp_path / "sub_zh-preview.png"))
    assert page.shape[1] > 3 * 2 * 280 and page.std() > 30
    assert run("preview", "--lang", "en", "--index", 17).code == 0
    assert Image.open(tmp_path / "sub_en-train-17.png").height > 5 * 48
    stored = (tmp_path / "sub_zh/spec.yaml").read_text(encoding="utf-8")
    assert run("spec", "--lang", "zh", "--n", 12).out == stored


def test_the_card_tells_a_command_that_makes_the_same_set(run, tmp_path):
    run("render", "--lang", "en", "--n", 6, "--seed", 5, "--out", "one")
    card = (tmp_path / "one/README.md").read_text(encoding="utf-8")
    command = next(line for line in card.splitlines() if line.startswith("subsynth render"))
    assert run(*command.split()[1:]).code == 0
    digests = [json.loads((tmp_path / d / "manifest.json").read_text())["content_sha256"] for d in ("one", "sub_en")]
    assert digests[0] == digests[1]


def test_help_has_examples(run):
    assert run().code == 0
    for command in ("render", "preview", "spec", "prepare", "verify", "stats", "publish"):
        assert f"subsynth {command} " in run(command, "--help").out
    assert run("--version").out.startswith("subsynth, version")


def test_a_preview_of_nothing(run):
    assert run("preview", "nowhere").code == 2
    assert run("preview", "--lang", "en", "--count", 0).code == 2
