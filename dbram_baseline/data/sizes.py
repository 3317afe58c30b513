"""The least size of images that can be trained on and scored."""

from __future__ import annotations

from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError

MIN_SIDE = 11  # px, the window of SSIM


def check_size(ref: DataRef, height: int, width: int, what: str = "images are") -> None:
    """Raise BaselineError if images of this size cannot be scored."""
    if min(height, width) < MIN_SIDE:
        raise BaselineError(
            f"--data {ref.name}: {what} {height} x {width} px; at least {MIN_SIDE} x {MIN_SIDE} px are needed, the "
            "window of SSIM"
        )
