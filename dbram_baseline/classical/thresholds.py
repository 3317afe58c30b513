"""Classical binarization methods by name, each from a grey image (H, W) uint8 to a mask, True on text.

All of them assume that text is darker than its surroundings, as in documents.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from dbram_baseline.arrays import U8, Mask
from dbram_baseline.classical.howe import howe

Method = Callable[[U8], Mask]
STRIP_HEIGHT = 100  # px; a lower image is a line of text, for which the window is 25 px instead of 75


def to_grey(image: U8) -> U8:
    """Luma (H, W) of an RGB image (H, W, 3)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def otsu(grey: U8) -> Mask:
    """One threshold for the whole image (Otsu, 1979)."""
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return grey <= level


def _local_threshold(algorithm: str, **parameters: float) -> Method:
    """One threshold per pixel, from a window around it, computed by doxapy."""

    def method(grey: U8) -> Mask:
        import doxapy  # noqa: PLC0415 - training does not need it

        window = 25 if grey.shape[0] < STRIP_HEIGHT else 75
        # Around any pixel, a window of this size reaches over the shorter side; larger ones corrupt doxapy's memory.
        window = min(window, 2 * min(grey.shape) - 1)
        binarization = doxapy.Binarization(getattr(doxapy.Binarization.Algorithms, algorithm))
        binarization.initialize(np.ascontiguousarray(grey))
        binary = np.empty_like(grey)
        binarization.to_binary(binary, {"window": window, **parameters} if parameters else {})
        return binary == 0

    return method


METHODS: dict[str, Method] = {
    "otsu": otsu,
    "niblack": _local_threshold("NIBLACK", k=-0.2),  # Niblack, 1986
    "sauvola": _local_threshold("SAUVOLA", k=0.2),  # Sauvola and Pietikäinen, 2000
    "wolf": _local_threshold("WOLF", k=0.2),  # Wolf and Jolion, 2004
    "nick": _local_threshold("NICK", k=-0.2),  # Khurshid et al., 2009
    "isauvola": _local_threshold("ISAUVOLA", k=0.2),  # Hadjadj et al., 2016
    "su": _local_threshold("SU"),  # Su, Lu and Tan, 2010; estimates its window from the strokes
    "howe": howe,  # Howe, 2011; a graph cut
}
