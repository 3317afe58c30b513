"""Imports point down between the folders, and subsynth.core.rng is the only source of randomness."""

import ast
from pathlib import Path

import pytest

import dbram_baseline
import subsynth

# Folders and top-level modules of each package, lowest first: each may import from itself and from those before it.
ORDER = {
    subsynth: (
        "core", "data", "kernels", "storage", "spec", "assets", "planning", "rendering", "format", "stream", "report",
        "build", "verify", "publish", "cli",
    ),
    dbram_baseline: (
        "errors", "arrays", "model", "networks", "data", "classical", "evaluation", "training", "reproduction",
        ("train", "score", "binarize", "ocr", "reproduce"),
    ),
}  # fmt: skip
RANDOM_MODULES = ("random", "numpy.random", "secrets", "uuid", "torch.random")
# Training draws orders and initial weights from torch's seeded generators; data sets must not.
PYTHON_FILES = [path for package in ORDER for path in sorted(Path(package.__file__).parent.rglob("*.py"))]


def rank_of(package):
    """Name of a folder or top-level module -> its height."""
    return {
        name: height
        for height, names in enumerate(ORDER[package])
        for name in ([names] if isinstance(names, str) else names)
    }


def package_of(path):
    return next(p for p in ORDER if Path(p.__file__).parent in path.parents)


def own_name(path):
    """The folder or top-level module that a file belongs to, or None for a package's own entry points."""
    parts = path.relative_to(Path(package_of(path).__file__).parent).with_suffix("").parts
    return None if parts[0] in ("__init__", "__main__") else parts[0]


def imported_modules(path):
    """Every module that a file imports, at any depth of its code, by its full name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


CODE = [pytest.param(p, id="/".join(p.parts[-3:])) for p in PYTHON_FILES if p.name != "rebuild.py"]


@pytest.mark.parametrize("path", CODE)
def test_imports_point_down(path):
    package, name = package_of(path), own_name(path)
    if name is None:
        return
    rank = rank_of(package)
    assert name in rank, f"{name} has no place in the order of {package.__name__}"
    for module in imported_modules(path):
        root, _, rest = module.partition(".")
        other = rest.partition(".")[0]
        if root == package.__name__ and other in rank and other != name:
            assert rank[other] < rank[name], f"{path} imports {module}"


@pytest.mark.parametrize("path", CODE)
def test_packages_know_only_what_is_below_them(path):
    """subsynth does not import the baseline; the baseline imports only subsynth's public names."""
    for module in imported_modules(path):
        if package_of(path) is subsynth:
            assert not module.startswith("dbram_baseline")
        elif module.startswith("subsynth."):
            assert module.removeprefix("subsynth.") in subsynth.__all__, f"{path} imports {module}"


@pytest.mark.parametrize("path", [p for p in CODE if package_of(p.values[0]) is subsynth])
def test_randomness_has_one_source(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set(imported_modules(path))
    assert not [n for n in names if any(n == m or n.startswith(f"{m}.") for m in RANDOM_MODULES)]
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not attributes & {"random", "default_rng", "randn", "randu", "urandom", "uuid4"}


def test_only_the_stream_uses_torch():
    root = Path(subsynth.__file__).parent
    users = {p.stem for p in root.rglob("*.py") if any(m.split(".")[0] == "torch" for m in imported_modules(p))}
    assert users == {"stream"}
    assert not any("subsynth.stream" in set(imported_modules(p)) for p in root.rglob("*.py"))


@pytest.mark.parametrize("path", CODE)
def test_importing_a_module_gives_the_module(path):
    """No package's __init__ binds a name that hides one of its modules."""
    if path.name != "__init__.py":
        return
    siblings = {p.stem for p in path.parent.glob("*.py")} | {p.parent.name for p in path.parent.glob("*/__init__.py")}
    bound = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
    assert not bound & siblings, path
