"""Sources of training batches: pairs kept in memory, or rendered during training.

A batch depends only on (source, seed, step), so that a run resumed from a checkpoint sees the same batches. Images
are uint8 (B, 3, H, W) RGB; ground truths uint8 (B, H, W), text 0 and background 255, or for shadow removal the
shadow-free images, (B, 3, H, W).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

import subsynth
from dbram_baseline.arrays import U8
from dbram_baseline.data.augmentation import render_augmented
from dbram_baseline.data.documents import load_pages
from dbram_baseline.data.istd import load_shadows
from dbram_baseline.data.pages import cut_patches
from dbram_baseline.data.pairs import decode_pairs
from dbram_baseline.data.refs import DataRef, Kind
from dbram_baseline.data.rendering import SPECS, render_pairs
from dbram_baseline.data.sizes import check_size
from dbram_baseline.data.tensors import to_batch
from dbram_baseline.errors import BaselineError
from subsynth.core.worker_processes import become_worker, submit

RENDERED_AT_ONCE = 128  # pairs, if a batch has no more: planning few pairs takes almost as long as planning many


class Source(Protocol):
    """Where the batches of a run come from."""

    pairs: int  # per epoch

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """This rank's share of the images and ground truths of a step; `size` is that of all ranks together."""
        ...

    def validation(self) -> tuple[Tensor, Tensor]:
        """The validation set, which no batch contains."""
        ...


