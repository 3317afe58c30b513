"""Imports point down, and chance has one source."""

import ast
from pathlib import Path

import pytest

import subsynth

ROOT = Path(subsynth.__file__).parent

FLOORS = [
    {"errors", "version", "data", "names"},
    {"cache", "directory", "store"},
    {"place"},
    {"chance", "ink", "deflate", "coverage", "corpus", "typed"},
    {"styles", "effects", "scenery", "surround"},
    {"fonts", "backgrounds", "kernels"},
    {"outlines", "spec", "png"},
    {"layout"},
    {"materials"},
    {"recipe"},
    {"planning"},
    {"fused"},
    {"render"},
    {"columns"},
    {"content"},
    {"shards", "preview", "stats", "licences", "stream"},
    {"figures", "card", "entries"},
    {"claim", "merge"},
    {"task"},
    {"engines"},
    {"dataset"},
    {"verify", "patience"},
    {"hub"},
    {"cli"},
]
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}
FREE = {"__init__", "__main__"}


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in FREE and path.name != "rebuild.py":
            yield pytest.param(path, parts[0], id="/".join(parts))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{a.name}" for a in node.names)


@pytest.mark.parametrize(("path", "name"), list(modules()))
def test_imports_point_down(path, name):
    for module in imported(path):
        parts = module.split(".")
        if parts[0] == "subsynth" and len(parts) > 1 and parts[1] in FLOOR and parts[1] != name:
            assert FLOOR[parts[1]] < FLOOR[name], f"{name} imports {module}"


@pytest.mark.parametrize(("path", "name"), list(modules()))
def test_chance_is_the_only_source_of_chance(path, name):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert "random" not in set(imported(path))
    assert not any(isinstance(n, ast.Attribute) and n.attr in ("random", "randn", "randu") for n in ast.walk(tree))


def test_the_core_needs_no_torch():
    users = {p.stem for p in ROOT.rglob("*.py") if any(m.split(".")[0] == "torch" for m in imported(p))}
    assert users == {"stream"}
    assert not any("subsynth.stream" in set(imported(p)) for p in ROOT.rglob("*.py"))
