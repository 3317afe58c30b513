"""The content digest of a shard: a SHA-256 of its pixels and values, independent of the bytes that encode them."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from subsynth.core.pixels import U8
from subsynth.format import schema


class ContentDigest:
    """A SHA-256 of all rows added so far, in order.

    Pixels are hashed row by row (image, ground truth, then other images), every other column separately: numbers
    little-endian in the column's own width, booleans as one byte each, text in UTF-8 with a zero byte after each
    value; of boxes, their number in each row and their coordinates, each by itself. The result is the digest of those
    digests: pixels first, then the columns in their order, then the numbers of boxes.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._pixels = hashlib.sha256()
        self._columns = {name: hashlib.sha256() for name in columns if name not in schema.IMAGES}
        self._counts = {name: hashlib.sha256() for name in columns if schema.column_types().get(name) == schema.BOXES}

    def add_pixels(self, *images: U8) -> None:
        """Add one row's images, uint8 (H, W, 3) or (H, W), in the order of their columns."""
        for image in images:
            self._pixels.update(np.ascontiguousarray(image).data)

    def add_columns(self, table: pa.Table) -> None:
        """Add the other columns of some rows."""
        for name, digest in self._columns.items():
            column = table.column(name).combine_chunks()
            if pa.types.is_list(column.type):
                if name in self._counts:
                    self._counts[name].update(np.ascontiguousarray(np.diff(column.offsets), "<i4").data)
                    column = column.flatten()
                column = column.flatten()
            if pa.types.is_string(column.type):
                digest.update("".join(f"{value}\0" for value in column.to_pylist()).encode())
            else:
                digest.update(_buffer(column))

    def hexdigest(self) -> str:
        """The digest of the rows added so far."""
        total = hashlib.sha256(self._pixels.digest())
        for digest in (*self._columns.values(), *self._counts.values()):
            total.update(digest.digest())
        return total.hexdigest()


def _buffer(column: pa.Array) -> memoryview:
    """The bytes of a column of numbers or booleans, without a copy of numbers."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    width = column.type.bit_width // 8
    return memoryview(column.buffers()[1])[column.offset * width : (column.offset + len(column)) * width]
