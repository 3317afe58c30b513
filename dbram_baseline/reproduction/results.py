"""Cells of the paper's tables: what is measured, and the file in which a finished one is kept."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError

U8 = NDArray[np.uint8]


class Missing(NamedTuple):
    """A cell that is not measured, and why."""

    table: str
    data: str
    system: str
    why: str


@dataclass(frozen=True, eq=False)
class Cell:
    """One system on one set. `data` and `system` are the column and the row of the table."""

    table: str
    data: str
    system: str
    measured_on: str  # a name of data, as --data takes it
    split: str
    most: int  # images at most; 0 for all
    quick: bool
    seed: int  # of the rendered set, the weights and the order
    trained_on: str = ""  # "" where nothing is trained
    preset: str = ""
    reader: str = ""
    config: dict[str, Any] = dataclasses.field(default_factory=dict)  # of a run, whole

    @property
    def name(self) -> str:
        """What its files are called."""
        return _name(self.table, self.data, self.system)


def kept(folder: Path, cell: Cell) -> dict[str, Any] | None:
    """The record of a finished cell, if there is one. Raises BaselineError if it is of another configuration, or if
    other data lie under the names of its sets now."""
    path = folder / f"{cell.name}.json"
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    was, asked = record["cell"], dataclasses.asdict(cell)
    for key in [k for k in asked if k != "config"]:
        if was.get(key) != asked[key]:
            raise _another(path, key.replace("_", " "), was.get(key), asked[key])
    for key in [k for k in asked["config"] if k not in ("device", "workers", "compile", "save_every")]:
        if was["config"].get(key) != asked["config"][key]:
            raise _another(path, key, was["config"].get(key), asked["config"][key])
    for name, then in record["data"].items():
        now = data.fingerprint(name)
        if now and then != now:  # a set that was cleared away contradicts nothing
            raise BaselineError(f"{path} was measured when other data lay in {name}; name another --out, or remove it")
    return record


def stored(folder: Path, missing: Missing) -> dict[str, Any] | None:
    """The record of a cell that was finished before its set went missing, if there is one."""
    path = folder / f"{_name(*missing[:3])}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _name(table: str, column: str, system: str) -> str:
    return f"{table}-{column}-{system}".replace(" ", "_").replace(",", "").replace("/", "_")


def _another(path: Path, key: str, was: Any, now: Any) -> BaselineError:
    return BaselineError(f"{path} was measured with {key} {was!r}, now {now!r}; name another --out, or remove the file")


def keep(folder: Path, cell: Cell, values: dict[str, NDArray[np.float64]], strip: U8, seconds: float,
         on: torch.device) -> dict[str, Any]:  # fmt: skip
    """Write a finished cell: the means over images with their 95 % intervals, and a strip of sample outputs."""
    put_picture(folder / f"{cell.name}.png", strip)
    record = {
        "cell": dataclasses.asdict(cell), "values": {k: interval(v) for k, v in values.items()},
        "n": len(next(iter(values.values()))), "seconds": round(seconds, 1), "commit": commit(),
        "machine": machine(on), "data": {n: data.fingerprint(n) for n in (cell.measured_on, cell.trained_on) if n},
    }  # fmt: skip
    _put(folder / f"{cell.name}.json", (json.dumps(record, indent=1) + "\n").encode())
    return record


def put_picture(path: Path, rgb: U8) -> None:
    """Write a PNG, whole or not at all."""
    _put(path, cv2.imencode(".png", rgb[:, :, ::-1])[1].tobytes())


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_bytes(content)
    scratch.replace(path)


def interval(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Mean, and the 95 % interval of it over images (Student's t); no interval for one image alone."""
    from scipy import stats  # noqa: PLC0415 - takes its time

    some = values[np.isfinite(values)]
    if not len(some):
        return {"mean": None, "low": None, "high": None}
    mean = float(some.mean())
    if len(some) == 1:
        return {"mean": mean, "low": None, "high": None}
    reach = float(stats.t.ppf(0.975, len(some) - 1) * some.std(ddof=1) / np.sqrt(len(some)))
    return {"mean": mean, "low": mean - reach, "high": mean + reach}


@lru_cache(maxsize=1)
def commit() -> str:
    """The commit of the checkout that this file lies in, or the version that is installed."""
    from subsynth import __version__  # noqa: PLC0415

    def git(*args: str) -> str:
        done = subprocess.run(
            ["git", *args], cwd=Path(__file__).parent, capture_output=True, text=True, check=False, timeout=20
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        found = git("rev-parse", "--short=12", "HEAD")
        tracked = git("ls-files", "--", Path(__file__).name)
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.TimeoutExpired):
        found = tracked = changed = ""
    return found + (" and changes" if changed else "") if found and tracked else f"subsynth {__version__}"


def machine(on: torch.device) -> str:
    """Processor, cores, device and versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = next((ln.split(":", 1)[1].strip() for ln in info.read_text().splitlines() if "model name" in ln), model)
    device = f", {torch.cuda.get_device_name(on)}" if on.type == "cuda" else ""
    return f"{model}, {os.cpu_count()} cores{device}; Python {platform.python_version()}, torch {torch.__version__}"
