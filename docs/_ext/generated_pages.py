"""Sphinx extension: pages whose tables are generated from the code, so that they cannot go stale.

A line `<!-- generated: NAME -->` of a page is replaced, before the page is parsed, by Markdown from GENERATORS[NAME].
"""

from __future__ import annotations

import ast
import dataclasses
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from sphinx.application import Sphinx

import subsynth
from subsynth import Spec, film_en, film_zh, sub_en, sub_zh
from subsynth.format import schema
from subsynth.spec import yaml_schema
from subsynth.spec.weights import Weights

ROOT = Path(__file__).parents[2]
NUMBERS = {bool: "`true` or `false`", int: "integers", float: "numbers", str: "strings"}
EXAMPLES = "| Examples:"
PLACEHOLDER = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head), ["---"] * len(list(head)), *map(list, rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def value(item: Any) -> str:
    """A value of the spec as YAML writes it, in code type; long lists and weights are broken between entries."""
    if isinstance(item, Weights):
        return ", ".join(f"`{name}: {weight:g}`" for name, weight in item.items())
    if isinstance(item, tuple) and item and isinstance(item[0], str):
        return ", ".join(f"`{name}`" for name in item)
    if isinstance(item, tuple):
        return f"`[{', '.join(f'{number:g}' for number in item)}]`"
    return f"`{item:g}`" if isinstance(item, float) else f"`{item}`"


def permitted(hint: Any, key: Any) -> str:
    """What a key may be: its type with bounds and unit, or its choices."""
    if hint is Weights:
        return "weights" + (" of " + ", ".join(f"`{choice}`" for choice in key.choices) if key.choices else "")
    if key.choices:
        return " or ".join(f"`{choice}`" for choice in key.choices)
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        name = f"list of {key.unit or 'strings'}" if item is str else f"two {NUMBERS[item]}"
    else:
        name = NUMBERS[hint].removesuffix("s")
    unit = key.unit if key.unit not in ("paths", "names", "probability") else ""
    return ", ".join(part for part in (name, key.bounds + (f" {unit}" if unit and key.bounds else unit)) if part)


def keys(section: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any, Any]]:
    """(name, type, declaration, default) of each key of a section that is not itself a section."""
    for item, hint in yaml_schema.fields_of(section):
        if not dataclasses.is_dataclass(hint):
            yield prefix + item.name, hint, yaml_schema.key_of(item), item.default


def sections() -> Iterator[tuple[str, Any]]:
    """(name, class) of each section of the spec."""
    for item, hint in yaml_schema.fields_of(Spec):
        if dataclasses.is_dataclass(hint):
            yield item.name, hint


def key_table(section: Any, prefix: str) -> str:
    """The keys of one section: name, permitted values with their unit, default and documentation."""
    rows = [
        (f"`{name}`", permitted(hint, key), value(default), key.doc)
        for name, hint, key, default in keys(section, prefix)
    ]
    return table(("key", "permitted", "default", "meaning"), rows)


def spec_tables() -> str:
    """The whole spec, one heading and one table for each section."""
    parts = ["## Top level", key_table(Spec, "")]
    for name, section in sections():
        parts += [f"## `{name}`", (section.__doc__ or "").strip(), key_table(section, f"{name}.")]
    return "\n\n".join(parts)


def preset_table() -> str:
    """The keys whose value in a preset differs from the default of the key."""
    presets = (sub_en(), sub_zh(), film_en(), film_zh())
    rows = []
    for name, section in [("", Spec), *sections()]:
        for key, _, _, default in keys(section, f"{name}." if name else ""):
            owners = [getattr(spec, name) if name else spec for spec in presets]
            values = [getattr(owner, key.rpartition(".")[2]) for owner in owners]
            if any(v != default for v in values):
                rows.append((f"`{key}`", *map(value, values)))
    return table(("key", *(f"`{spec.name}`" for spec in presets)), rows)


def column_table() -> str:
    """The columns of a data set: name, type, meaning and unit."""
    types = schema.column_types()
    rows = []
    for name in schema.ALL:
        kind = "image" if name in schema.IMAGES else types[name]
        kind = {schema.COLOR: "3 numbers", schema.BOXES: "boxes"}.get(kind, kind)
        rows.append((f"`{name}`", kind, schema.DESCRIPTIONS[name]))
    return table(("column", "type", "meaning"), rows)


def summary(path: Path) -> str:
    """The first line of the docstring of a package or a module."""
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not source.is_file():
        return ""
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def layers(package: str) -> list[list[str]]:
    """The layers of a package, lowest first, as tests/test_imports.py enforces them."""
    tree = ast.parse((ROOT / "tests/test_imports.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and _name(node.targets[0]) == "ORDER":
            for key, entry in zip(node.value.keys, node.value.values, strict=True):
                if _name(key) == package:
                    return [[name] if isinstance(name, str) else list(name) for name in ast.literal_eval(entry)]
    raise LookupError(f"tests/test_imports.py has no ORDER of {package}")


def _name(node: ast.AST | None) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def layer_table(package: str) -> Callable[[], str]:
    """A generator of the table of a package's layers, the highest first."""

    def generate() -> str:
        rows = []
        for layer in reversed(layers(package)):
            for name in layer:
                path = ROOT / package / name
                if path.is_dir() or path.with_suffix(".py").is_file():
                    rows.append((f"`{package}/{name}{'/' if path.is_dir() else '.py'}`", summary(path)))
        return table(("layer", "content"), rows)

    return generate


def baseline_commands() -> str:
    """A sphinx-click directive for each command of the baseline: the modules of its highest layer."""
    names = [name for name in layers("dbram_baseline")[-1] if (ROOT / f"dbram_baseline/{name}.py").is_file()]
    directive = "```{{eval-rst}}\n.. click:: dbram_baseline.{0}:command\n   :prog: python -m dbram_baseline.{0}\n```"
    return "\n\n".join(directive.format(name) for name in names)


def public_errors() -> str:
    """An autodoc directive for each public exception of subsynth, the base class first."""
    public = [getattr(subsynth, name) for name in subsynth.__all__]
    errors = [item for item in public if isinstance(item, type) and issubclass(item, Exception)]
    errors.sort(key=lambda error: (len(error.__mro__), error.__name__))
    return "\n".join(["```{eval-rst}", *(f".. autoexception:: subsynth.{error.__name__}" for error in errors), "```"])


GENERATORS: dict[str, Callable[[], str]] = {
    "spec": spec_tables,
    "presets": preset_table,
    "columns": column_table,
    "errors": public_errors,
    "baseline-commands": baseline_commands,
    "layers-subsynth": layer_table("subsynth"),
    "layers-baseline": layer_table("dbram_baseline"),
}


def replace(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Replace the placeholders of a page. Raises KeyError for a name that has no generator."""
    source[0] = PLACEHOLDER.sub(lambda match: GENERATORS[match[1]](), source[0])


def format_examples(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Turn the examples in the help text of a command into a block of code; sphinx-click makes them lines of prose."""
    if EXAMPLES in lines:
        start = lines.index(EXAMPLES)
        examples = [f"   {line.removeprefix('|').strip()}" for line in lines[start + 1 :]]
        lines[start:] = ["Examples:", "", ".. code-block:: shell", "", *examples, ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("sphinx_click")
    app.connect("source-read", replace)
    app.connect("sphinx-click-process-description", format_examples)
    return {"parallel_read_safe": True}
