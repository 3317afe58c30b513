"""JSON and YAML from untrusted sources: parsed within bounds, before anything is built from the values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 50  # of nested lists and mappings
MAX_VALUES = 100_000  # of a YAML text; values that aliases repeat are counted each time
MAX_DIGITS = 100  # characters of a number in YAML
MAX_SHOWN = 120  # characters of a value in a message

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the compiled one, if it is installed
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")


def shown(value: object, limit: int = MAX_SHOWN) -> str:
    """A value for a message: its repr, cut to `limit` characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or deep nesting
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def parse_json(content: str | bytes) -> object:
    """The value of a JSON text in UTF-8.

    Raises ValueError, with a short reason, for anything else, and for NaN, infinity, duplicate keys, values nested more
    than MAX_DEPTH deep, and text that cannot be encoded as UTF-8.
    """
    text = content.decode("utf-8") if isinstance(content, bytes) else content
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(f"nested more than {MAX_DEPTH} deep") from error
    _check_values(value)
    return value


def parse_yaml(content: str | bytes) -> object:
    """The value of one YAML document in UTF-8, of plain values only.

    Raises ValueError, with a one-line reason, for anything else, and for duplicate keys, values nested more than
    MAX_DEPTH deep, aliases inside the value that they refer to, and more than MAX_VALUES values, aliases expanded.
    """
    text = content.decode("utf-8") if isinstance(content, bytes) else content
    try:
        _check_events(yaml.parse(text, Loader=_Loader))
        value: object = yaml.load(text, Loader=_Loader)
    except RecursionError as error:
        raise ValueError(f"nested more than {MAX_DEPTH} deep") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:300]) from error
    _check_values(value)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {shown(next(k for k in keys if keys.count(k) > 1))} occurs twice")
    return values


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _check_values(value: object) -> None:
    """Raise ValueError for nesting that is too deep and for text that cannot be encoded as UTF-8."""
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            if not item.isascii():
                item.encode()  # UnicodeEncodeError is a ValueError
        elif isinstance(item, list | dict):
            if depth > MAX_DEPTH:
                raise ValueError(f"nested more than {MAX_DEPTH} deep")
            pending += [(inner, depth + 1) for inner in item]  # of a mapping: its keys
            if isinstance(item, dict):
                pending += [(inner, depth + 1) for inner in item.values()]


@dataclass
class _Open:
    """A list or mapping that is not complete yet. `values` and `depth` include values that aliases repeat."""

    is_mapping: bool
    anchor: str | None
    values: int = 1
    depth: int = 1
    children: int = 0
    keys: set[tuple[str, bool]] = field(default_factory=set)


def _check_events(events: Iterator[Any]) -> None:
    """Raise ValueError for a YAML text with too many, too deeply nested or ambiguous values."""
    stack: list[_Open] = []
    anchors: dict[str, tuple[int, int]] = {}  # of each complete value: number of values in it, and their depth
    for event in events:
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            stack.append(_Open(isinstance(event, yaml.MappingStartEvent), event.anchor))
            if len(stack) > MAX_DEPTH:
                raise ValueError(f"nested more than {MAX_DEPTH} deep")
            continue
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = stack.pop()
            anchor, values, depth = closed.anchor, closed.values, closed.depth
        elif isinstance(event, yaml.ScalarEvent):
            anchor, values, depth = event.anchor, 1, 0
            _check_scalar(event, stack[-1] if stack else None)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise ValueError(f"alias {shown(event.anchor)} is undefined, or is inside the value that it refers to")
            anchor, (values, depth) = None, anchors[event.anchor]
        else:
            continue
        if anchor:
            anchors[anchor] = values, depth
        if stack:
            parent = stack[-1]
            parent.children += 1
            parent.values += values
            parent.depth = max(parent.depth, depth + 1)
            if parent.values > MAX_VALUES or parent.depth > MAX_DEPTH:
                raise ValueError(f"more than {MAX_VALUES:,} values, or nested more than {MAX_DEPTH} deep")


def _check_scalar(event: Any, parent: _Open | None) -> None:
    """Raise ValueError for a duplicate key, and for a number that would take long to parse."""
    is_plain = bool(event.implicit[0])
    if is_plain and len(event.value) > MAX_DIGITS:
        tag = yaml.resolver.Resolver().resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call]
        if tag in _NUMBERS:
            raise ValueError(f"a number of {len(event.value):,} characters")
    if parent is not None and parent.is_mapping and parent.children % 2 == 0:
        key = event.value, is_plain
        if key in parent.keys and event.value != "<<":
            raise ValueError(f"the key {shown(event.value)} occurs twice")
        parent.keys.add(key)
