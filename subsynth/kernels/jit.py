"""Compiled: how a kernel is compiled, and where its machine code is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import types

from subsynth.kernels import compilation


def compiled(signature: Any) -> Callable[[Any], Any]:
    """Compile a function for one signature when it is defined, or (None) as part of those that call it."""

    def compile_(function: Any) -> Any:
        folder = compilation.machine_code_folder()
        config: Any = numba.config
        before, config.CACHE_DIR = config.CACHE_DIR, str(folder or "")
        try:
            options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "cache": folder is not None}
            return numba.njit(**options)(function) if signature is None else numba.njit(signature, **options)(function)
        finally:
            config.CACHE_DIR = before

    return compile_


def frozen(kind: Any, dimensions: int) -> Any:
    """A contiguous array that is only read; arrays that may be written are taken too."""
    return types.Array(kind, dimensions, "C", readonly=True)
