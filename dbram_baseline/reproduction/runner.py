"""Runner: measures a cell, after it has rendered its data and trained its network if that is not yet done."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from torch import nn

from dbram_baseline.arrays import U8, Outputs, as_unit
from dbram_baseline.data.fingerprint import fingerprint
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.edit_distance import levenshtein
from dbram_baseline.evaluation.eval_set import EvalSet, load_eval_set
from dbram_baseline.evaluation.evaluate import evaluate, predict
from dbram_baseline.evaluation.readers import READERS, Reader
from dbram_baseline.evaluation.reading import CHECKPOINT, evaluate_reading, images_to_read, load_reading_set
from dbram_baseline.evaluation.systems import untrained_outputs
from dbram_baseline.evaluation.values import MetricValues
from dbram_baseline.files import read_file, write_file
from dbram_baseline.networks.device import select_device
from dbram_baseline.reproduction.cell import Cell
from dbram_baseline.reproduction.config import LANGUAGES, ReproduceConfig
from dbram_baseline.reproduction.results import ResultStore, picture_name
from dbram_baseline.reproduction.samples import COUNT, sample_strip
from dbram_baseline.training.checkpoint import LAST, load_generator, read_info
from dbram_baseline.training.loop import train
from dbram_baseline.training.resume import resumed_config

# The command line of subsynth, in a process that ends with this one, whose id is its first argument: a render that
# nobody waits for would go on for hours. Ctrl-C reaches both processes, and is handled by each.
_RENDER = (
    "import sys; from subsynth.core.worker_processes import end_with_parent; end_with_parent(int(sys.argv.pop(1))); "
    "from subsynth.cli.main import main; main()"
)
FINGERPRINT_FILE = "data.txt"  # in the folder of a run: the fingerprint of its data when it was started


class NotInstalledError(Exception):
    """An optional package that a cell needs is not installed."""


class Runner:
    """Measures cells one after the other; the last set and the readers are kept for the next cell."""

    def __init__(self, config: ReproduceConfig, store: ResultStore):
        self.config, self.store = config, store
        self.device = select_device(config.device)
        self.quiet = not sys.stderr.isatty()
        self.readers: dict[tuple[bool, bool], Reader] = {}  # by whether the text is Chinese, and lines are to be found
        self.rendered: set[str] = set()
        self.loaded: tuple[tuple[str, str, int], EvalSet] | None = None

    def measure(self, cell: Cell) -> tuple[MetricValues, U8]:
        """The values of a cell, one per image, and a strip of sample outputs.

        Raises NotInstalledError, and BaselineError for whatever else prevents the measurement.
        """
        if cell.table == "5":
            self._reader(cell)  # a missing reader is reported before anything is trained
        self._render(cell)
        network = self._network(cell) if cell.trained_on else None
        eval_set = self._eval_set(cell)
        if cell.table == "5":
            return self._measure_reading(cell, network, eval_set)
        self._save_inputs(cell, eval_set)
        outputs = self._outputs(cell, network, eval_set)
        return evaluate(eval_set, outputs), sample_strip(outputs, eval_set.truths)

    def _outputs(self, cell: Cell, network: nn.Module | None, eval_set: EvalSet) -> Outputs:
        if network is not None:
            colour = eval_set.masks is not None
            return predict(network, eval_set.images, self.device, colour=colour, quiet=self.quiet)
        if cell.system == "howe":
            with _optional("howe"):
                return untrained_outputs(cell.system, eval_set)
        return untrained_outputs(cell.system, eval_set)

    def _measure_reading(self, cell: Cell, network: nn.Module | None, eval_set: EvalSet) -> tuple[MetricValues, U8]:
        reading_set = load_reading_set(DataRef.parse(cell.measured_on), cell.split, eval_set)
        eval_set = reading_set.eval_set
        greys = None if network is None else predict(network, eval_set.images, self.device, quiet=self.quiet)
        images = images_to_read(cell.system if network is None else CHECKPOINT, eval_set, greys)
        reader = self._reader(cell, reading_set.find_lines)
        values = evaluate_reading(reader, images, reading_set, cell.name, self.quiet)
        return values, sample_strip([as_unit(i) for i in images[:COUNT]], eval_set.truths)

    def _reader(self, cell: Cell, find_lines: bool = False) -> Reader:
        """The reader for the language of a cell; it finds the lines of an image itself if `find_lines`."""
        kind = cell.column.startswith("sub_zh"), find_lines
        if kind not in self.readers:
            with _optional("ocr"):
                levenshtein()
                self.readers[kind] = READERS[cell.reader](*kind)
        return self.readers[kind]

    def _render(self, cell: Cell) -> None:
        """Render the data of a cell if no set was named for it; what is already rendered is kept."""
        column, data = cell.column.partition("/")[0], cell.measured_on
        if data != str(self.config.rendered(column)) or data in self.rendered:
            return
        count = ["--n", "2000", "--n-test", "200"] if self.config.quick else ["--n", "100000"]
        arguments = ["render", "--lang", LANGUAGES[column], *count, "--seed", str(self.config.seed), "--out", data]
        process = subprocess.run(
            [sys.executable, "-c", _RENDER, str(os.getpid()), *arguments], check=False, stdout=subprocess.DEVNULL
        )  # fmt: skip
        if process.returncode:
            line = " ".join(arguments)
            raise BaselineError(f"subsynth {line} failed with exit code {process.returncode}; its error is above")
        self.rendered.add(data)

    def _network(self, cell: Cell) -> nn.Module:
        """The generator of a cell, after the training that is still missing."""
        assert cell.config is not None
        slug = re.sub(r"[^\w.+-]+", "_", cell.trained_on)[-100:]
        folder = self.config.out / "runs" / f"{cell.system}-{slug}"
        overrides, now = dataclasses.asdict(cell.config), fingerprint(DataRef.parse(cell.trained_on))
        resume = (folder / LAST).exists()
        finished = False
        if resume:
            info = read_info(folder / LAST)
            resumed_config(info, cell.config, overrides, cell.trained_on)
            if read_file(folder / FINGERPRINT_FILE, 1000).decode(errors="replace") != now:
                raise BaselineError(
                    f"{folder} was started when {cell.trained_on} had other data; remove it, or name another --out"
                )
            finished = 0 < cell.config.steps <= info.step
        else:
            write_file(folder / FINGERPRINT_FILE, now.encode())
        if not finished:
            with _output_to(self.config.out / "train.log"):
                train(cell.config, cell.trained_on, cell.preset, folder, resume, overrides)
        return load_generator(folder / LAST)[0]

    def _eval_set(self, cell: Cell) -> EvalSet:
        key = cell.measured_on, cell.split, cell.limit
        if self.loaded is None or self.loaded[0] != key:
            self.loaded = key, load_eval_set(DataRef.parse(cell.measured_on), cell.split, cell.limit, self.quiet)
        return self.loaded[1]

    def _save_inputs(self, cell: Cell, eval_set: EvalSet) -> None:
        """Store strips of the images and of the ground truths of a column."""
        for what, images in (("image", eval_set.images), ("truth", eval_set.truths)):
            strip = sample_strip([as_unit(i) for i in images[:COUNT]], eval_set.truths)
            self.store.save_picture(picture_name(cell.table, cell.column, what), strip)


@contextlib.contextmanager
def _optional(extra: str) -> Iterator[None]:
    """Whatever fails inside is about a package of the extra."""
    try:
        yield
    except ImportError as error:
        raise NotInstalledError(f"{error}; pip install '.[{extra}]'") from error
    except BaselineError as error:
        raise NotInstalledError(str(error)) from error


@contextlib.contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Append what is printed to a file; progress bars are still shown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        yield
