"""PNG: one place where images become files (PNG, third edition, W3C 2025)."""

from __future__ import annotations

import struct
import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8
from subsynth.format import deflate
from subsynth.kernels import compilation

CODER = "paeth filter, huffman"  # named in the manifest: pixels are the promise, bytes are not

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2  # colour types
_NONE, _PAETH = 0, 4  # filters


def color(image: U8) -> bytes:
    """RGB uint8 (H, W, 3) -> PNG."""
    height, width = image.shape[:2]
    rows = np.ascontiguousarray(image).reshape(height, 3 * width)
    if compilation.enabled():
        from subsynth.kernels import png_encoding  # noqa: PLC0415 - imports numba

        stream = png_encoding.deflate(png_encoding.filtered(rows, 3).reshape(-1)).tobytes()
    else:
        stream = deflate.deflate(filtered(rows, 3).reshape(-1))
    return _file(stream, _head(width, height, 8, _RGB))


def binary(mask: U8) -> bytes:
    """Mask uint8 (H, W) of 0 and 255 -> PNG of one bit a pixel. Lines of text repeat: here matches pay."""
    height, width = mask.shape
    rows = np.full((height, 1 + (width + 7) // 8), _NONE, np.uint8)
    rows[:, 1:] = np.packbits(mask, axis=1)
    return _file(zlib.compress(rows.data, 4), _head(width, height, 1, _GREY))


def filtered(rows: U8, step: int) -> NDArray[np.uint8]:
    """Rows (H, n) of bytes, `step` to a pixel -> (H, 1 + n): filter type, and what Paeth's guess leaves (section 9)."""
    here = rows.astype(np.int16)
    left, above, corner = (np.zeros_like(here) for _ in range(3))
    left[:, step:], above[1:], corner[1:, step:] = here[:, :-step], here[:-1], here[:-1, :-step]
    pa, pb, pc = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    guess = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, above, corner))
    out = np.full((len(rows), 1 + rows.shape[1]), _PAETH, np.uint8)
    out[:, 1:] = (here - guess).astype(np.uint8)
    return out


def _file(stream: bytes, head: bytes) -> bytes:
    return b"".join((head, _chunk(b"IDAT", stream), _END))


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(content)), kind, content, struct.pack(">I", check)))


@cache
def _head(width: int, height: int, depth: int, kind: int) -> bytes:
    """The signature and the header: no palette, no interlace."""
    return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))


_END = _chunk(b"IEND", b"")
