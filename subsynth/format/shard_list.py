"""The list of all shards of a data set: a lazy sequence, since the largest spec has tens of millions."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from subsynth.spec.spec import Spec
from subsynth.storage.paths import DATA

_NAME = re.compile(r"(?P<split>[a-z_]{1,40})-(?P<number>[0-9]{5,12})-of-(?P<count>[0-9]{5,12})\.parquet")


@dataclass(frozen=True)
class ShardLayout:
    """How a split is divided into files.

    A shard of 1,250 rows is about 25 MB, which streams well, and little is lost with an unfinished one. A split that
    would have more than `max_shards` files has larger ones: `rows` is doubled until it fits, to at most 16 times.
    """

    rows: int = 1250  # per shard
    row_group: int = 250  # rows that a streaming reader fetches at a time
    max_shards: int = 4000
    max_factor: int = 16


DEFAULT_LAYOUT = ShardLayout()


@dataclass(frozen=True, slots=True)
class Shard:
    """The samples start..stop-1 of a split, as file `number` of `count`."""

    split: str
    number: int
    count: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """The file's name in data/."""
        return f"{self.split}-{self.number:05d}-of-{self.count:05d}.parquet"

    @property
    def path(self) -> str:
        """The file's path below the root of the data set."""
        return f"{DATA}/{self.name}"

    @property
    def rows(self) -> int:
        """Number of samples."""
        return self.stop - self.start


@dataclass(frozen=True)
class _SplitShards:
    """The shards of one split: `count` files of `rows` samples each, of which the last may have fewer."""

    split: str
    size: int
    rows: int
    count: int
    first: int  # position of its first shard in the list of all

    def shard(self, number: int) -> Shard:
        start = number * self.rows
        return Shard(self.split, number, self.count, start, min(start + self.rows, self.size))

    def rows_of(self, positions: range) -> int:
        """The number of samples in those of its shards that are at some positions, in ascending order."""
        start, step = positions.start, positions.step
        skipped = max(0, -(-(self.first - start) // step))
        own = range(start + skipped * step, min(positions.stop, self.first + self.count), step)
        missing = self.count * self.rows - self.size if self.first + self.count - 1 in own else 0
        return len(own) * self.rows - missing


class ShardList(Sequence[Shard]):
    """Shards in their order in a data set; made when they are asked for. A slice is a ShardList, too."""

    def __init__(self, splits: tuple[_SplitShards, ...], positions: range):
        self._splits, self._positions = splits, positions
        self._firsts = [part.first for part in splits]

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> Shard: ...

    @overload
    def __getitem__(self, index: slice) -> ShardList: ...

    def __getitem__(self, index: int | slice) -> Shard | ShardList:
        if isinstance(index, slice):
            return ShardList(self._splits, self._positions[index])
        position = self._positions[index]
        part = self._splits[bisect.bisect_right(self._firsts, position) - 1]
        return part.shard(position - part.first)

    def __iter__(self) -> Iterator[Shard]:
        return (self[i] for i in range(len(self)))

    @property
    def total_rows(self) -> int:
        """The number of samples in all of them."""
        return sum(part.rows_of(self._positions) for part in self._splits)

    def find(self, name: str) -> Shard | None:
        """The shard with this file name, if it is in the list."""
        position = self.position(name)
        return None if position is None else self[position]

    def position(self, name: str) -> int | None:
        """The position in this list of the shard with this file name; None if the list does not have it."""
        match = _NAME.fullmatch(name)
        part = next((p for p in self._splits if match and p.split == match["split"]), None)
        if match is None or part is None or int(match["number"]) >= part.count:
            return None
        place = part.first + int(match["number"])
        if place not in self._positions or part.shard(int(match["number"])).name != name:
            return None
        return self._positions.index(place)

    def of_split(self, split: str) -> ShardList:
        """All shards of a split, of a list that is not a slice."""
        part = next(p for p in self._splits if p.split == split)
        return self[part.first : part.first + part.count]


def list_shards(spec: Spec, layout: ShardLayout = DEFAULT_LAYOUT) -> ShardList:
    """All shards of a data set, in order."""
    parts: list[_SplitShards] = []
    total = 0
    for split in spec.splits:
        size, rows = spec.size(split), layout.rows
        while -(-size // rows) > layout.max_shards and rows < layout.max_factor * layout.rows:
            rows *= 2
        parts.append(_SplitShards(split, size, rows, -(-size // rows), total))
        total += parts[-1].count
    return ShardList(tuple(parts), range(total))
