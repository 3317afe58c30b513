"""JPEG: block quantisation with 4:2:0 chroma, as video has."""

from __future__ import annotations

import cv2
import numpy as np

from subsynth.ink import U8


def flags(quality: int) -> list[int]:
    """What OpenCV's encoder is told."""
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    return [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling]


def jpeg(image: U8, quality: int, dx: int = 0, dy: int = 0) -> U8:
    """Encode and decode at `quality` (1..100). (dx, dy) in 0..15 is where in a macroblock the crop begins."""
    height, width = image.shape[:2]
    frame = cv2.copyMakeBorder(image, dy, 0, dx, 0, cv2.BORDER_REPLICATE) if dx or dy else image
    # OpenCV's codec takes BGR: handing it RGB would weigh red as blue in the luma, so the order is changed.
    coded = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), flags(quality))[1]
    decoded = cv2.cvtColor(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(decoded[dy : dy + height, dx : dx + width])
