"""Stream: samples rendered as they are asked for: training without a disk, and with new samples in every epoch.

Needs torch (`SubtitleStream`) or datasets (`iterable`); nothing else in subsynth imports either of them for this.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from subsynth.assets.assets import materials, prepare
from subsynth.core.errors import SpecError
from subsynth.planning.planner import plan
from subsynth.rendering.render import Pair, render
from subsynth.spec.spec import Spec

try:
    import torch
    from torch.utils.data import IterableDataset, get_worker_info
except ImportError:
    torch = None  # type: ignore[assignment,unused-ignore]

if TYPE_CHECKING or torch is None:  # noqa: SIM108 - a type checker follows this and no ternary
    _Base = object
else:
    _Base = IterableDataset

BLOCK = 128  # samples planned at a time
_threads: list[int] = []


def _before_fork() -> None:
    """OpenCV's threads do not live on in a forked process, which would wait for them for ever: end them before."""
    _threads.append(cv2.getNumThreads())
    cv2.setNumThreads(1)


def _after_fork() -> None:
    cv2.setNumThreads(_threads.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork)


class SubtitleStream(_Base):
    """The samples of a split as a torch IterableDataset, rendered by whoever iterates: a DataLoader's workers.

    A sample is {"image": uint8 (3, H, W) RGB, "ground_truth": uint8 (1, H, W) with text 0 and background 255,
    "text": str, "index": int}, equal to what is stored under that index. An epoch has as many as the spec's split;
    epoch e has the indices from e times that on, so that each has new samples, those that a larger set would have.
    Samples are drawn independently of each other: there is no need to shuffle. Ranks (of torch.distributed, of
    torchrun's environment, or as given) and workers share an epoch without overlap; the ranks' parts differ by one
    sample at most.

    `state_dict` and `load_state_dict` go on at the exact sample, in one process or in each worker of torchdata's
    StatefulDataLoader. Raises SpecError for a bad split or rank, MaterialError for unusable material.
    """

    def __init__(self, spec: Spec, split: str = "train", rank: int | None = None, world_size: int | None = None):
        if torch is None:
            raise SpecError("SubtitleStream needs torch, which is not installed; pip install torch, or use iterable()")
        self.spec, self.split, self.size = spec, split, spec.size(split)
        self.rank, self.world_size = _ranked(rank, world_size)
        prepare(spec, self.size)
        materials(spec, split)  # what cannot be used is told here, and workers that are forked find it open
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # so that workers that live on are told
        self._seen = 0  # samples of this share and epoch that were handed out
        self._resume = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives, also for workers that are running."""
        if epoch < 0:
            raise SpecError(f"epoch is {epoch}; 0 or more is needed")
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        share, shares = self._share()
        if shares > self.world_size:
            cv2.setNumThreads(1)  # a worker is one of many
        first = int(self._epoch) * self.size
        start, stop = first + self.size * share // shares, first + self.size * (share + 1) // shares
        self._seen, self._resume = self._resume, 0
        for block in range(start + self._seen, stop, BLOCK):
            for recipe in plan(self.spec, self.split, block, min(block + BLOCK, stop)):
                sample = _row(render(recipe))
                self._seen += 1
                yield sample
        self._seen = 0

    def state_dict(self) -> dict[str, Any]:
        """Where the iteration stands: the next sample is the first that has not been handed out."""
        share, shares = self._share()
        return {"seen": self._seen or self._resume, "epoch": int(self._epoch), "share": share, "shares": shares,
                "split": self.split, "spec": self.spec.digest()}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, in the next iteration. Raises SpecError if it is of another stream or division of it."""
        share, shares = self._share()
        here = {"split": self.split, "spec": self.spec.digest(), "share": share, "shares": shares}
        for key, value in here.items():
            if state.get(key) != value:
                raise SpecError(
                    f"the state was saved with {key} {state.get(key)!r}, here it is {value!r}; go on with the same "
                    "spec, split, number of ranks and number of workers"
                )
        self._epoch.fill_(state["epoch"])
        self._seen, self._resume = 0, state["seen"]

    def _share(self) -> tuple[int, int]:
        """Which part of an epoch this process has, of how many."""
        worker = get_worker_info()
        if worker is None:
            return self.rank, self.world_size
        return self.rank * worker.num_workers + worker.id, self.world_size * worker.num_workers


def iterable(spec: Spec, split: str = "train", epoch: int = 0, parts: int = 64) -> Any:
    """The samples of a split and an epoch as a `datasets.IterableDataset`, rendered as they are asked for.

    Rows are as those of SubtitleStream: torch tensors, or NumPy arrays where torch is not installed. It is divided
    into `parts` for workers and `datasets.distributed.split_dataset_by_node`; its own `state_dict` goes on at the
    exact row. Raises as SubtitleStream does.
    """
    from datasets import IterableDataset as Iterable_  # noqa: PLC0415 - takes its time

    size = spec.size(split)
    if epoch < 0 or parts < 1:
        raise SpecError(f"epoch is {epoch} and parts {parts}; 0 and 1 are the least")
    prepare(spec, size)
    materials(spec, split)
    first, parts = epoch * size, min(parts, size)
    ranges = [(first + size * i // parts, first + size * (i + 1) // parts) for i in range(parts)]
    # Neither as features of images, which would be encoded to PNG and decoded again, nor with a format, which would
    # make all integers int64.
    return Iterable_.from_generator(_rows, gen_kwargs={"spec": spec, "split": split, "ranges": ranges})


def _rows(spec: Spec, split: str, ranges: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    for start, stop in ranges:
        for block in range(start, stop, BLOCK):
            for recipe in plan(spec, split, block, min(block + BLOCK, stop)):
                yield _row(render(recipe))


def _row(pair: Pair) -> dict[str, Any]:
    image, truth = np.ascontiguousarray(pair.image.transpose(2, 0, 1)), pair.ground_truth[None]
    made = (image, truth) if torch is None else (torch.from_numpy(image), torch.from_numpy(truth))
    return {"image": made[0], "ground_truth": made[1], "text": pair.recipe.text, "index": pair.recipe.index}


def _ranked(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if (rank is None) != (world_size is None):
        raise SpecError(f"rank is {rank} and world_size {world_size}; give both, or neither")
    if rank is None or world_size is None:
        there = torch.distributed
        if there.is_available() and there.is_initialized():
            rank, world_size = there.get_rank(), there.get_world_size()
        else:  # torchrun says it before the processes have met
            rank, world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world_size < 1 or not 0 <= rank < world_size:
        raise SpecError(f"rank is {rank} of world_size {world_size}; 0 to world_size - 1 is needed")
    return rank, world_size
