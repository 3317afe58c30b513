"""Weights small enough to keep: a generator in fp16, in files of limited size, and back to one checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

MAX_BYTES = 10 << 20  # of tensors in one file


def to_half(checkpoint: Path, out: Path) -> list[Path]:
    """Write the generator of a checkpoint with its matrices in fp16; return the files, one or NAME-1-of-2 and so on.

    Vectors keep float32: the statistics of the norms need its range.
    """
    parts: list[dict[str, Tensor]] = [{}]
    with safe_open(str(checkpoint), "pt") as file:
        metadata = file.metadata()
        for key in [k for k in file.keys() if k.startswith("generator.")]:  # noqa: SIM118 - the file is not a mapping
            tensor = file.get_tensor(key)
            tensor = tensor.half() if tensor.ndim > 1 else tensor
            if sum(t.nbytes for t in parts[-1].values()) + tensor.nbytes > MAX_BYTES:
                parts.append({})
            parts[-1][key] = tensor
    names = [out.with_stem(f"{out.stem}-{i}-of-{len(parts)}") for i in range(1, len(parts) + 1)]
    names = [out] if len(parts) == 1 else names
    for name, part in zip(names, parts, strict=True):
        save_file(part, name, metadata)
    return names


def join(paths: Sequence[Path], out: Path) -> None:
    """Join the files of `to_half` into one checkpoint that `score` and `binarize` accept."""
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    for path in paths:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata()
            tensors |= {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - the file is not a mapping
    save_file(tensors, out, metadata)
