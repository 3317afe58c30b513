"""Weights: an immutable mapping of names to numbers, used for categorical draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Weights(Mapping[str, float]):
    """Names with non-negative weights, in the order given. Immutable and hashable, as a spec has to be."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, float] | None = None):
        object.__setattr__(self, "_items", tuple(dict(items or {}).items()))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"weights are immutable; {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"weights are immutable; {name!r} cannot be deleted")

    def __getitem__(self, name: str) -> float:
        for key, value in self._items:
            if key == name:
                return float(value)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def __repr__(self) -> str:
        return repr(dict(self._items))

    def __reduce__(self) -> tuple[type[Weights], tuple[dict[str, float]]]:
        return Weights, (dict(self._items),)

    _items: tuple[tuple[str, float], ...]
