"""Content: what a shard holds, as one digest: of pixels and values, not of the bytes that encode them."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from subsynth.core.pixels import U8
from subsynth.format import schema


class Content:
    """A SHA-256 of the rows given so far, in order.

    Pixels are hashed row by row (image, then ground truth), every other column by itself: numbers
    little-endian in the column's own width, booleans as a byte each, text in UTF-8 with a zero after each
    value. The result is the digest of those digests, pixels first, then the columns in their order.
    """

    def __init__(self) -> None:
        self._pixels = hashlib.sha256()
        self._columns = {name: hashlib.sha256() for name in schema.NAMES if name not in schema.IMAGES}

    def pixels(self, image: U8, truth: U8) -> None:
        """Add a row's image uint8 (H, W, 3) and ground truth uint8 (H, W)."""
        self._pixels.update(np.ascontiguousarray(image).data)
        self._pixels.update(np.ascontiguousarray(truth).data)

    def columns(self, table: pa.Table) -> None:
        """Add the other columns of some rows."""
        for name, found in self._columns.items():
            column = table.column(name).combine_chunks()
            if pa.types.is_list(column.type):
                column = column.flatten()
            if pa.types.is_string(column.type):
                found.update("".join(f"{value}\0" for value in column.to_pylist()).encode())
            else:
                found.update(_values(column))

    def hexdigest(self) -> str:
        """The digest so far."""
        whole = hashlib.sha256(self._pixels.digest())
        for found in self._columns.values():
            whole.update(found.digest())
        return whole.hexdigest()


def _values(column: pa.Array) -> memoryview:
    """The bytes of a column of numbers or booleans, straight from its buffer."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    width = column.type.bit_width // 8
    return memoryview(column.buffers()[1])[column.offset * width : (column.offset + len(column)) * width]
