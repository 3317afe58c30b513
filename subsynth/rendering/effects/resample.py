"""Resample: loss of resolution, as in a film that is enlarged for display."""

from __future__ import annotations

import cv2
import numpy as np

from subsynth.core.pixels import U8


def resample(image: U8, factor: float) -> U8:
    """Reduce by `factor` (>= 1) and enlarge to the same size again, both bilinear."""
    height, width = image.shape[:2]
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
