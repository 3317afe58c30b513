"""Array types that modules exchange. Images are RGB; in greys and ground truth, text is dark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]  # images (H, W, 3); ground truth (H, W), text 0, background 255
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Grey = NDArray[np.floating]  # (H, W) in [0, 1], text 0, background 1
Mask = NDArray[np.bool_]  # (H, W), True on text (or in shadow)

Images = U8 | list[U8]  # one array of images of equal size, or pages of different sizes
Outputs = F32 | list[F32]  # what a system makes of Images: greys, or RGB in [0, 1]


def as_unit(image: U8) -> F32:
    """The values of a uint8 image, from [0, 255] to [0, 1]."""
    return np.divide(image, 255, dtype=np.float32)
