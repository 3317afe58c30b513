"""Binary grids: values that are the same number in memory, in parquet and on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_grid(values: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Round to multiples of 1 / steps."""
    return np.asarray(np.rint(values * steps) / steps)