class Resident:
    """Pairs that are decoded once and kept, as uint8, on the training device."""

    def __init__(self, images: U8, truths: U8, validation: int, seed: int, device: torch.device):
        if len(images) <= validation:
            raise BaselineError(
                f"the data has {len(images)} pairs and --validation is {validation}: none are left to train on"
            )
        # Channels stay last in memory: so they are decoded, and so convolutions are fastest.
        self.images, self.truths = torch.from_numpy(images).to(device), torch.from_numpy(truths).to(device)
        self.pairs, self.seed = len(images) - validation, seed
        self.order_epoch, self.order = -1, torch.empty(0)

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """Pairs in the order of the step's epoch; the last pairs of the order that fill no batch are left out."""
        epoch, position = divmod(step, max(1, self.pairs // size))
        if self.order_epoch != epoch:
            generator = torch.Generator().manual_seed((self.seed << 20) + epoch)
            order = torch.randperm(self.pairs, generator=generator)
            # Kept on the device: copying the rows of each step there would make every step wait for the device.
            self.order_epoch, self.order = epoch, order.to(self.images.device)
        rows = self.order[position * size : (position + 1) * size][rank::world]
        return _planes_first(self.images[rows]), _planes_first(self.truths[rows])

    def validation(self) -> tuple[Tensor, Tensor]:
        """The last pairs of train."""
        return _planes_first(self.images[self.pairs :]), _planes_first(self.truths[self.pairs :])


def _planes_first(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 3, 1, 2) if pixels.ndim == 4 else pixels


class RenderPool:
    """The processes that render, started when they are first needed."""

    def __init__(self, workers: int, render: Callable[..., tuple[U8, U8]] = render_pairs):
        self.workers, self.render = workers, render
        self.executor: ProcessPoolExecutor | None = None

    def submit(self, preset: str, seed: int, start: int, stop: int, stride: int) -> Future[tuple[U8, U8]]:
        """Render pairs of train; the arguments are those of `render_pairs`."""
        if self.executor is None:
            self.executor = ProcessPoolExecutor(self.workers, get_context("spawn"), become_worker, (os.getpid(),))
        return submit(self.executor, self.render, preset, seed, "train", start, stop, stride)


class Rendered:
    """Pairs that subsynth renders in other processes as they are needed, new ones in every epoch."""

    def __init__(self, preset: str, pairs: int, validation: int, seed: int, pool: RenderPool):
        if preset not in SPECS:
            raise BaselineError(
                f"--data render:{preset}: no such preset; name render:sub_CODE, render:film_CODE or "
                f"render:strip_CODE, with a CODE of {', '.join(subsynth.LANGUAGES)}"
            )
        self.preset, self.pairs, self.validation_pairs = preset, pairs, validation
        self.seed, self.pool = seed, pool
        self.pending: dict[int, Future[tuple[U8, U8]]] = {}  # by the number of their block of steps
        self.block: tuple[int, tuple[U8, U8]] | None = None  # the one that is in use

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """The pairs of train in their order, each once."""
        if not self.pool.workers:
            first, last = step * size + rank, (step + 1) * size
            return _tensors(self.pool.render(self.preset, self.seed, "train", first, last, world))
        try:
            return _tensors(self._next_rendered(step, size, rank, world))
        except BrokenProcessPool as error:
            raise BaselineError(
                "a process that renders pairs ended, perhaps for lack of memory; start again with --resume, or with "
                "fewer --workers"
            ) from error

    def _next_rendered(self, step: int, size: int, rank: int, world: int) -> tuple[U8, U8]:
        """The pairs of a step from the other processes, which are already rendering the next blocks of steps."""
        steps = max(1, RENDERED_AT_ONCE * world // size)
        number, place = divmod(step, steps)
        if self.block is None or self.block[0] != number:
            for n in range(number, number + 1 + self.pool.workers):
                if n not in self.pending:
                    first, last = n * steps * size + rank, (n + 1) * steps * size
                    self.pending[n] = self.pool.submit(self.preset, self.seed, first, last, world)
            self.block = number, self.pending.pop(number).result()
        rows = slice(place * size // world, (place + 1) * size // world)
        images, truths = self.block[1]
        return images[rows], truths[rows]

    def validation(self) -> tuple[Tensor, Tensor]:
        """The first pairs of test, with other texts on other photographs."""
        return _tensors(render_pairs(self.preset, self.seed, "test", 0, self.validation_pairs, 1))


class Alternating:
    """Several sources, of different sizes of images perhaps, in turn from step to step. The first one validates.

    A source that is named several times takes several turns, and its batches are not repeated.
    """

    def __init__(self, sources: Sequence[Source]):
        self.sources = tuple(sources)
        self.pairs = sum(source.pairs for source in sources)

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """The next batch of the source whose turn it is."""
        turn, number = divmod(step, len(self.sources))
        source = self.sources[number]
        turns, earlier = self.sources.count(source), self.sources[:number].count(source)
        return source.batch(turn * turns + earlier, size, rank, world)

    def validation(self) -> tuple[Tensor, Tensor]:
        """The validation set of the first source."""
        return self.sources[0].validation()


def _tensors(pairs: tuple[U8, U8]) -> tuple[Tensor, Tensor]:
    images, truths = pairs
    return to_batch(images), torch.from_numpy(truths)


def open_source(refs: tuple[DataRef, ...], validation: int, seed: int, epoch_pairs: int, workers: int,
                device: torch.device, quiet: bool, labelled: bool = False) -> Source:  # fmt: skip
    """The source of all the references together. Raises BaselineError.

    `validation` is the number of pairs that are not trained on; `epoch_pairs` the length of an epoch where pairs are
    rendered; several presets are rendered in turn, from step to step, and one that is named twice takes two turns.
    With `labelled`, batches hold soft ground truth and erase masks, uint8 (B, 2, H, W), instead of ground truth (see
    `render_labels`). Several sets and patches of pages are shuffled once, so that the validation set has some of each.
    """
    if refs[0].scheme == "render":
        presets, pool = refs[0].path.split(","), RenderPool(workers, render_augmented if labelled else render_pairs)
        sources = {preset: Rendered(preset, epoch_pairs, validation, seed, pool) for preset in presets}
        return sources[presets[0]] if len(presets) == 1 else Alternating([sources[preset] for preset in presets])
    if labelled:
        raise BaselineError(
            f"--data {refs[0].name}: a stored set has no soft ground truth; name presets, as in render:film_en,film_zh"
        )
    parts = [_training_pairs(ref, workers, quiet) for ref in refs]
    if len({(images.shape[1:], truths.ndim) for images, truths in parts}) > 1:
        names = ",".join(ref.name for ref in refs)
        sizes = ", ".join(f"{r.name} has {i.shape[1]} x {i.shape[2]}" for r, (i, _) in zip(refs, parts, strict=True))
        raise BaselineError(f"--data {names}: images of one size and kind are needed: {sizes} px")
    images, truths = (np.concatenate(a) if len(a) > 1 else a[0] for a in zip(*parts, strict=True))
    if len(parts) > 1 or refs[0].kind is not Kind.SUBTITLES:
        order = np.random.default_rng(0).permutation(len(images))
        images, truths = images[order], truths[order]
    return Resident(images, truths, validation, seed, device)


def _training_pairs(ref: DataRef, workers: int, quiet: bool) -> tuple[U8, U8]:
    if ref.kind is Kind.PAGES:
        return cut_patches(load_pages(ref, "train"))
    if ref.kind is Kind.SHADOWS:
        shadows = load_shadows(ref, "train")
        return shadows.images, shadows.shadow_free
    images, truths = decode_pairs(ref, "train", workers=workers, quiet=quiet)
    check_size(ref, *truths.shape[1:])
    return images, truths
