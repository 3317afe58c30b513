"""Typed sections: frozen dataclasses read from and written to YAML, with every key documented and checked.

A section is a dataclass whose fields are sections, bool, int, float, str, tuples of one of these, or Weights. Each
field is declared by `key`, which keeps its default, its documentation, its unit and its bounds in one place.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from subsynth.core.documents import MAX_SHOWN, shown
from subsynth.core.errors import SpecError
from subsynth.spec.weights import Weights

WEIGHT_LIMIT = 10**9  # the largest weight


@dataclass(frozen=True)
class Key:
    """The declaration of one key of a section: its documentation and its permitted values.

    `low` and `high` bound a number, each end of a range, or each weight; `choices` are the permitted strings, or the
    permitted names of weights (any name if empty).
    """

    doc: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def bounds(self) -> str:
        """The bounds in words, such as "0 to 1"; empty if there are none."""
        if self.high == WEIGHT_LIMIT:
            return "0 or more"
        if self.low is not None and self.high is not None:
            return f"{_number(self.low)} to {_number(self.high)}"
        return ""

    @property
    def comment(self) -> str:
        """Documentation, unit and bounds as one line."""
        details = "; ".join(part for part in (self.unit, self.bounds) if part)
        return f"{self.doc} ({details})" if details else self.doc


def key(
    default: Any,
    doc: str,
    unit: str = "",
    bounds: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a field of a section. A default of type dict becomes Weights, each at least 0."""
    if isinstance(default, dict):
        default, bounds = Weights(default), (0, WEIGHT_LIMIT)
    low, high = bounds if bounds is not None else (None, None)
    return dataclasses.field(default=default, metadata={"key": Key(doc, unit, low, high, choices)})


def key_of(item: dataclasses.Field[Any]) -> Key:
    """The declaration of a field made by `key`."""
    declaration: Key = item.metadata["key"]
    return declaration


def fields_of(section: Any) -> list[tuple[dataclasses.Field[Any], Any]]:
    """The fields of a section (an instance or a class) with their types."""
    cls = section if isinstance(section, type) else type(section)
    hints = typing.get_type_hints(cls)
    return [(item, hints[item.name]) for item in dataclasses.fields(cls)]


def validate(section: Any, prefix: str = "") -> None:
    """Convert every value of a new section to the exact type of its field and check its bounds, or raise SpecError.

    After conversion (14, 26) and [14.0, 26.0] are the same value, with the same digest. Called from __post_init__;
    `prefix` ("fonts.") starts the names in error messages.
    """
    for item, kind in fields_of(section):
        value, name = getattr(section, item.name), prefix + item.name
        if dataclasses.is_dataclass(kind):
            if not isinstance(value, typing.cast(type, kind)):
                raise SpecError(f"{name} is {shown(value)}; a section of the spec is needed")
        else:
            value = _convert(value, kind, name)
            _check(value, key_of(item), name)
            object.__setattr__(section, item.name, value)


def check_value(section: Any, key_name: str, value: Any, shown_as: str) -> None:
    """Check the value of one key of a section as `merge` would. Raises SpecError, which calls the key `shown_as`."""
    for item, kind in fields_of(section):
        if item.name == key_name:
            _check(_convert(value, kind, shown_as), key_of(item), shown_as)


