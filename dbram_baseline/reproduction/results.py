"""Results: the values of finished cells, and the files that they are stored in."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from dbram_baseline.arrays import U8
from dbram_baseline.data.fingerprint import fingerprint
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError, reason
from dbram_baseline.evaluation.values import Interval, MetricValues
from dbram_baseline.files import read_file, write_file
from dbram_baseline.reproduction.cell import Cell, MissingCell
from dbram_baseline.reproduction.provenance import commit, machine
from dbram_baseline.training.resume import MACHINE_FIELDS

MAX_FILE = 1 << 20  # bytes of a stored result


@dataclass(frozen=True)
class CellResult:
    """A finished cell: the means of its metrics, and with what they were measured."""

    cell: Cell
    values: Mapping[str, Interval]
    n: int  # images
    seconds: float
    commit: str
    machine: str
    fingerprints: Mapping[str, str]  # of the data, by its reference

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> CellResult:
        """Read what `to_json` wrote. Raises KeyError or TypeError."""
        values = {key: Interval.from_json(value) for key, value in record["values"].items()}
        rest = (record[key] for key in ("n", "seconds", "commit", "machine", "data"))
        return cls(Cell.from_json(record["cell"]), values, *rest)

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {
            "cell": self.cell.to_json(), "values": {key: value.to_json() for key, value in self.values.items()},
            "n": self.n, "seconds": self.seconds, "commit": self.commit, "machine": self.machine,
            "data": dict(self.fingerprints),
        }  # fmt: skip


class ResultStore:
    """A folder with a JSON file and a picture for each finished cell. Files are written atomically."""

    def __init__(self, folder: Path):
        self.folder = folder

    def load(self, cell: Cell) -> CellResult | None:
        """The result of a cell, if it is finished.

        Raises BaselineError if it was measured with another configuration, or if the data has changed since.
        """
        path = self.folder / f"{cell.name}.json"
        if not path.exists():
            return None
        with _parsing(path):
            record = json.loads(read_file(path, MAX_FILE))
            _check_same(path, record["cell"], cell.to_json())
            result = CellResult.from_json(record)
            fingerprints = {str(name): str(value) for name, value in result.fingerprints.items()}
        for name, before in fingerprints.items():
            now = fingerprint(DataRef.parse(name))
            if now and before != now:  # a set that has been removed contradicts nothing
                raise BaselineError(f"{path} was measured when {name} had other data; name another --out, or remove it")
        return result

    def load_missing(self, missing: MissingCell) -> CellResult | None:
        """The result of a cell that was finished before its data was no longer named, if there is one."""
        path = self.folder / f"{missing.name}.json"
        if not path.exists():
            return None
        with _parsing(path):
            return CellResult.from_json(json.loads(read_file(path, MAX_FILE)))

    def save(self, cell: Cell, values: MetricValues, samples: U8, seconds: float, device: torch.device) -> CellResult:
        """Store the values of a cell and the picture of sample outputs."""
        self.save_picture(cell.name, samples)
        data = {n: fingerprint(DataRef.parse(n)) for n in (cell.measured_on, cell.trained_on) if n}
        result = CellResult(
            cell, values.intervals(), len(values), round(seconds, 1), commit(), machine(device), data
        )  # fmt: skip
        self._write(f"{cell.name}.json", (json.dumps(result.to_json(), indent=1) + "\n").encode())
        return result

    def save_picture(self, name: str, rgb: U8) -> None:
        """Store a PNG, by its name without a suffix."""
        self._write(f"{name}.png", cv2.imencode(".png", rgb[:, :, ::-1])[1].tobytes())

    def load_picture(self, name: str) -> U8 | None:
        """A stored picture, RGB, if there is one."""
        path = self.folder / f"{name}.png"
        bgr = cv2.imread(str(path)) if path.exists() else None
        return None if bgr is None else np.asarray(bgr[:, :, ::-1], np.uint8)

    def _write(self, name: str, content: bytes) -> None:
        write_file(self.folder / name, content)


def picture_name(table: str, column: str, what: str) -> str:
    """The name of the picture of a column's images or ground truths."""
    return f"{table}-{column.replace('/', '_')}-{what}"


def _check_same(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise BaselineError if a cell was measured with another configuration than it has now."""
    pairs = [(key.replace("_", " "), before.get(key), now[key]) for key in now if key != "config"]
    training = [key for key in now["config"] if key not in MACHINE_FIELDS]
    pairs += [(key, before["config"].get(key), now["config"][key]) for key in training]
    for key, old, new in pairs:
        if old != new:
            name = "limit" if key == "most" else key
            raise BaselineError(
                f"{path} was measured with {name} {old!r}, now {new!r}; name another --out, or remove the file"
            )


@contextlib.contextmanager
def _parsing(path: Path) -> Iterator[None]:
    """Raise BaselineError if what is parsed inside is not a stored result."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BaselineError(
            f"{path}: not a result of this version ({reason(error)}); remove it, or name another --out"
        ) from error
