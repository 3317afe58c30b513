"""Rows of pixels. Numba takes seconds to compile assignments of slices, because of the texts of their errors."""

from __future__ import annotations

from subsynth.kernels.jit import kernel


@kernel(None)
def copy(source, target):
    """Copy a row, or the beginning of a longer one, to another one."""
    for i in range(len(target)):
        target[i] = source[i]
