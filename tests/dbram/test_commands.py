"""All commands of the package: their help, their options, the examples in their help, and those in the README."""

import dataclasses
import importlib
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import dbram_baseline
from dbram_baseline.training.config import Config

ROOT = Path(dbram_baseline.__file__).parent
MODULES = [
    importlib.import_module(f"dbram_baseline.{module.name}")
    for module in pkgutil.iter_modules(dbram_baseline.__path__)
    if not module.ispkg
]
COMMANDS = {module.command.name: module.command for module in MODULES if hasattr(module, "command")}


def example_lines(text):
    """The command lines of this package in a text, without what follows in a comment."""
    for line in re.findall(r"^ *(?:python|torchrun [^\n]*?) ?-m (dbram_baseline\.[^\n]*)", text, re.MULTILINE):
        yield line.partition("#")[0].strip()


def documented_lines():
    for name, command in COMMANDS.items():
        lines = list(example_lines(command.help))
        assert lines, f"{name}: no example in its help"
        yield from lines
    yield from example_lines((ROOT / "README.md").read_text(encoding="utf-8"))


def test_there_are_commands():
    assert set(COMMANDS) >= {"train", "score", "binarize", "ocr", "reproduce"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_and_each_option_too(name):
    result = CliRunner().invoke(COMMANDS[name], ["--help"])
    assert result.exit_code == 0
    options = [p for p in COMMANDS[name].params if isinstance(p, click.Option)]
    assert options
    for option in options:
        assert option.opts[0] in result.output and option.help


@pytest.mark.parametrize("line", sorted(set(documented_lines())))
def test_documented_lines_are_valid(line):
    """Each option exists and accepts its value."""
    module, *arguments = shlex.split(line)
    command = COMMANDS[module.removeprefix("dbram_baseline.")]
    assert command.make_context(command.name, arguments).params


def test_each_command_reports_errors_in_one_line():
    """In processes of their own: as `python -m` runs them."""
    lines = {name: [sys.executable, "-m", f"dbram_baseline.{name}", "--no-such-option"] for name in COMMANDS}
    running = {name: subprocess.Popen(line, stderr=subprocess.PIPE, text=True) for name, line in lines.items()}
    for name, process in running.items():
        message = process.communicate(timeout=170)[1]
        assert process.returncode == 2 and len(message.splitlines()) == 1, message
        assert message.startswith(f"{name}: error: ") and "--no-such-option" in message


def test_each_hyperparameter_has_an_option():
    options = {param.name for param in COMMANDS["train"].params}
    assert {field.name for field in dataclasses.fields(Config)} <= options
