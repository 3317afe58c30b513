"""The site builds without a warning, and its generated pages have every command, option, key, column and layer."""

import dataclasses
import html
import importlib
import pkgutil
import re
import subprocess
import sys
import typing
from pathlib import Path

import click
import pytest

import dbram_baseline
import subsynth
from subsynth import Spec
from subsynth.cli.commands import cli
from subsynth.format.schema import ALL, DESCRIPTIONS, LABELS
from subsynth.planning.recipe import Recipe
from subsynth.spec.yaml_schema import key_of

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = pytest.mark.slow  # importing torch, running Sphinx: about ten seconds


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The directory of the built site."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", out / "doctrees", DOCS, out / "html"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=out)
    assert process.returncode == 0, process.stderr
    return out / "html"


def source_of(site, page):
    return (site / page).read_text(encoding="utf-8")


def text_of(site, page):
    """The words of a page, separated by single spaces."""
    article = re.search(r"<article.*?</article>", source_of(site, page), re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", article[0])).split())


def commands():
    """(how it is called, command) of every command of the package and of the baseline."""
    context = click.Context(cli)
    cli_commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    yield from ((f"subsynth {name}", command) for name, command in cli_commands.items())
    for module in pkgutil.iter_modules(dbram_baseline.__path__):
        command = getattr(importlib.import_module(f"dbram_baseline.{module.name}"), "command", None)
        if isinstance(command, click.Command):
            yield f"python -m dbram_baseline.{module.name}", command


COMMANDS = list(commands())


def spec_keys(section, prefix=""):
    """(name, field) of every key, also of nested sections."""
    hints = typing.get_type_hints(section)
    for field in dataclasses.fields(section):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from spec_keys(hints[field.name], f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field


def test_the_commands_are_found():
    assert {"subsynth render", "python -m dbram_baseline.train"} <= {name for name, _ in COMMANDS}


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_option_is_documented(site, name, command):
    source, text = source_of(site, "reference/commands.html"), text_of(site, "reference/commands.html")
    assert f"{name} [OPTIONS]" in text
    for parameter in command.params:
        is_argument = isinstance(parameter, click.Argument)
        label = f"arg-{parameter.name.upper()}" if is_argument else parameter.opts[0].lstrip("-")
        anchor = re.sub("[ -]+", "-", f"cmdoption-{name}-{label}")
        assert f'id="{anchor}"' in source, label
        assert is_argument or " ".join((parameter.help or "").replace("`", "").split()) in text


@pytest.mark.parametrize(("name", "field"), list(spec_keys(Spec)), ids=[name for name, _ in spec_keys(Spec)])
def test_every_key_of_the_spec_is_documented(site, name, field):
    assert f'<span class="pre">{name}</span>' in source_of(site, "reference/spec.html")
    assert key_of(field).doc.replace("`", "") in text_of(site, "reference/spec.html")


def test_every_column_is_documented(site):
    source, text = source_of(site, "reference/data-format.html"), text_of(site, "reference/data-format.html")
    recipe = {field.name for field in dataclasses.fields(Recipe)} - {"spec", "split"}
    assert set(ALL) == recipe | {"image", "ground_truth", "contrast", *LABELS}
    for name in ALL:
        assert f'<span class="pre">{name}</span>' in source
        assert DESCRIPTIONS[name].replace("`", "") in text


def test_every_public_name_is_documented(site):
    source = source_of(site, "reference/python.html")
    names = {f"subsynth.{name}" for name in subsynth.__all__} - {"subsynth.__version__"}
    for name in names | {"subsynth.stream.SubtitleStream", "subsynth.stream.iterable", "subsynth.verify.verify"}:
        assert f'id="{name}"' in source, name


@pytest.mark.parametrize("package", [subsynth, dbram_baseline])
def test_every_folder_is_in_the_table_of_layers(site, package):
    text = text_of(site, "architecture.html")
    for module in pkgutil.iter_modules(package.__path__):
        name = f"{package.__name__}/{module.name}{'/' if module.ispkg else '.py'}"
        assert module.name == "__main__" or name in text, name
