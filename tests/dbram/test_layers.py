"""Imports of the package point down, and of subsynth it uses only the public names."""

import ast
from pathlib import Path

import pytest

import dbram_baseline
import subsynth

ROOT = Path(dbram_baseline.__file__).parent
LAYERS = [
    "errors", "arrays", "files", "model", "networks", "data", "classical", "evaluation", "training", "reproduction",
    "command",
]  # fmt: skip
# How every program here reports errors and Ctrl-C; besides the public names, the only part of subsynth that is used.
COMMAND_LINE = ("subsynth.core.main_guard", "subsynth.core.terminal", "subsynth.core.worker_processes")
FILES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in sorted(ROOT.rglob("*.py"))]


def imports(path):
    """The modules that a file imports, and for "from module import name" also module.name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(part):
    """The height of a part of the package; commands are above all others."""
    return LAYERS.index(part) if part in LAYERS else len(LAYERS)


@pytest.mark.parametrize("path", FILES)
def test_imports_point_down(path):
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    for name in imports(path):
        package, _, rest = name.partition(".")
        part = rest.partition(".")[0]
        if package == "dbram_baseline" and part != own:
            assert layer(part) < layer(own), f"{own} imports {name}"
        if package == "subsynth":
            assert name == "subsynth" or rest in subsynth.__all__ or name.startswith(COMMAND_LINE), (
                f"{name} is not public"
            )


def test_packages_do_not_hide_their_modules():
    """`import dbram_baseline.train` gives the module: an __init__.py defines no names."""
    for path in ROOT.rglob("__init__.py"):
        if path.parent != ROOT:
            assert not list(imports(path)), path
