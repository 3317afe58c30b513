"""PNG encoding of images and ground truth (PNG, third edition, W3C 2025)."""

from __future__ import annotations

import struct
import zlib
from functools import cache

import numpy as np

from subsynth.core.pixels import U8
from subsynth.format import deflate
from subsynth.kernels import compilation

ENCODER = "paeth filter, huffman"  # recorded in the manifest: pixels are promised, encoded bytes are not

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2  # colour types
_NONE, _PAETH = 0, 4  # filter types


def encode_color(image: U8, compiled: bool | None = None) -> bytes:
    """RGB uint8 (H, W, 3) -> PNG; the same bytes by compiled kernels and by NumPy (None: what this process uses)."""
    height, width = image.shape[:2]
    rows = np.ascontiguousarray(image).reshape(height, 3 * width)
    if compilation.enabled() if compiled is None else compiled:
        from subsynth.kernels import png_encoding  # noqa: PLC0415 - imports numba

        stream = png_encoding.deflate(png_encoding.filtered(rows, 3).reshape(-1)).tobytes()
    else:
        stream = deflate.deflate(paeth_filter(rows, 3).reshape(-1))
    return _file(stream, _header(width, height, 8, _RGB))


def encode_binary(mask: U8) -> bytes:
    """Mask uint8 (H, W) of 0 and 255 -> PNG with one bit per pixel. Rows of text repeat, so zlib's matches pay off."""
    height, width = mask.shape
    rows = np.full((height, 1 + (width + 7) // 8), _NONE, np.uint8)
    rows[:, 1:] = np.packbits(mask, axis=1)
    return _file(zlib.compress(rows.data, 4), _header(width, height, 1, _GREY))


def encode_grey(plane: U8) -> bytes:
    """Plane uint8 (H, W) with large even areas, such as coverage -> PNG with eight bits per pixel."""
    height, width = plane.shape
    rows = np.full((height, 1 + width), _NONE, np.uint8)
    rows[:, 1:] = plane
    return _file(zlib.compress(rows.data, 4), _header(width, height, 8, _GREY))


def paeth_filter(rows: U8, pixel_bytes: int) -> U8:
    """Rows (H, n) of bytes, `pixel_bytes` per pixel -> (H, 1 + n): filter type and Paeth residuals (section 9)."""
    current = rows.astype(np.int16)
    left, above, corner = (np.zeros_like(current) for _ in range(3))
    left[:, pixel_bytes:], above[1:] = current[:, :-pixel_bytes], current[:-1]
    corner[1:, pixel_bytes:] = current[:-1, :-pixel_bytes]
    pa, pb, pc = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    predicted = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, above, corner))
    out = np.full((len(rows), 1 + rows.shape[1]), _PAETH, np.uint8)
    out[:, 1:] = (current - predicted).astype(np.uint8)
    return out


def _file(stream: bytes, header: bytes) -> bytes:
    return b"".join((header, _chunk(b"IDAT", stream), _END))


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)))


@cache
def _header(width: int, height: int, bit_depth: int, color_type: int) -> bytes:
    """The signature and the IHDR chunk: without palette and interlacing."""
    return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0))


_END = _chunk(b"IEND", b"")
