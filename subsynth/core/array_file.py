"""Array files: several arrays in one file, which is either read into memory or memory-mapped as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

SMALL = 4 << 20  # bytes; a file up to this size is read into memory
_ALIGNMENT = 64


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays to PATH, and their names, types, shapes and offsets to PATH.json."""
    entries, offset = {}, 0
    with path.open("wb") as file:
        for name, array in arrays.items():
            file.write(b"\0" * (-offset % _ALIGNMENT))
            offset += -offset % _ALIGNMENT
            entries[name] = [array.dtype.str, list(array.shape), offset]
            file.write(np.ascontiguousarray(array).tobytes())
            offset += array.nbytes
    path.with_name(f"{path.name}.json").write_text(json.dumps(entries), encoding="utf-8")


def read_arrays(path: Path) -> Arrays:
    """The arrays of a file: read into memory if it is small, otherwise memory-mapped, read-only.

    A mapping holds a file handle as long as any of its arrays exists. Raises OSError or ValueError for a missing or
    damaged file.
    """
    content = np.fromfile(path, np.uint8) if is_small(path) else np.asarray(np.memmap(path, np.uint8, "r"))
    entries = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
    arrays = {}
    for name, (dtype, shape, offset) in entries.items():
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        arrays[name] = content[offset : offset + size].view(dtype).reshape(shape)
    return arrays


def is_small(path: Path) -> bool:
    """Whether a file is read into memory."""
    return path.stat().st_size <= SMALL
