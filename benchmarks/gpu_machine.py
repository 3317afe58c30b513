"""The device and the versions that results were measured with."""

from __future__ import annotations

import os
import platform

import torch


def machine() -> dict[str, str | int | float | None]:
    """As recorded in the JSON files of the results."""
    record: dict[str, str | int | float | None] = {
        "torch": torch.__version__, "python": platform.python_version(), "cpus": os.cpu_count(),
    }  # fmt: skip
    if not torch.cuda.is_available():
        return record | {"device": "cpu", "threads": torch.get_num_threads()}
    properties = torch.cuda.get_device_properties(0)
    return record | {
        "device": properties.name, "memory_gb": round(properties.total_memory / 1e9, 1),
        "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(),
    }  # fmt: skip
