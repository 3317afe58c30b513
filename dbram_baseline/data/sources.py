"""Data: pairs as uint8 batches, from a directory, a name on the hub, several of them, or rendered on the fly.

A batch is a function of (source, seed, step) alone: a run that goes on from a checkpoint sees what it would have
seen. Images are (B, 3, H, W) RGB, truths (B, H, W) with text 0 and background 255, both uint8; truths of shadows
are (B, 3, H, W), pictures without them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from dbram_baseline.data import dibco, istd, plm
from dbram_baseline.data.pages import Page, patches
from dbram_baseline.errors import BaselineError

U8 = NDArray[np.uint8]
AHEAD = 8  # batches rendered before they are asked for
LANGUAGES = ("en", "zh")
PAGES: dict[str, Callable[[str, str], list[Page]]] = {"dibco": dibco.pages, "plm": plm.pages}


class Source(Protocol):
    """Where a run's pairs come from. `pairs` is how many an epoch has."""

    pairs: int

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """This rank's part of the pairs of a step."""
        ...

    def held_out(self) -> tuple[Tensor, Tensor]:
        """Pairs that no batch has."""
        ...


class Resident:
    """Pairs decoded once and kept, as uint8, on the device that trains."""

    def __init__(self, images: U8, truths: U8, held: int, seed: int, device: torch.device):
        if len(images) <= held:
            raise BaselineError(
                f"the data has {len(images)} pairs and --validation is {held}: none are left to train on"
            )
        # Channels last, as they are decoded and as convolutions are fastest.
        self.images, self.truths = torch.from_numpy(images).to(device), torch.from_numpy(truths).to(device)
        self.pairs, self.seed = len(images) - held, seed
        self.order: tuple[int, Tensor] = (-1, torch.empty(0))

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """Pairs in an order that each epoch has of its own; the rest that fills no batch is left out."""
        an_epoch = max(1, self.pairs // size)
        epoch, place = divmod(step, an_epoch)
        if self.order[0] != epoch:
            chance = torch.Generator().manual_seed((self.seed << 20) + epoch)
            self.order = epoch, torch.randperm(self.pairs, generator=chance)
        mine = self.order[1][place * size : (place + 1) * size][rank::world].to(self.images.device)
        return _planes_first(self.images[mine]), _planes_first(self.truths[mine])

    def held_out(self) -> tuple[Tensor, Tensor]:
        """The last pairs of train."""
        return _planes_first(self.images[self.pairs :]), _planes_first(self.truths[self.pairs :])


def _planes_first(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 3, 1, 2) if pixels.ndim == 4 else pixels


class Rendered:
    """Pairs that subsynth renders as they are needed, new ones in every epoch, by processes of their own."""

    def __init__(self, lang: str, pairs: int, held: int, seed: int, workers: int):
        if lang not in LANGUAGES:
            raise BaselineError(f"--data render:{lang}: no such language; render:en or render:zh")
        self.lang, self.pairs, self.held, self.seed, self.workers = lang, pairs, held, seed, workers
        self.pool: ProcessPoolExecutor | None = None
        self.coming: dict[int, Future[tuple[U8, U8]]] = {}

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """The pairs of train in their order, each once."""
        if not self.workers:
            return _tensors(*_rendered(self.lang, self.seed, "train", step * size + rank, (step + 1) * size, world))
        if self.pool is None:
            # Ctrl-C is for the process that trains: those that render end with it, and without a word.
            self.pool = ProcessPoolExecutor(
                self.workers, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
            )
        for s in range(step, step + AHEAD):
            if s not in self.coming:
                self.coming[s] = self.pool.submit(
                    _rendered, self.lang, self.seed, "train", s * size + rank, (s + 1) * size, world
                )
        return _tensors(*self.coming.pop(step).result())

    def held_out(self) -> tuple[Tensor, Tensor]:
        """The first pairs of test: other lines on other photographs."""
        return _tensors(*_rendered(self.lang, self.seed, "test", 0, self.held, 1))


def _rendered(lang: str, seed: int, split: str, start: int, stop: int, step: int) -> tuple[U8, U8]:
    import subsynth  # noqa: PLC0415 - in the process that renders

    spec = {"en": subsynth.sub_en, "zh": subsynth.sub_zh}[lang](n=1_000_000_000, n_test=1_000_000, seed=seed)
    made = list(subsynth.pairs(spec, split, start, stop))[::step]
    return np.stack([p.image for p in made]), np.stack([p.ground_truth for p in made])


def _tensors(images: U8, truths: U8) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(truths)


def source(
    name: str, held: int, seed: int, epoch_pairs: int, workers: int, device: torch.device, quiet: bool
) -> Source:
    """The source that `--data` names: "render:en", a directory, a name on the hub, "dibco:PATH", "plm:PATH",
    "istd:PATH", or several by commas.

    Patches of pages are in an order of their own, so that those held out are of all pages.
    """
    if name.startswith("render:"):
        return Rendered(name.removeprefix("render:"), epoch_pairs, held, seed, workers)
    names = name.split(",")
    parts = [_part(part, workers, quiet) for part in names]
    if len({(images.shape[1:], truths.ndim) for images, truths in parts}) > 1:
        sizes = ", ".join(f"{n} has {i.shape[1]} x {i.shape[2]}" for n, (i, _) in zip(names, parts, strict=True))
        raise BaselineError(f"--data {name}: images of one size and kind are needed: {sizes} px")
    images, truths = (np.concatenate(a) if len(a) > 1 else a[0] for a in zip(*parts, strict=True))
    if len(parts) > 1 or kind(name) != "subtitles":  # so that what is held out is of all of them
        mixed = np.random.default_rng(0).permutation(len(images))
        images, truths = images[mixed], truths[mixed]
    return Resident(images, truths, held, seed, device)


def _part(name: str, workers: int, quiet: bool) -> tuple[U8, U8]:
    if kind(name) == "pages":
        return patches(pages(name, "train"))
    if kind(name) == "shadows":
        return istd.shadows(name.removeprefix("istd:"), "train")[:2]
    return decoded(name, "train", workers, quiet=quiet)


def kind(name: str) -> str:
    """What a name of data is of: "pages", "shadows" or "subtitles"."""
    prefix, colon, _ = name.partition(":")
    return "pages" if colon and prefix in PAGES else "shadows" if colon and prefix == "istd" else "subtitles"


def fingerprint(name: str) -> str:
    """What lies under a name of data at present, in twelve digits; "" if nothing does, or for "render:…".

    Of a rendered directory it is that of the manifest, which has a digest of all pixels; of pictures, that of their
    names and sizes; of a name on the hub, the commit that `load_dataset` would take, of the cache if the hub is away.
    Raises BaselineError if the hub has no such set.
    """
    prefix, _, where = name.partition(":")
    if prefix == "render":
        return ""
    if kind(name) == "subtitles" and not Path(name).is_dir() and re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        return _commit(name)[:12]
    folders = dibco.chosen(where) if prefix == "dibco" else [Path(where if kind(name) != "subtitles" else name)]
    digest = hashlib.sha256()
    for folder in folders:
        if (folder / "manifest.json").is_file():
            digest.update((folder / "manifest.json").read_bytes())
            continue
        if not folder.is_dir():
            return ""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            digest.update(f"{path.relative_to(folder.parent)} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:12]


@functools.cache  # with the hub away, each question takes all the tries of its client
def _commit(name: str) -> str:
    with _told(name) as datasets:
        commit: str = datasets.load_dataset_builder(name).hash
    return commit


def pages(name: str, split: str) -> list[Page]:
    """The pages of "dibco:PATH", or those of a split of "plm:PATH"."""
    prefix, _, where = name.partition(":")
    return PAGES[prefix](where, split)


def decoded(name: str, split: str, workers: int = 2, most: int = 0, quiet: bool = True) -> tuple[U8, U8]:
    """The images (N, H, W, 3) and truths (N, H, W) of a split (`most` of them, if not 0) of a directory or hub name.

    Raises BaselineError if there is no such set, split or column, or if sizes differ.
    """
    rows = _rows(name, split)
    rows = rows.select(range(min(most, len(rows)))) if most else rows
    if not len(rows):
        raise BaselineError(f"--data {name}: split {split!r} is empty")
    first = _pair(name, split, 0, rows[0])
    images = np.empty((len(rows), *first[0].shape), np.uint8)
    truths = np.empty((len(rows), *first[1].shape), np.uint8)

    def put(start: int) -> int:
        block = rows[start : start + 256]
        for i, (image, truth) in enumerate(zip(block["image"], block["ground_truth"], strict=True)):
            at = start + i
            pair = _pair(name, split, at, {"image": image, "ground_truth": truth})
            if pair[0].shape != images.shape[1:]:
                raise BaselineError(
                    f"--data {name}: images of one size are needed; row {at} of {split} has "
                    f"{pair[0].shape[0]} x {pair[0].shape[1]} px, row 0 {images.shape[1]} x {images.shape[2]}"
                )
            images[at], truths[at] = pair
        return len(block["image"])

    with (
        ThreadPoolExecutor(max(1, workers)) as pool,
        tqdm(total=len(rows), desc=f"{name} {split}", disable=quiet) as bar,
    ):
        for done in pool.map(put, range(0, len(rows), 256)):
            bar.update(done)
    return images, truths


def texts(name: str, split: str, most: int) -> list[str]:
    """The column `text` of the first rows of a split. Raises BaselineError if it is missing."""
    found: list[str] = list(_rows(name, split, ("text",))["text"][:most])
    return found


def _rows(name: str, split: str, wanted: tuple[str, ...] = ("image", "ground_truth")) -> Any:
    with _told(f"{name}: split {split!r}") as datasets:
        rows = datasets.load_dataset(name, split=split)
    missing = [c for c in wanted if c not in rows.column_names]
    if missing:
        raise BaselineError(f"--data {name}: no column {missing[0]!r}; it has {', '.join(rows.column_names[:8])}")
    rows = rows.select_columns(list(wanted))
    for column in {"image", "ground_truth"} & set(wanted):
        rows = rows.cast_column(column, datasets.Image(decode=False))
    return rows


@contextlib.contextmanager
def _told(what: str) -> Iterator[Any]:
    """The client of the hub, whose errors are told in one line."""
    import datasets  # noqa: PLC0415 - takes its time

    datasets.disable_progress_bars()
    try:
        yield datasets
    except Exception as error:  # whatever a client or a broken file raises: it is about --data
        told = " ".join(str(error).split())[:200]
        raise BaselineError(
            f"--data {what} cannot be loaded ({type(error).__name__}: {told}); name a rendered directory, "
            "a data set on the hub, or render:en"
        ) from error


def _pair(name: str, split: str, at: int, row: dict[str, Any]) -> tuple[U8, U8]:
    found = []
    for column, how in (("image", cv2.IMREAD_COLOR_RGB), ("ground_truth", cv2.IMREAD_GRAYSCALE)):
        data = row[column]["bytes"] or Path(row[column]["path"]).read_bytes()
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
        if pixels is None:
            raise BaselineError(f"--data {name}: {column} of row {at} of {split} cannot be decoded")
        found.append(pixels)
    if found[0].shape[:2] != found[1].shape:
        raise BaselineError(f"--data {name}: row {at} of {split}: image and ground truth differ in size")
    return np.asarray(found[0], np.uint8), np.asarray(found[1], np.uint8)


def as_input(images: Tensor) -> Tensor:
    """uint8 images to what networks read: float in [-1, 1], channels last in memory."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def as_target(truths: Tensor) -> Tensor:
    """uint8 truths (B, H, W) to (B, 3, H, W) of -1 (text) and 1; pictures (B, 3, H, W) to [-1, 1]."""
    if truths.ndim == 4:
        return as_input(truths)
    return ((truths > 127).float() * 2 - 1)[:, None].expand(-1, 3, -1, -1)


def cropped(images: Tensor, truths: Tensor, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """Both cut to one place of this width, drawn by the seed."""
    room = images.shape[3] - width
    if not width or room <= 0:
        return images, truths
    left = int(np.random.default_rng(seed).integers(room + 1))
    return images[..., left : left + width], truths[..., left : left + width]


def grid(rows: Iterable[tuple[U8, ...]]) -> U8:
    """A picture of rows of RGB or grey images, side by side, (H, W, 3), for a person to look at."""
    lines = []
    for row in rows:
        shown = [np.repeat(i[:, :, None], 3, axis=2) if i.ndim == 2 else i for i in row]
        lines.append(np.concatenate([np.pad(i, ((2, 2), (2, 2), (0, 0)), constant_values=200) for i in shown], axis=1))
    return np.concatenate(lines)


def to_images(outputs: Tensor) -> Tensor:
    """Network outputs (B, 3, H, W) in [-1, 1] to grey (B, H, W) in [0, 1], the mean of the planes."""
    return (outputs.float().mean(dim=1) + 1) / 2
