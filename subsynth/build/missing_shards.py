"""The shards of a run that are still to be rendered, without a list of them: there may be tens of millions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import overload

from subsynth.format.shard_list import Shard, ShardList


class MissingShards(Sequence[Shard]):
    """The shards of a list without those that are done, in their order; made when they are asked for."""

    def __init__(self, shards: ShardList):
        self._shards = shards
        self._done: set[str] = set()  # names
        self._rows_done = 0

    def done(self, shard: Shard) -> None:
        """Take a shard of the list out."""
        if shard.name not in self._done:
            self._done.add(shard.name)
            self._rows_done += shard.rows

    @property
    def total_rows(self) -> int:
        """The number of samples that are missing."""
        return self._shards.total_rows - self._rows_done

    def __len__(self) -> int:
        return len(self._shards) - len(self._done)

    def __iter__(self) -> Iterator[Shard]:
        return (shard for shard in self._shards if shard.name not in self._done)

    @overload
    def __getitem__(self, index: int) -> Shard: ...

    @overload
    def __getitem__(self, index: slice) -> list[Shard]: ...

    def __getitem__(self, index: int | slice) -> Shard | list[Shard]:
        positions = range(len(self))[index]
        if isinstance(positions, int):
            return next(islice(self, positions, None))
        return [self[position] for position in positions]
