"""Imports point down between the folders, and subsynth.core.rng is the only source of randomness."""

import ast
import graphlib
from pathlib import Path

import pytest

import dbram_baseline
import subsynth

# Folders and top-level modules of each package, lowest first: each may import from itself and from those before it.
ORDER = {
    subsynth: (
        "core", "data", "kernels", "storage", "spec", "assets", "binarization", "planning", "rendering", "format",
        "stream", "report", "build", "verification", "verify", "publish", "cli",
    ),
    dbram_baseline: (
        "errors", "arrays", "files", "model", "networks", "data", "classical", "evaluation", "training", "reproduction",
        "command", ("train", "score", "binarize", "ocr", "reproduce", "export"),
    ),
}  # fmt: skip
RANDOM_MODULES = ("random", "numpy.random", "secrets", "uuid", "torch.random")
# Attributes and imported names that draw random numbers, or seed them, in NumPy, OpenCV, torch and os.
RANDOM_NAMES = {
    "random", "default_rng", "RandomState", "rand", "randn", "randu", "randShuffle", "randperm", "rand_like",
    "manual_seed", "setRNGSeed", "theRNG", "urandom", "getrandom", "uuid1", "uuid4", "effect_noise",
}  # fmt: skip
# How every program here reports errors and Ctrl-C: the baseline uses it too.
COMMAND_LINE = ("subsynth.core.main_guard", "subsynth.core.terminal", "subsynth.core.worker_processes")
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


def string_arguments(path):
    """String literals that are passed to import_module or __import__."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant))


def module_name(path):
    """The full name of a file as a module."""
    parts = path.relative_to(Path(package_of(path).__file__).parent.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_random(module):
    return any(module == name or module.startswith(f"{name}.") for name in RANDOM_MODULES)


CODE = [pytest.param(p, id="/".join(p.parts[-3:])) for p in PYTHON_FILES if p.name != "rebuild.py"]


@pytest.mark.parametrize("path", [param for param in CODE if own_name(param.values[0])])
def test_imports_point_down(path):
    package, name = package_of(path), own_name(path)
    rank = rank_of(package)
    assert name in rank, f"{name} has no place in the order of {package.__name__}"
    for module in imported_modules(path):
        root, _, rest = module.partition(".")
        other = rest.partition(".")[0]
        if root == package.__name__ and other in rank and other != name:
            assert rank[other] < rank[name], f"{path} imports {module}"


@pytest.mark.parametrize("package", ORDER)
def test_the_order_names_no_folder_that_is_gone(package):
    names = {own_name(path) for path in PYTHON_FILES if package_of(path) is package} - {None}
    assert set(rank_of(package)) == names


def test_no_modules_import_each_other_when_they_are_imported():
    """Neither across folders nor within one. Imports inside functions happen later, and are not looked at."""
    files = {module_name(param.values[0]): param.values[0] for param in CODE}
    graph = {}
    for name, path in files.items():
        top_level = [n for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.ImportFrom)]
        imported = {node.module for node in top_level}
        imported |= {f"{node.module}.{alias.name}" for node in top_level for alias in node.names}
        graph[name] = imported & set(files) - {name}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", CODE)
def test_packages_know_only_what_is_below_them(path):
    """subsynth does not import the baseline; the baseline imports only subsynth's public names, and COMMAND_LINE."""
    for module in imported_modules(path):
        if package_of(path) is subsynth:
            assert not module.startswith("dbram_baseline")
        elif module.startswith("subsynth."):
            public = module.removeprefix("subsynth.") in subsynth.__all__ or module.startswith(COMMAND_LINE)
            assert public or module == "subsynth.core", f"{path} imports {module}"


@pytest.mark.parametrize("path", [param for param in CODE if package_of(param.values[0]) is subsynth])
def test_randomness_has_one_source(path):
    modules = {*imported_modules(path), *string_arguments(path)}
    assert not [module for module in modules if is_random(module)]
    assert not {module.rpartition(".")[2] for module in modules} & RANDOM_NAMES
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & RANDOM_NAMES


@pytest.mark.parametrize("path", [param for param in CODE if package_of(param.values[0]) is dbram_baseline])
def test_the_baseline_draws_from_seeded_generators_alone(path):
    """Orders and initial weights come from torch, which a command seeds; NumPy's generators are given a seed."""
    modules = {*imported_modules(path), *string_arguments(path)}
    assert not [module for module in modules if is_random(module) and module != "torch.random"]
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    seeded = [call.func for call in calls if ast.unparse(call.func) == "np.random.default_rng" and call.args]
    generators = [
        n for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) in ("np.random", "numpy.random")
    ]
    assert all(node in seeded for node in generators), path
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert not names & {"urandom", "randu", "randShuffle", "RandomState", "SystemRandom"}


def test_only_the_stream_uses_torch():
    root = Path(subsynth.__file__).parent
    users = {p.stem for p in root.rglob("*.py") if any(m.split(".")[0] == "torch" for m in imported_modules(p))}
    assert users == {"stream"}
    assert not any("subsynth.stream" in set(imported_modules(p)) for p in root.rglob("*.py"))


@pytest.mark.parametrize("path", [param for param in CODE if param.values[0].name == "__init__.py"])
def test_no_package_hides_one_of_its_modules(path):
    """No __init__.py binds a name that is also the name of a module or folder beside it."""
    siblings = {p.stem for p in path.parent.glob("*.py")} | {p.parent.name for p in path.parent.glob("*/__init__.py")}
    bound = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign):
            bound |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    assert not bound & siblings, path
