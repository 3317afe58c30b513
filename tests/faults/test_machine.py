"""A hostile machine: Ctrl-C at any moment, full devices, few handles, little memory, no home, an ASCII locale.

Real signals, devices and limits for real processes. Whatever happens, the user gets one line and an exit code.
"""

import dataclasses
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from subsynth import OutputError, sub_en
from subsynth.build.build import build_dataset, merge_ranks
from subsynth.storage.paths import DISTRIBUTIONS, SCRATCH, SHEET, TRUTH

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full and the signals of Linux")

SMALL = sub_en(n=6, n_test=2)
SMALL = dataclasses.replace(
    SMALL,
    fonts=dataclasses.replace(SMALL.fonts, families=("Arimo",), unseen_families=()),
    background=dataclasses.replace(SMALL.background, p_procedural=1.0),
)
# Writes a line when the program starts, so that a test knows that Ctrl-C is not Python's own to handle any more.
COMMAND_LINE = "from subsynth.cli.main import main; print('started', flush=True); main()"
QUIET_COMMAND_LINE = "from subsynth.cli.main import main; main()"


def start(*arguments, code=COMMAND_LINE, env=(), limit=None, **options) -> subprocess.Popen[str]:
    """A process in a group of its own; `limit` is (resource, number)."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True} | options,
        env=os.environ | dict(env),
        preexec_fn=limit and (lambda: resource.setrlimit(limit[0], (limit[1], limit[1]))),  # noqa: PLW1509 - no threads
    )


def finish(process) -> tuple[int, str, list[str]]:
    """The exit code, the output, and the lines of errors."""
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err and "Exception ignored" not in err, err
    return process.returncode, out or "", [line for line in err.splitlines() if line.strip()]


def assert_one_error(process, *words: str) -> None:
    code, _, errors = finish(process)
    assert code == 2 and len(errors) == 1, (code, errors)
    assert ": error: " in errors[0] and all(word in errors[0] for word in words), errors


def interrupt(process) -> None:
    os.killpg(process.pid, signal.SIGINT)


def assert_stopped(process) -> None:
    code, _, errors = finish(process)
    assert code == 130 and len(errors) == 1 and errors[0].startswith("stopped"), (code, errors)


@pytest.mark.parametrize("delays", [(0.0,), (0.03,), (0.15,), (0.15, 0.0), (0.4, 0.02), (0.7,)])
def test_ctrl_c_while_modules_are_imported_or_samples_drawn(tmp_path, delays):
    process = start("preview", "--lang", "en", "--count", 500, cwd=tmp_path)
    assert process.stdout.readline() == "started\n"
    for delay in delays:
        time.sleep(delay)
        interrupt(process)
    assert_stopped(process)


@pytest.mark.parametrize("pause", [None, 0.0, 0.05])
def test_ctrl_c_while_workers_start_and_render(tmp_path, pause):
    process = start(
        "render", "--n", 3000, "--workers", 2, "--out", "set", cwd=tmp_path, env={"SUBSYNTH_KERNELS": "numpy"}
    )
    while not (tmp_path / "set" / SCRATCH).is_dir():
        time.sleep(0.02)
    time.sleep(0.5 if pause is None else 1.5)
    interrupt(process)
    if pause is not None:
        time.sleep(pause)
        interrupt(process)
    assert_stopped(process)


def test_ctrl_c_while_kernels_are_compiled(tmp_path):
    cache = tmp_path / "cache"
    process = start("prepare", "--lang", "en", cwd=tmp_path, env={"SUBSYNTH_CACHE": str(cache)})
    while not list(cache.glob("kernels/.building-*")):
        time.sleep(0.02)
    interrupt(process)
    assert_stopped(process)
    assert not [name for name in (cache / "kernels").iterdir() if not name.name.startswith(".")]


@pytest.mark.parametrize(
    "call",
    [
        "run('subsynth', lambda: atexit.register(os.kill, os.getpid(), signal.SIGINT) and 0)",  # after the work
        "atexit.register(os.kill, os.getpid(), signal.SIGINT); run('subsynth', int)",  # after everything
    ],
)
def test_ctrl_c_while_the_process_ends(call):
    code, _, errors = finish(start(code=f"import atexit, os, signal; from subsynth.core.main_guard import run; {call}"))
    assert (code, errors) in ((0, []), (130, ["stopped"]))


def test_ctrl_c_is_not_lost_in_a_destructor():
    code = """
