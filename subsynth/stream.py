"""Stream: samples rendered on demand, for training without a disk and with new samples in every epoch.

Needs torch (`SubtitleStream`) or datasets (`iterable`); nothing else in subsynth imports either of them for this.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import cv2
import numpy as np

from subsynth.assets.assets import shared_assets
from subsynth.assets.preparation import prepare
from subsynth.core.errors import SpecError
from subsynth.core.pixels import U8
from subsynth.core.processors import available_cores
from subsynth.planning.planner import plan_recipes
from subsynth.rendering.render import Pair, Renderer
from subsynth.spec.spec import Spec

try:
    import torch
    from torch.utils.data import IterableDataset, get_worker_info
except ImportError:
    torch = None  # type: ignore[assignment,unused-ignore]

if TYPE_CHECKING or torch is None:  # noqa: SIM108 - type checkers follow this, but not a ternary
    _Base = object
else:
    _Base = IterableDataset

BLOCK = 256  # samples planned at a time; fewer cost more each
AHEAD = 2  # blocks per thread that are drawn before they are needed


class Sample(TypedDict):
    """One sample of a stream, as torch tensors, or NumPy arrays if torch is not installed."""

    image: Any  # uint8 (3, H, W), RGB
    ground_truth: Any  # uint8 (1, H, W), text 0 and background 255
    text: str
    index: int
    erase_mask: NotRequired[Any]  # uint8 (1, H, W), 0 where the subtitle changed the image; with labels.erase_mask
    coverage: NotRequired[Any]  # uint8 (1, H, W), 255 where the fill covers a whole pixel; with labels.coverage


class Batch(TypedDict):
    """Consecutive samples of a stream, as torch tensors; the planes are those of `Sample`."""

    image: Any  # uint8 (B, 3, H, W)
    ground_truth: Any  # uint8 (B, 1, H, W)
    text: list[str]
    index: Any  # int64 (B,)
    erase_mask: NotRequired[Any]  # uint8 (B, 1, H, W)
    coverage: NotRequired[Any]  # uint8 (B, 1, H, W)


class StreamState(TypedDict):
    """The position of an iteration, and the stream and share that it belongs to."""

    seen: int
    epoch: int
    share: int
    shares: int
    split: str
    spec: str


_threads_before_fork: list[int] = []


def _before_fork() -> None:
    """Stop OpenCV's threads: they do not exist in a forked process, which would wait for them forever."""
    _threads_before_fork.append(cv2.getNumThreads())
    cv2.setNumThreads(1)


def _after_fork() -> None:
    cv2.setNumThreads(_threads_before_fork.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork)


