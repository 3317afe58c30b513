"""Classical binarization: thresholds from grey alone, by the libraries that are right and fast at them.

Each method gives a mask, True on text, and takes text to be darker than what surrounds it, as in documents.
Subtitles are as often lighter: so results are shown both as they come ("raw") and for whichever of the image and
its negative fits the truth better ("oracle polarity"), which is more than any of them could know.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from dbram_baseline.classical.howe import howe
from dbram_baseline.evaluation import metrics
from dbram_baseline.evaluation.metrics import Mask

U8 = NDArray[np.uint8]
SMALL = 100  # px of height under which an image is a strip, whose window is 25 px instead of 75


def otsu(grey: U8) -> Mask:
    """One threshold for the image (Otsu, 1979)."""
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return grey <= level


def _local(name: str, **settings: float) -> Callable[[U8], Mask]:
    """A threshold for each pixel from a window around it, by doxapy."""

    def method(grey: U8) -> Mask:
        import doxapy  # noqa: PLC0415 - only where it is used

        window = 25 if grey.shape[0] < SMALL else 75
        work = doxapy.Binarization(getattr(doxapy.Binarization.Algorithms, name))
        work.initialize(np.ascontiguousarray(grey))
        found = np.empty_like(grey)
        work.to_binary(found, {"window": window, **settings} if settings else {})
        return found == 0

    return method


METHODS: dict[str, Callable[[U8], Mask]] = {
    "otsu": otsu,
    "niblack": _local("NIBLACK", k=-0.2),  # Niblack, 1986
    "sauvola": _local("SAUVOLA", k=0.2),  # Sauvola and Pietikäinen, 2000
    "wolf": _local("WOLF", k=0.2),  # Wolf and Jolion, 2004
    "nick": _local("NICK", k=-0.2),  # Khurshid et al., 2009
    "isauvola": _local("ISAUVOLA", k=0.2),  # Hadjadj et al., 2016
    "su": _local("SU"),  # Su, Lu and Tan, 2010: its window comes from the strokes
    "howe": howe,  # Howe, 2011: a graph cut
}


def grey(image: U8) -> U8:
    """Luma of an RGB image (H, W, 3)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def best_polarity(method: Callable[[U8], Mask], image: U8, truth: Mask) -> Mask:
    """The method on the grey image or on its negative, whichever has the higher F-measure."""
    return max((method(image), method(255 - image)), key=lambda found: metrics.f_measure(found, truth))
