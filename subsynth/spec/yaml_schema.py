"""Typed: frozen dataclasses from YAML mappings and back, every key checked and explained.

A section is a dataclass whose fields are sections, int, float, str, tuples of one of these, or weights
(dict of str to float), each with its explanation in the field's metadata under "doc".
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from typing import Any

import yaml

from subsynth.core.errors import SpecError


def settle(part: Any, prefix: str = "") -> None:
    """Bring every value of a new section into the exact type of its field, or raise SpecError.

    So (14, 26) and [14.0, 26.0] are the same value, with the same digest.
    """
    for item, kind in _fields(part):
        value, name = getattr(part, item.name), prefix + item.name
        if dataclasses.is_dataclass(kind):
            if not isinstance(value, typing.cast(type, kind)):
                raise SpecError(f"{name} is {value!r}; a section of the spec is needed")
            settle(value, f"{name}.")
        else:
            object.__setattr__(part, item.name, _coerce(value, kind, name))


def _fields(part: Any) -> list[tuple[dataclasses.Field[Any], Any]]:
    hints = typing.get_type_hints(type(part))
    return [(item, hints[item.name]) for item in dataclasses.fields(part)]


def merge(base: Any, raw: dict[Any, Any], prefix: str = "") -> Any:
    """A copy of a section with the values of a mapping put in, each checked. Raises SpecError."""
    known = {item.name: kind for item, kind in _fields(base)}
    values = {}
    for key, value in raw.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
            raise SpecError(f"unknown key {prefix}{key}; {hint}")
        kind, name = known[key], f"{prefix}{key}"
        if dataclasses.is_dataclass(kind):
            if not isinstance(value, dict):
                raise SpecError(f"{name} is {value!r}; a mapping of keys is needed")
            values[key] = merge(getattr(base, key), value, f"{name}.")
        else:
            values[key] = _coerce(value, kind, name)
    return dataclasses.replace(base, **values)


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        return f"a list of {'names' if inner[0] is str else 'two numbers'}"
    if typing.get_origin(kind) is dict:
        return "a mapping of names to weights"
    return {int: "a whole number", float: "a number", str: "a string"}[kind]


def _coerce(value: Any, kind: Any, name: str) -> Any:
    """The value in the exact type of a field, or SpecError."""
    wrong = SpecError(f"{name} is {value!r}; {_describe(kind)} is needed")
    origin = typing.get_origin(kind)
    if origin is tuple:
        inner = typing.get_args(kind)
        if not isinstance(value, list | tuple) or (inner[-1] is not Ellipsis and len(value) != len(inner)):
            raise wrong
        return tuple(_scalar(v, inner[0], wrong) for v in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise wrong
        return {_scalar(k, str, wrong): _scalar(v, float, wrong) for k, v in value.items()}
    return _scalar(value, kind, wrong)


def _scalar(value: Any, kind: type, wrong: SpecError) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise wrong from error
    if type(value) is not kind:
        raise wrong
    return value


def dump(section: Any) -> str:
    """A section as YAML, each key with its explanation behind it."""
    out = []
    for item, kind in _fields(section):
        value = getattr(section, item.name)
        if dataclasses.is_dataclass(kind):
            inner = dump(value).splitlines()
            out += [f"{item.name}:", *(f"  {line}" for line in inner)]
        elif isinstance(value, dict):
            out.append(f"{item.name}:  # {item.metadata['doc']}")
            out += [f"  {_flow(k)}: {_flow(v)}" for k, v in value.items()]
        else:
            out.append(f"{item.name}: {_flow(value)}  # {item.metadata['doc']}")
    return "\n".join(out) + "\n"


def _flow(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    text: str = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")
