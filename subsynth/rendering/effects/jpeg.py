"""JPEG: block quantisation with 4:2:0 chroma, as video has."""

from __future__ import annotations

import cv2
import numpy as np

from subsynth.core.pixels import U8


def jpeg(image: U8, quality: int, dx: int = 0, dy: int = 0) -> U8:
    """Encode and decode RGB uint8 (H, W, 3) at `quality` (1..100); (dx, dy) as in `coded`."""
    return coded(image, quality, dx, dy)[0]


def coded(image: U8, quality: int, dx: int, dy: int) -> tuple[U8, bytes]:
    """What `jpeg` gives, and the file that it comes from.

    (dx, dy) in 0..15 is where in a macroblock the crop begins: the file then shows that much more at the
    left and the top, where the first column and row repeat.
    """
    frame = cv2.copyMakeBorder(image, dy, 0, dx, 0, cv2.BORDER_REPLICATE) if dx or dy else image
    # OpenCV's codec takes BGR: handing it RGB would weigh red as blue in the luma, so the order is changed.
    return framed(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), dtype=np.uint8), quality, dx, dy)


def framed(frame: U8, quality: int, dx: int, dy: int) -> tuple[U8, bytes]:
    """`coded` of a picture in BGR that has its border already."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    file = cv2.imencode(".jpg", frame, flags)[1]
    decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
    return np.ascontiguousarray(decoded[dy:, dx:]), file.tobytes()
