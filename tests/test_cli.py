"""The command line: every command and option is walked; the main commands run as a user runs them."""

import json
import os
import re
import shlex
import subprocess
import sys

import click
import numpy as np
import pytest
from PIL import Image

from subsynth.cli.commands import cli
from subsynth.core.version import __version__

CONTEXT = click.Context(cli)
COMMANDS = {name: cli.get_command(CONTEXT, name) for name in cli.list_commands(CONTEXT)}
OPTIONS = [
    pytest.param(option, id=f"{name} {option.opts[0]}")
    for name, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]


def examples(command: str) -> list[list[str]]:
    """The arguments of each call of `subsynth COMMAND` among the examples of its help text."""
    examples_text = (COMMANDS[command].help or "").partition("Examples:")[2]
    lines = [re.split(r"\s{3,}", line.strip())[0] for line in examples_text.splitlines()]  # without the remark after it
    calls = [call for line in lines for call in re.split(r"&&|\||>", line)]
    return [words[words.index(command) + 1 :] for call in calls if f"subsynth {command} " in f"{call} "
            for words in [shlex.split(call)]]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_starts_with_one_short_sentence(run, command):
    result = run(command, "--help")
    assert result.code == 0 and result.err == ""
    assert f"subsynth {command} " in result.out
    summary = COMMANDS[command].get_short_help_str(limit=70)
    assert re.fullmatch(r"[A-Z].*[a-z]\.", summary), summary  # not cut off
    assert summary in run("--help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_a_command_are_valid(command):
    calls = examples(command)
    assert calls
    for arguments in calls:
        with COMMANDS[command].make_context(command, list(arguments)) as context:
            assert context.params or not COMMANDS[command].params


@pytest.mark.parametrize("option", OPTIONS)
def test_help_of_an_option_is_a_phrase(option):
    assert re.fullmatch(r"[A-Z].*\w\.(  \[default: .+\])?", option.help or ""), option.help


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_an_error_of_one_line(run, command):
    result = run(command, "--no-such-option")
    assert result.code == 2 and result.out == ""
    assert result.err.startswith("subsynth: error: ") and "--no-such-option" in result.err
    assert len(result.err.splitlines()) == 1


def test_the_group_itself(run):
    bare = run()
    assert bare.code == 0 and bare.out == run("--help").out
    assert all(re.search(rf"^  {command} ", bare.out, re.MULTILINE) for command in COMMANDS)
    assert run("--version").out == f"subsynth, version {__version__}\n"
    unknown = run("no-such-command")
    assert unknown.code == 2 and "no-such-command" in unknown.err and len(unknown.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "more"),
    [(["--help"], {"cv2", "numpy", "pyarrow"}), (["render", "--help"], {"subsynth.binarization"})],
)
def test_help_imports_nothing_slow(arguments, more):
    code = f"""
import sys
from subsynth.cli.main import main
sys.argv[1:] = {arguments}
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"datasets", "huggingface_hub", "matplotlib", "numba", "onnxruntime", "pandas", "ray", "torch"}
    imported = set(done.stderr.split())
    assert "click" in imported and not (slow | more) & imported


def test_a_small_set_is_drawn_without_loading_kernels(tmp_path):
    code = """
import sys
from subsynth.cli.main import main
sys.argv[1:] = ["render", "--n", "2", "--n-test", "1", "--out", "set"]
try:
    main()
finally:
    print("numba" in sys.modules)
"""
    env = {name: value for name, value in os.environ.items() if name != "SUBSYNTH_KERNELS"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_render_preview_and_spec(run, tmp_path):
    first = run("render", "--lang", "zh", "--n", 12, "--workers", 1)
    assert first.code == 0, first.err
    assert first.err == ""  # no progress bar, because standard error is not a terminal
    assert "12 train + 1 test" in first.out and "sub_zh" in first.out
    assert "complete already" in run("render", "--lang", "zh", "--n", 12).out
    assert run("preview", "sub_zh").code == 0
    sheet = np.asarray(Image.open(tmp_path / "sub_zh-preview.png"))
    assert sheet.shape[1] > 3 * 2 * 280 and sheet.std() > 30
    assert run("preview", "--lang", "en", "--index", 17).code == 0
    assert Image.open(tmp_path / "sub_en-train-17.png").height > 5 * 48
    stored = (tmp_path / "sub_zh/spec.yaml").read_text(encoding="utf-8")
    assert run("spec", "--lang", "zh", "--n", 12).out == stored


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals, which POSIX systems have")
def test_progress_is_drawn_on_a_terminal(tmp_path):
    terminal, stderr = os.openpty()
    command = [
        sys.executable,
        "-m",
        "subsynth",
        "render",
        "--n",
        "3",
        "--n-test",
        "1",
        "--workers",
        "1",
        "--out",
        "set",
    ]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=stderr, timeout=120, check=True)
    os.close(stderr)
    drawn = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert "set:" in drawn and "6/6" in drawn and b"wrote 3 train + 1 test" in done.stdout


def test_the_command_on_the_card_renders_the_same_set(run, tmp_path):
    run("render", "--lang", "en", "--n", 6, "--seed", 5, "--out", "one")
    card = (tmp_path / "one/README.md").read_text(encoding="utf-8")
    command = next(line for line in card.splitlines() if line.startswith("subsynth render"))
    assert run(*command.split()[1:]).code == 0
    digests = [json.loads((tmp_path / d / "manifest.json").read_text())["content_sha256"] for d in ("one", "sub_en")]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("preview", "nowhere"), "nowhere: no such directory"),
        (("preview", "--lang", "en", "--count", 0), "--count is 0"),
        (("preview", "--lang", "en", "--index", -1), "--index is -1"),
        (("preview", "--lang", "en", "--count", 1, "--out", "missing/sheet.png"), "missing/sheet.png"),
        (("stats", "nowhere"), "nowhere: no finished data set"),
        (("verify", "nowhere"), "nowhere"),
        (("verify", "nowhere", "--sample", 0), "--sample is 0"),
        (("render", "--rank", 1), "--world-size"),
        (("render", "--rank", 2, "--world-size", 2), "--rank is 2 of --world-size 2"),
        (("render", "--rank", 0, "--world-size", 2, "--engine", "ray"), "--engine ray"),
        (("render", "--rank", 0, "--world-size", 2, "--overwrite"), "--overwrite"),
        (("merge", "nowhere"), "nowhere"),
        (("render", "--n", 0), "error: --n is 0; it must lie in 1..2**40"),
    ],
)
def test_a_wrong_call_is_an_error_of_one_line(run, tmp_path, arguments, message):
    result = run(*arguments)
    assert result.code == 2 and message in result.err, result.err
    assert len(result.err.splitlines()) == 1
    assert not [path for path in tmp_path.iterdir() if path.name != ".hf"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--n", 0), "--n is 0"),
        (("--n", 5, "--n-test", -1), "--n-test is -1"),
        (("--seed", -1), "--seed is -1"),
        (("--n", 5), "my.yaml: margin_px is 0"),
    ],
)
def test_a_bad_value_is_reported_under_the_name_of_its_source(run, tmp_path, arguments, message):
    """An option's value is not in the file, and a value of the file is not in an option."""
    (tmp_path / "my.yaml").write_text("margin_px: 0\n" if "my.yaml" in message else "lang: en\n")
    result = run("render", "--spec", "my.yaml", *arguments)
    assert result.code == 2 and f"error: {message}; it must lie in" in result.err, result.err
    assert len(result.err.splitlines()) == 1 and ("my.yaml" in result.err) == ("my.yaml" in message)