import os, signal, time
from subsynth.core.main_guard import run
class Interrupted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
def work():
    Interrupted()
    try:
        time.sleep(30)
    finally:
        print("tidied up")
run("subsynth", work)
"""
    assert finish(start(code=code)) == (130, "tidied up\n", ["stopped"])


@pytest.mark.parametrize("arguments", [("spec",), ("--help",)])
def test_standard_output_is_a_full_device_or_a_closed_pipe(arguments):
    with Path("/dev/full").open("w") as full:
        assert_one_error(start(*arguments, code=QUIET_COMMAND_LINE, stdout=full), "standard output", "No space left")
    reading, writing = os.pipe()
    os.close(reading)
    assert_one_error(start(*arguments, code=QUIET_COMMAND_LINE, stdout=writing), "standard output was closed")
    os.close(writing)


def test_standard_error_is_a_full_device():
    with Path("/dev/full").open("w") as full:
        process = start("verify", "nowhere", stderr=full)
        process.communicate(timeout=60)
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("1 / 0", ("unexpected ZeroDivisionError: division by zero", "SUBSYNTH_DEBUG=1")),
        ("[open('/dev/null') for _ in iter(int, 1)]", ("too many open files", "ulimit -n")),
        ("bytearray(1 << 60)", ("out of memory",)),
        ("__import__('numpy').zeros(1 << 50)", ("out of memory",)),
        ("open('/nowhere/at all')", ("/nowhere/at all: No such file or directory",)),
        ("open('/dev/full', 'wb', 0).write(b'x')", ("No space left", "run the same command again")),
        ("(f := lambda: f())()", ("unexpected RecursionError",)),
        ("__import__('pathlib').Path('~nobody-has-this-name').expanduser()", ("home folder",)),
        ("exit('a reason')", ("a reason",)),
        ("(_ for _ in ()).throw(Exception('\\x1b[31mred\\nline'))", ("\\u001b[31mred line",)),
    ],
)
def test_any_exception_is_one_line(call, words):
    code = f"import sys; from subsynth.core.main_guard import run; run('subsynth', lambda: {call})"
    assert_one_error(start(code=code, limit=(resource.RLIMIT_NOFILE, 256)), *words)


def test_debugging_shows_the_traceback():
    code = "from subsynth.core.main_guard import run; run('subsynth', lambda: 1 / 0)"
    process = start(code=code, env={"SUBSYNTH_DEBUG": "1"})
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" in err and "ZeroDivisionError" in err


def test_exceptions_in_threads_and_destructors_are_no_tracebacks():
    code = """
import threading
from subsynth.core.main_guard import run
class Bad:
    def __del__(self):
        raise ValueError("in a destructor")
def work():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    Bad()
run("subsynth", work)
"""
    code, _, errors = finish(start(code=code))
    assert code == 0 and len(errors) == 1 and errors[0].startswith("subsynth: warning: a thread ended"), errors


def test_each_warning_is_one_line_once_and_other_libraries_are_silent():
    code = """
import logging, warnings
from subsynth.core.main_guard import run
def work():
    for _ in range(3):
        logging.getLogger("subsynth.assets").warning("two\\nlines of %s", "font\\x1b[2J")
    logging.getLogger("fontTools").warning("not for the user")
    warnings.warn("a number\\nis odd")