def merge(base: Any, raw: dict[Any, Any], prefix: str = "") -> Any:
    """A copy of a section in which the values of a mapping replace its own, each checked. Raises SpecError."""
    known = {item.name: kind for item, kind in fields_of(base)}
    values = {}
    for name, value in raw.items():
        if name not in known:
            near = difflib.get_close_matches(str(name)[:MAX_SHOWN], known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
            shown_name = str(name)[:MAX_SHOWN] if str(name).isprintable() else repr(str(name)[:MAX_SHOWN])
            raise SpecError(f"unknown key {prefix}{shown_name}; {hint}")
        if dataclasses.is_dataclass(known[name]):
            if not isinstance(value, dict):
                raise SpecError(f"{prefix}{name} is {shown(value)}; a mapping of keys is needed")
            values[name] = merge(getattr(base, name), value, f"{prefix}{name}.")
        else:
            values[name] = value
    return dataclasses.replace(base, **values)


def to_plain(section: Any) -> Mapping[str, object]:
    """A section as nested dictionaries, lists and scalars, as JSON and YAML can hold them."""
    plain = {}
    for item, kind in fields_of(section):
        value = getattr(section, item.name)
        plain[item.name] = to_plain(value) if dataclasses.is_dataclass(kind) else _plain(value)
    return plain


def to_yaml(section: Any) -> str:
    """A section as YAML; a comment after each key documents it."""
    lines = []
    for item, kind in fields_of(section):
        value = getattr(section, item.name)
        if dataclasses.is_dataclass(kind):
            lines += [f"{item.name}:", *(f"  {line}" for line in to_yaml(value).splitlines())]
        elif isinstance(value, Weights):
            lines.append(f"{item.name}:  # {key_of(item).comment}")
            lines += [f"  {_flow(name)}: {_flow(weight)}" for name, weight in value.items()]
        else:
            lines.append(f"{item.name}: {_flow(value)}  # {key_of(item).comment}")
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Weights):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(_plain(value), default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return f"a list of {'names' if typing.get_args(kind)[0] is str else 'two numbers'}"
    names = {Weights: "a mapping of names to weights", bool: "true or false", int: "a whole number", float: "a number"}
    return names.get(kind, "a string")


def _convert(value: Any, kind: Any, name: str) -> Any:
    """The value in the exact type of a field, or SpecError."""
    wrong = SpecError(f"{name} is {shown(value)}; {_describe(kind)} is needed")
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        if not isinstance(value, list | tuple) or (inner[-1] is not Ellipsis and len(value) != len(inner)):
            raise wrong
        return tuple(_scalar(v, inner[0], wrong) for v in value)
    if kind is Weights:
        if not isinstance(value, Mapping):
            raise wrong
        return Weights({_scalar(k, str, wrong): _scalar(v, float, wrong) for k, v in value.items()})
    return _scalar(value, kind, wrong)


def _scalar(value: Any, kind: type, wrong: SpecError) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise wrong from error
    if type(value) is not kind:
        raise wrong
    # -0.0 becomes 0.0: they are equal, and so must be their digests.
    return typing.cast(float, value) + 0.0 if kind is float else value


def _check(value: Any, declaration: Key, name: str) -> None:
    """Raise SpecError for a value outside the bounds of its key."""
    if isinstance(value, Weights):
        _check_weights(value, declaration, name)
    elif isinstance(value, str):
        if declaration.choices and value not in declaration.choices:
            raise SpecError(f"{name} is {shown(value)}; use {' or '.join(declaration.choices)}")
    elif declaration.low is not None and declaration.high is not None:
        for number in value if isinstance(value, tuple) else (value,):
            _within(number, declaration.low, declaration.high, name)
        if isinstance(value, tuple) and value[0] > value[1]:
            raise SpecError(f"{name} is {shown(list(value))}; the first end must not be the larger")


def _check_weights(weights: Weights, declaration: Key, name: str) -> None:
    for entry, weight in weights.items():
        if declaration.choices and entry not in declaration.choices:
            raise SpecError(f"{name} has the key {shown(entry)}; use {', '.join(declaration.choices)}")
        _within(weight, declaration.low or 0.0, declaration.high or math.inf, f"{name}.{entry}")
    if not sum(weights.values()) > 0:
        raise SpecError(f"{name} is {shown(weights)}; at least one weight must be above 0")


def _within(value: float, low: float, high: float, name: str) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise SpecError(f"{name[:MAX_SHOWN]} is {shown(value)}; it must lie in {_number(low)}..{_number(high)}")


def _number(value: float) -> str:
    """A bound in readable form: large integers as powers of two, others as plain numbers."""
    if isinstance(value, int) and value >= 2**20:
        exponent = value.bit_length() - 1
        return f"2**{exponent}" if value == 2**exponent else f"2**{exponent + 1} - 1"
    return f"{value:g}"
