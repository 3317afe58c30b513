"""Blur: a Gaussian, as in the paper's samples."""

from __future__ import annotations

import cv2
import numpy as np

from subsynth.core.pixels import U8


def blur(image: U8, sigma: float) -> U8:
    """Convolve with a Gaussian of `sigma` px, edges mirrored; OpenCV's fixed-point filter for 8 bits."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), dtype=np.uint8)