run("subsynth", work)
"""
    code, _, errors = finish(start(code=code))
    assert code == 0
    assert errors == ["subsynth: warning: two lines of font\\u001b[2J", "subsynth: warning: a number is odd"]


def test_workers_do_not_repeat_warnings(tmp_path):
    from PIL import Image

    for i in range(4):
        Image.new("RGB", (400, 80), (i, 40 * i, 90)).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    spec = tmp_path / "spec.yaml"
    spec.write_text("fonts: {families: [Arimo]}\nbackground: {folders: [.]}\n")
    process = start("render", "--spec", spec, "--n", 4, "--n-test", 2, "--workers", 2, "--out", "set", cwd=tmp_path)
    code, _, errors = finish(process)
    assert code == 0 and len(errors) == 1 and errors[0].startswith("subsynth: warning: "), errors


def test_few_handles(tmp_path):
    few, hardly_any = (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_NOFILE, 8)
    process = start("render", "--n", 60, "--n-test", 1, "--workers", 1, "--out", "set", cwd=tmp_path, limit=few)
    assert finish(process)[0] == 0
    code, _, errors = finish(start("verify", "set", "--sample", 1, cwd=tmp_path, limit=few))
    assert (code, errors) == (0, [])
    process = start("render", "--n", 60, "--workers", 2, "--out", "two", cwd=tmp_path, limit=hardly_any)
    assert_one_error(process, "too many open files")  # the pipes of two workers alone are more than that


def test_little_memory(tmp_path):
    build_dataset(SMALL, tmp_path / "set", workers=1)
    code, out, errors = finish(start("verify", tmp_path / "set", limit=(resource.RLIMIT_AS, 3 << 30)))
    assert (code, errors) == (0, []) and "no violations" in out
    assert_one_error(start("verify", tmp_path / "set", limit=(resource.RLIMIT_AS, 300 << 20)), "out of memory")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """All shards of a set, not merged yet."""
    path = tmp_path_factory.mktemp("shards") / "set"
    build_dataset(SMALL, path, workers=1, rank=(0, 1))
    return path


@pytest.mark.parametrize("name", [SHEET, TRUTH, DISTRIBUTIONS])
def test_a_disk_that_is_full_after_all_shards(shards, tmp_path, name):
    """A link to /dev/full where a figure is written gives the error of a full disk."""
    copy = shutil.copytree(shards, tmp_path / "set")
    link = copy / SCRATCH / name
    link.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=rf"{name}: No space left.*run the same command again"):
        merge_ranks(copy)
    assert not (copy / "manifest.json").exists()
    link.unlink()
    assert merge_ranks(copy).pairs == SMALL.total  # the same command finishes when there is room
    assert (copy / "README.md").is_file() and (copy / "manifest.json").is_file()


def test_a_render_after_a_full_disk_renders_nothing_again(shards, tmp_path):
    copy = shutil.copytree(shards, tmp_path / "set")
    (copy / SCRATCH / SHEET).symlink_to("/dev/full")
    assert_one_error(start("merge", copy), SHEET, "No space left", "run the same command again")
    result = build_dataset(SMALL, copy, workers=1)
    assert (result.rendered, result.resumed) == (0, SMALL.total)


def test_an_ascii_locale(tmp_path):
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    (tmp_path / "字幕.txt").write_text(
        "Where are you?\n" * 2 + "I am here.\nWe are there.\nYes.\nNo.\n", encoding="utf-8"
    )
    (tmp_path / "spec.yaml").write_text(
        "fonts: {families: [Arimo]}\ntext: {files: [字幕.txt]}\nbackground: {p_procedural: 1.0}\n", encoding="utf-8"
    )
    render = ("render", "--n", 2, "--n-test", 1, "--workers", 1, "--out", "set", "--spec", "spec.yaml")
    process = start(*render, cwd=tmp_path, env=ascii_locale, encoding="utf-8")
    code, _, errors = finish(process)
    assert code == 0 or (code == 2 and len(errors) == 1 and "PYTHONUTF8=1" in errors[0]), errors
    assert_one_error(start("preview", "没有", cwd=tmp_path, env=ascii_locale), "no such directory")


@pytest.mark.skipif(os.getuid() != 0, reason="needs the right to become another user")
def test_no_home_folder(tmp_path):
    """A user id without an entry in /etc/passwd, and an empty environment; everything is imported before."""
    (tmp_path / "spec.yaml").write_text("fonts: {families: [Arimo]}\nbackground: {p_procedural: 1.0}\n")
    tmp_path.chmod(0o777)
    code = """
import os, sys
from subsynth.cli.commands import cli
from subsynth.cli.main import main
import subsynth.cli.inspect
arguments = ["preview", "--spec", "spec.yaml", "--count", "1"]
with cli.make_context("subsynth", list(arguments)) as context:
    cli.invoke(context)
for key in ("HOME", "SUBSYNTH_CACHE", "XDG_CACHE_HOME"):
    os.environ.pop(key, None)
os.setgroups([])
os.setgid(43210)
os.setuid(43210)
sys.argv[1:] = arguments
main()
"""
    assert_one_error(start(code=code, cwd=tmp_path), "home folder", "SUBSYNTH_CACHE")


def test_the_package_imports_nothing_heavy_before_it_is_used():
    code = "import sys, subsynth, subsynth.cli.main, subsynth.core.main_guard; print(*sys.modules)"
    modules = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not modules & {"numpy", "cv2", "pyarrow", "click", "yaml", "PIL"}
