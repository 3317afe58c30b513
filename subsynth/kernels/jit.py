"""How a kernel is compiled, and where its machine code is cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import types

from subsynth.kernels import compilation


def kernel(signature: Any) -> Callable[[Any], Any]:
    """Compile a function when it is defined: for one signature, or (None) as part of the kernels that call it."""

    def compile_function(function: Any) -> Any:
        folder = compilation.machine_code_folder()
        config: Any = numba.config
        before, config.CACHE_DIR = config.CACHE_DIR, str(folder or "")
        try:
            options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "cache": folder is not None}
            return numba.njit(**options)(function) if signature is None else numba.njit(signature, **options)(function)
        finally:
            config.CACHE_DIR = before

    return compile_function


def readonly(kind: Any, dimensions: int) -> Any:
    """The type of a contiguous array that a kernel only reads; writable arrays are accepted too."""
    return types.Array(kind, dimensions, "C", readonly=True)
