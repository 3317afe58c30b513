"""Measure a cell: render and train what it needs, make its outputs, and compare them with the truth."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from dbram_baseline import ocr, score
from dbram_baseline.classical import thresholds as classical
from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError
from dbram_baseline.reproduction.experiments import LANGUAGES, POLARITY, Order
from dbram_baseline.reproduction.results import Cell, put_picture
from dbram_baseline.train import same, train
from dbram_baseline.training import checkpoint
from dbram_baseline.training.config import Config, device

U8 = NDArray[np.uint8]
SHOWN, WINDOW = 4, (64, 280)  # samples of a strip; px of those cut from pages


class AbsentError(Exception):
    """Something that a cell needs is not installed."""


class Bench:
    """Measures cells one after the other, and keeps what several of them need: the pairs of a set, the reader."""

    def __init__(self, order: Order):
        self.order = order
        self.quiet = not sys.stderr.isatty()
        self.readers: dict[bool, ocr.Reader] = {}
        self.rendered: set[str] = set()
        self.held: tuple[tuple[str, str, int], Any] | None = None

    def measure(self, cell: Cell) -> tuple[score.Values, U8]:
        """The values of a cell, one for each image, and a strip of samples. Raises AbsentError."""
        if cell.table == "5":
            self.reader(cell)  # what is not there is told before anything is trained
        self.render(cell)
        net = self.trained(cell) if cell.trained_on else None
        images, truths, masks, weights = self.pairs(cell)
        if cell.table == "5":
            return self.read(cell, net, images, truths)
        made = self.made(cell, net, images, truths, masks)
        if masks is not None:
            return score.of_colours(made, truths, masks), strip(made, truths)
        return score.of_greys(made, truths, weights, self.quiet), strip(made, truths)

    def made(self, cell: Cell, net: nn.Module | None, images: Any, truths: Any, masks: Any) -> Any:
        """What a system makes of the images: greys in [0, 1], or RGB."""
        if net is not None:
            return score.by(net, images, device(self.order.device), quiet=self.quiet, colour=masks is not None)
        if cell.system == "all-white":
            return [np.ones(t.shape, np.float32) for t in truths]
        if cell.system == ocr.AS_THEY_ARE:
            return images / np.float32(255)
        if cell.system == "howe":
            with _needed("howe"):
                import maxflow  # noqa: F401, PLC0415 - an extra
        function = classical.METHODS[cell.system.removesuffix(POLARITY)]
        greys = [classical.grey(image) for image in images]
        if cell.system.endswith(POLARITY):
            found = (classical.best_polarity(function, g, t < 128) for g, t in zip(greys, truths, strict=True))
        else:
            found = (function(g) for g in greys)
        return [np.float32(1) - f for f in tqdm(found, desc=cell.name, disable=self.quiet, total=len(greys))]

    def read(self, cell: Cell, net: nn.Module | None, images: U8, truths: U8) -> tuple[score.Values, U8]:
        """Edit distances of what is read from a version of the images, and samples of it."""
        greys = None if net is None else score.outputs(net, images, device(self.order.device), quiet=self.quiet)
        shown = ocr.version(cell.system if net is None else ocr.CHECKPOINT, images, truths, greys)
        reader = self.reader(cell)
        found = [reader(i) for i in tqdm(shown, desc=cell.name, disable=self.quiet)]
        values = ocr.distances(found, data.texts(cell.measured_on, cell.split, cell.most))
        return values, strip([i / np.float32(255) for i in shown], truths)

    def reader(self, cell: Cell) -> ocr.Reader:
        """The reader of a cell's language."""
        chinese = cell.data.startswith("sub_zh")
        if chinese not in self.readers:
            with _needed("ocr"):
                ocr.distances([], [])
                self.readers[chinese] = ocr.READERS[cell.reader](chinese)
        return self.readers[chinese]

    def render(self, cell: Cell) -> None:
        """Render the set of a cell, if it is one of ours; what is there of it is kept."""
        column, name = cell.data.partition("/")[0], cell.measured_on
        if name != str(self.order.out / "data" / column) or name in self.rendered:
            return
        count = ["--n", "2000", "--n-test", "200"] if self.order.quick else ["--n", "100000"]
        line = ["render", "--lang", LANGUAGES[column], *count, "--seed", str(self.order.seed), "--out", name]
        done = subprocess.run([sys.executable, "-m", "subsynth", *line], check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise BaselineError(f"subsynth {' '.join(line)} ended with {done.returncode}; see what it said above")
        self.rendered.add(name)

    def trained(self, cell: Cell) -> nn.Module:
        """The generator of a cell, trained as far as it is not yet."""
        made = Config(**cell.config)
        of = re.sub(r"[^\w.+-]+", "_", cell.trained_on)[-100:]
        folder = self.order.out / "runs" / f"{cell.system}-{of}"
        last = folder / checkpoint.LAST
        begun, seen = last.exists(), folder / "data.txt"  # of what lay under the name as it began
        if begun:  # a run of other hyperparameters, or on other data, is not taken for this one
            told = checkpoint.about(last)
            same(told, made, cell.config, cell.trained_on)
            if seen.read_text() != data.fingerprint(cell.trained_on):
                raise BaselineError(f"{folder} began when other data lay in {cell.trained_on}; remove it, or name "
                                    "another --out")  # fmt: skip
        else:
            folder.mkdir(parents=True, exist_ok=True)
            seen.write_text(data.fingerprint(cell.trained_on))
        if not begun or not made.steps or told["step"] < made.steps:
            with _quietly(self.order.out / "train.log"):
                train(made, cell.trained_on, cell.preset, folder, begun, cell.config)
        return checkpoint.trained(last)[0]

    def pairs(self, cell: Cell) -> Any:
        """Images, truths, masks of shadows, and the weights of P-FM; those of the last set are kept."""
        key = cell.measured_on, cell.split, cell.most
        if self.held is None or self.held[0] != key:
            images, truths, masks = score.pairs(*key, quiet=self.quiet)
            self.held = key, [images, truths, masks, None]
        held = self.held[1]
        if held[3] is None and held[2] is None and cell.table != "5":
            held[3] = score.weights(held[1], self.quiet)
        for told, some in (("image", held[0]), ("truth", held[1])) if cell.table != "5" else ():
            path = self.order.out / "cells" / f"{cell.table}-{cell.data.replace('/', '_')}-{told}.png"
            put_picture(path, strip([i / np.float32(255) for i in some[:SHOWN]], held[1]))
        return held


@contextlib.contextmanager
def _needed(extra: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise AbsentError(f"{error}; pip install '.[{extra}]'") from error
    except BaselineError as error:
        raise AbsentError(str(error)) from error


@contextlib.contextmanager
def _quietly(log: Path) -> Iterator[None]:
    """What a run says goes into a file; its progress bar is still seen."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        yield


def strip(made: Any, truths: Any) -> U8:
    """The first samples side by side, RGB; of pages, the part with the most text."""
    shown = []
    for image, truth in list(zip(made, truths, strict=False))[:SHOWN]:
        part = _window(truth) if truth.ndim == 2 and truth.shape[0] > WINDOW[0] else (slice(None), slice(None))
        grey = np.round(np.clip(image[part], 0, 1) * 255).astype(np.uint8)
        rgb = grey if grey.ndim == 3 else np.repeat(grey[:, :, None], 3, axis=2)
        shown.append(np.pad(rgb, ((0, 0), (2, 2), (0, 0)), constant_values=190))
    shown += [np.full_like(shown[0], 255)] * (SHOWN - len(shown))
    tall = max(i.shape[0] for i in shown)
    return np.concatenate(
        [np.pad(i, ((0, tall - i.shape[0]), (0, 0), (0, 0)), constant_values=190) for i in shown], axis=1
    )


def _window(truth: U8) -> tuple[slice, slice]:
    height, width = (min(w, s) for w, s in zip(WINDOW, truth.shape, strict=True))
    sums = cv2.integral((truth < 128).astype(np.uint8))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = (int(i) for i in np.unravel_index(int(inside.argmax()), inside.shape))
    return slice(top, top + height), slice(left, left + width)
