"""JPEG: block quantisation with 4:2:0 chroma, as in video."""

from __future__ import annotations

import cv2
import numpy as np

from subsynth.core.pixels import U8


def jpeg(image: U8, quality: int, dx: int = 0, dy: int = 0) -> U8:
    """Encode and decode RGB uint8 (H, W, 3) at `quality` (1..100); (dx, dy) as in `encode_and_decode`."""
    return encode_and_decode(image, quality, dx, dy)[0]


def encode_and_decode(image: U8, quality: int, dx: int, dy: int) -> tuple[U8, bytes]:
    """The decoded image, and the file that it was decoded from.

    (dx, dy) in 0..15 is the position within a macroblock at which the crop starts: the file then has dx more columns at
    the left and dy more rows at the top, which repeat the first column and row.
    """
    frame = cv2.copyMakeBorder(image, dy, 0, dx, 0, cv2.BORDER_REPLICATE) if dx or dy else image
    # OpenCV's codec takes BGR: given RGB it would swap the weights of red and blue in the luma.
    return encode_and_decode_frame(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), dtype=np.uint8), quality, dx, dy)


def encode_and_decode_frame(frame: U8, quality: int, dx: int, dy: int) -> tuple[U8, bytes]:
    """`encode_and_decode` of a BGR picture that already has its border."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    file = cv2.imencode(".jpg", frame, flags)[1]
    decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
    return np.ascontiguousarray(decoded[dy:, dx:]), file.tobytes()