class SubtitleStream(_Base):
    """The samples of a split as a torch IterableDataset, rendered by the process that iterates: a DataLoader worker.

    A sample is {"image": uint8 (3, H, W) RGB, "ground_truth": uint8 (1, H, W) with text 0 and background 255,
    "text": str, "index": int}, equal to the stored sample of that index; with the spec's labels erase_mask and coverage
    also these, uint8 (1, H, W). An epoch has the size of the spec's split;
    the indices of epoch e start at e times that size, so each epoch has new samples: those that a larger set would
    have. Samples are independent of each other, so they need no shuffling. Ranks (from torch.distributed, from
    torchrun's environment, or as given) and workers divide an epoch without overlap; the parts of two ranks differ by
    at most one sample.

    With `batch_size`, it yields whole batches of the same samples in the same order (see `Batch`), for a DataLoader
    with batch_size=None. Threads draw them into tensors, which are pinned where there is a GPU, without worker
    processes: one thread for each core, or `threads`; a DataLoader worker has one thread.

    `state_dict` and `load_state_dict` resume at the exact sample, in one process or in each worker of torchdata's
    StatefulDataLoader. Raises SpecError for a bad split, rank or batch size, MaterialError for unusable assets.
    """

    def __init__(
        self,
        spec: Spec,
        split: str = "train",
        rank: int | None = None,
        world_size: int | None = None,
        batch_size: int | None = None,
        threads: int | None = None,
    ):
        if torch is None:
            raise SpecError("SubtitleStream needs torch, which is not installed; pip install torch, or use iterable()")
        for name, value in (("batch_size", batch_size), ("threads", threads)):
            if value is not None and value < 1:
                raise SpecError(f"{name} is {value}; 1 or more is needed")
        self.spec, self.split, self.size = spec, split, spec.size(split)
        self.batch_size, self.threads = batch_size, threads
        self.rank, self.world_size = _rank_and_world_size(rank, world_size)
        prepare(spec, self.size)
        shared_assets(spec, split)  # unusable assets are rejected here, and forked workers find them open
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # persistent workers see it change
        self._seen = 0  # samples of this share and epoch that have been returned
        self._resume = 0

    def __len__(self) -> int:
        """The number of samples (with `batch_size`, of batches in one process) that this rank has per epoch."""
        first, last = self.size * self.rank // self.world_size, self.size * (self.rank + 1) // self.world_size
        return last - first if self.batch_size is None else -(-(last - first) // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, also for running workers."""
        if epoch < 0:
            raise SpecError(f"epoch is {epoch}; 0 or more is needed")
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[Sample | Batch]:
        share, shares = self._share()
        if shares > self.world_size:
            cv2.setNumThreads(1)  # this process is one of many workers
        first = int(self._epoch) * self.size
        start, stop = first + self.size * share // shares, first + self.size * (share + 1) // shares
        self._seen, self._resume = self._resume, 0
        start += self._seen
        if self.batch_size is None:
            for pair in _render_range(self.spec, self.split, start, stop):
                sample = _to_sample(pair)
                self._seen += 1
                yield sample
        else:
            threads = 1 if get_worker_info() else self.threads or available_cores()
            for batch in _draw_batches(self.spec, self.split, start, stop, self.batch_size, threads):
                self._seen += len(batch["text"])
                yield batch
        self._seen = 0

    def state_dict(self) -> StreamState:
        """The position of the iteration: the next sample is the first that has not been returned."""
        share, shares = self._share()
        return {
            "seen": self._seen or self._resume,
            "epoch": int(self._epoch),
            "share": share,
            "shares": shares,
            "split": self.split,
            "spec": self.spec.digest(),
        }

    def load_state_dict(self, state: StreamState) -> None:
        """Resume from a state in the next iteration. Raises SpecError if it belongs to another stream or division."""
        share, shares = self._share()
        own = {"split": self.split, "spec": self.spec.digest(), "share": share, "shares": shares}
        for key, value in own.items():
            if state.get(key) != value:
                raise SpecError(
                    f"the state was saved with {key} {state.get(key)!r}, this stream has {value!r}; resume with the "
                    "same spec, split, number of ranks and number of workers"
                )
        self._epoch.fill_(state["epoch"])
        self._seen, self._resume = 0, state["seen"]

    def _share(self) -> tuple[int, int]:
        """The part of an epoch that this process renders, and the number of parts."""
        worker = get_worker_info()
        if worker is None:
            return self.rank, self.world_size
        return self.rank * worker.num_workers + worker.id, self.world_size * worker.num_workers


def iterable(spec: Spec, split: str = "train", epoch: int = 0, parts: int = 64) -> Any:
    """The samples of a split and an epoch as a `datasets.IterableDataset`, rendered when they are needed.

    Rows are those of SubtitleStream: torch tensors, or NumPy arrays where torch is not installed. It is divided into
    `parts` for workers and `datasets.distributed.split_dataset_by_node`; its own `state_dict` resumes at the exact
    row. Raises as SubtitleStream does.
    """
    from datasets import IterableDataset as HubIterableDataset  # noqa: PLC0415 - takes a second to import

    size = spec.size(split)
    if epoch < 0 or parts < 1:
        raise SpecError(f"epoch is {epoch} and parts is {parts}; at least 0 and 1 are needed")
    prepare(spec, size)
    shared_assets(spec, split)
    first, parts = epoch * size, min(parts, size)
    ranges = [(first + size * i // parts, first + size * (i + 1) // parts) for i in range(parts)]
    # Neither as features of images, which would be encoded to PNG and decoded again, nor with a format, which would
    # make all integers int64.
    return HubIterableDataset.from_generator(_rows, gen_kwargs={"spec": spec, "split": split, "ranges": ranges})


def _rows(spec: Spec, split: str, ranges: list[tuple[int, int]]) -> Iterator[Sample]:
    for start, stop in ranges:
        yield from map(_to_sample, _render_range(spec, split, start, stop))


def _render_range(spec: Spec, split: str, start: int, stop: int) -> Iterator[Pair]:
    renderer = Renderer(shared_assets(spec, split))
    for block in range(start, stop, BLOCK):
        for recipe in plan_recipes(renderer.assets, block, min(block + BLOCK, stop)):
            yield renderer.render(recipe)


def _draw_batches(spec: Spec, split: str, start: int, stop: int, batch_size: int, threads: int) -> Iterator[Batch]:
    """Batches of the samples start..stop-1, in order. Each thread plans and draws a block of batches at a time."""
    renderer = Renderer(shared_assets(spec, split))
    step = batch_size * max(1, BLOCK // batch_size)
    blocks = iter(range(start, stop, step))
    pending: deque[Future[list[Batch]]] = deque()

    def draw(first: int) -> list[Batch]:
        recipes = plan_recipes(renderer.assets, first, min(first + step, stop))
        return [
            _to_batch([renderer.render(recipe) for recipe in recipes[i : i + batch_size]])
            for i in range(0, len(recipes), batch_size)
        ]

    if threads == 1:
        for first in blocks:
            yield from draw(first)
        return
    with ThreadPoolExecutor(threads) as pool:
        try:
            pending.extend(pool.submit(draw, first) for first in islice(blocks, AHEAD * threads))
            while pending:
                batches = pending.popleft().result()
                pending.extend(pool.submit(draw, first) for first in islice(blocks, 1))
                yield from batches
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _to_batch(drawn: list[Pair]) -> Batch:
    height, width = drawn[0].ground_truth.shape
    images = _empty(len(drawn), 3, height, width)
    batch: Batch = {
        "image": images,
        "ground_truth": _stacked([pair.ground_truth for pair in drawn]),
        "text": [pair.recipe.text for pair in drawn],
        "index": torch.tensor([pair.recipe.index for pair in drawn]),
    }
    for planes, pair in zip(images.numpy(), drawn, strict=True):
        cv2.split(pair.image, list(planes))  # three times as fast as a transposed copy
    erase_masks = [pair.erase_mask for pair in drawn if pair.erase_mask is not None]
    coverages = [pair.coverage for pair in drawn if pair.coverage is not None]
    if erase_masks:
        batch["erase_mask"] = _stacked(erase_masks)
    if coverages:
        batch["coverage"] = _stacked(coverages)
    return batch


def _stacked(planes: list[U8]) -> Any:
    """Planes (H, W) as one tensor (B, 1, H, W)."""
    stacked = _empty(len(planes), 1, *planes[0].shape)
    np.stack(planes, out=stacked.numpy()[:, 0])
    return stacked


def _empty(*shape: int) -> Any:
    return torch.empty(shape, dtype=torch.uint8, pin_memory=torch.cuda.is_available())


def _to_sample(pair: Pair) -> Sample:
    sample: Sample = {
        "image": _array(np.ascontiguousarray(pair.image.transpose(2, 0, 1))),
        "ground_truth": _array(pair.ground_truth[None]),
        "text": pair.recipe.text,
        "index": pair.recipe.index,
    }
    if pair.erase_mask is not None:
        sample["erase_mask"] = _array(pair.erase_mask[None])
    if pair.coverage is not None:
        sample["coverage"] = _array(pair.coverage[None])
    return sample


def _array(array: U8) -> Any:
    """A torch tensor with the memory of an array; the array itself where torch is not installed."""
    return array if torch is None else torch.from_numpy(array)


def _rank_and_world_size(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if (rank is None) != (world_size is None):
        raise SpecError(f"rank is {rank} and world_size {world_size}; give both, or neither")
    if rank is None or world_size is None:
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            rank, world_size = distributed.get_rank(), distributed.get_world_size()
        else:  # torchrun sets it before the processes have connected
            rank, world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world_size < 1 or not 0 <= rank < world_size:
        raise SpecError(f"rank is {rank} of world_size {world_size}; 0 to world_size - 1 is needed")
    return rank, world_size
