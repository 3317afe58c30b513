"""Rows of a shard that anybody may have written: read within bounds of memory, their values checked one by one.

Bounded before anything is decoded, by what the footer says: the number of rows, the bytes of a row group, the numbers
in lists, and the compression, since Snappy expands to at most 22 times what the file holds, and others to thousands of
times.

Not bounded is what pages hold against the footer, since Arrow tells nothing of their headers. A page may ask for up to
2 GiB of addresses; they are not filled by more than the file can expand to, and where there are fewer, Arrow's error
is that of a file that cannot be read. A dictionary that the footer does not mention may repeat one value in each of
the _BATCH rows decoded at a time, and one list may have billions of equal numbers: both can fill memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from subsynth.core.documents import shown
from subsynth.format import schema
from subsynth.format.manifest import MAX_SHARD_ROWS
from subsynth.format.stored_pairs import MAX_HEIGHT, MAX_WIDTH
from subsynth.planning.columns import Columns
from subsynth.planning.distractor import to_column
from subsynth.planning.stored_recipe import BOUNDS, MAX_TEXT
from subsynth.spec.spec import Spec

_BATCH = 250  # rows decoded at a time
_BATCH_BYTES = 256 << 20  # the most that their columns may take, where a dictionary makes rows larger than the file
_ROW_BYTES = 1 << 16  # of all columns that are not images
_FILE_BYTES = 1 << 24  # of a row group, whatever its rows are
_CODECS = ("UNCOMPRESSED", "SNAPPY")  # that shards are written with
_LIST_NUMBERS = 64  # per row and column of numbers; 3 are written, and other lengths are a problem of their rows
_BOX_NUMBERS = 4 * MAX_TEXT  # per row and column of boxes
_BOUNDS = BOUNDS | {schema.MEASURED: (1.0, 21.0)}
_TEXT_BYTES = 4 * MAX_TEXT


class UnusableShardError(ValueError):
    """A file is not a shard that this version could have written. The message says why."""


def open_shard(path: Path, spec: Spec | None) -> pq.ParquetFile:
    """Open a shard, a regular file. Raises UnusableShardError, ArrowException and OSError."""
    if not path.is_file():
        raise UnusableShardError("is not a regular file")
    file = pq.ParquetFile(path)
    try:
        _check_structure(file, spec)
    except BaseException:
        file.close()
        raise
    return file


def read_batches(file: pq.ParquetFile, images: bool = True) -> Iterator[pa.Table]:
    """The rows of an open shard, some at a time, in order; without `images`, only the other columns."""
    columns = None if images else [name for name in file.schema_arrow.names if name not in schema.IMAGES]
    for batch in file.iter_batches(_batch_rows(file.metadata), columns=columns):
        yield pa.Table.from_batches([batch])


def find_value_problems(table: pa.Table) -> Iterator[tuple[int, str]]:
    """What is wrong with the values of rows, except their images: (row of the table, problem)."""
    for name in table.column_names:
        if name not in schema.IMAGES:
            yield from _column_problems(name, table.column(name).combine_chunks())


def rows_of(table: pa.Table) -> list[dict[str, object]]:
    """Rows as Python values; text that is not UTF-8 has escapes in it."""
    columns = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        columns[name] = _texts(column) if pa.types.is_string(column.type) else column.to_pylist()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def image_files(table: pa.Table) -> Iterator[dict[str, bytes | None]]:
    """The files of each row by image column; None where one is missing."""
    names = [name for name in table.column_names if name in schema.IMAGES]
    for cells in zip(*(table.column(name).combine_chunks().to_pylist() for name in names), strict=True):
        yield {name: (cell or {}).get("bytes") for name, cell in zip(names, cells, strict=True)}


def equals_plan(table: pa.Table, planned: Columns) -> bool:
    """Whether rows without value problems hold exactly what was planned."""
    return all(
        _equals(table.column(name).combine_chunks(), values)
        for name, values in planned.items()
        if name in table.column_names
    )


def _equals(column: pa.Array, planned: object) -> bool:
    if isinstance(planned, list):
        return bool(column.to_pylist() == [item if isinstance(item, str) else to_column(item) for item in planned])
    if pa.types.is_list(column.type):
        column = column.flatten()
    stored = column.to_numpy(zero_copy_only=False)
    return bool(np.array_equal(stored, np.asarray(planned).reshape(-1)))


def _check_structure(file: pq.ParquetFile, spec: Spec | None) -> None:
    """Raise UnusableShardError for other columns, and for rows that would take more memory than any can need."""
    names = tuple(file.schema_arrow.names)
    expected = schema.columns_of(spec) if spec else tuple(name for name in schema.ALL if name in names)
    if names != expected or not file.schema_arrow.equals(schema.arrow_schema(names)):
        raise UnusableShardError("its columns are not those of this version")
    metadata = file.metadata
    if metadata.num_rows > MAX_SHARD_ROWS:
        raise UnusableShardError(f"has {metadata.num_rows:,} rows; a shard has at most {MAX_SHARD_ROWS:,}")
    pixels = spec.height * spec.width if spec else MAX_HEIGHT * MAX_WIDTH
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(i) for i in range(group.num_columns)]
        for column in columns:
            _check_column(column, group.num_rows)
        size = sum(max(c.total_uncompressed_size, c.total_compressed_size) for c in columns)
        if size > group.num_rows * (6 * pixels + _ROW_BYTES) + _FILE_BYTES:
            raise UnusableShardError(f"row group {number} has {size:,} bytes, more than {group.num_rows:,} rows need")


def _check_column(column: pq.ColumnChunkMetaData, rows: int) -> None:
    """Raise UnusableShardError for the column of a row group that could expand to far more than the file holds."""
    name = column.path_in_schema
    if column.compression not in _CODECS:
        raise UnusableShardError(f"column {name} is compressed with {column.compression}, not {' or '.join(_CODECS)}")
    is_boxes = schema.column_types().get(name.partition(".")[0]) == schema.BOXES
    if column.num_values > (_BOX_NUMBERS if is_boxes else _LIST_NUMBERS) * rows:
        raise UnusableShardError(f"column {name} has {column.num_values:,} values in {rows:,} rows")


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """How many rows to decode at a time: few where a dictionary could make each as large as the whole column."""
    largest = 1
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in (group.column(i) for i in range(group.num_columns)):
            if any("DICTIONARY" in encoding for encoding in column.encodings):
                largest = max(largest, column.total_uncompressed_size)
    return max(1, min(_BATCH, _BATCH_BYTES // largest))


def _column_problems(name: str, column: pa.Array) -> Iterator[tuple[int, str]]:
    if column.null_count:
        for row in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)):
            yield int(row), f"column {name} is null"
    if schema.column_types()[name] == schema.BOXES:
        yield from _box_problems(name, column)
    elif pa.types.is_list(column.type):
        yield from _list_problems(name, column)
    elif pa.types.is_string(column.type):
        yield from _text_problems(name, column)
    elif not pa.types.is_boolean(column.type):
        low, high = _BOUNDS.get(name, (-np.inf, np.inf))
        values = column.to_numpy(zero_copy_only=False)
        if column.null_count:
            values = np.array([low if value is None else value for value in column.to_pylist()])
        for row in np.flatnonzero(~(np.isfinite(values) & (low <= values) & (values <= high))):
            yield int(row), f"column {name} is {shown(values[row].item())}; it must lie in {low:g}..{high:g}"


def _list_problems(name: str, column: pa.ListArray) -> Iterator[tuple[int, str]]:
    low, high = _BOUNDS[name]
    offsets = np.asarray(column.offsets)
    lengths = np.diff(offsets)
    for row in np.flatnonzero((lengths != 3) & column.is_valid().to_numpy(zero_copy_only=False)):
        yield int(row), f"column {name} has {lengths[row]} numbers, not 3"
    numbers = column.flatten()
    if numbers.null_count or (len(numbers) and not low <= min(numbers.to_pylist()) <= max(numbers.to_pylist()) <= high):
        for number, value in enumerate(column.to_pylist()):
            if value is not None and not all(v is not None and low <= v <= high for v in value):
                yield number, f"column {name} is {shown(value)}; three numbers in {low:g}..{high:g} are needed"


def _box_problems(name: str, column: pa.ListArray) -> Iterator[tuple[int, str]]:
    for number, boxes in enumerate(column.to_pylist()):
        for box in boxes or ():
            if box is None or len(box) != 4 or None in box or not _is_box(*box):
                yield number, f"column {name} holds {shown(box)}, which is not a box x0, y0, x1, y1"


def _is_box(x0: int, y0: int, x1: int, y1: int) -> bool:
    return 0 <= x0 < x1 <= MAX_WIDTH and 0 <= y0 < y1 <= MAX_HEIGHT


def _text_problems(name: str, column: pa.StringArray) -> Iterator[tuple[int, str]]:
    for row, value in enumerate(column.cast(pa.binary()).to_pylist()):
        if value is None:
            continue
        if len(value) > _TEXT_BYTES:
            yield row, f"column {name} has {len(value):,} bytes; at most {_TEXT_BYTES:,} are possible"
            continue
        try:
            value.decode()
        except UnicodeDecodeError:
            yield row, f"column {name} is {shown(value)}, which is not UTF-8"


def _texts(column: pa.StringArray) -> list[str | None]:
    values: list[bytes | None] = column.cast(pa.binary()).to_pylist()
    return [None if value is None else value.decode(errors="backslashreplace") for value in values]


def file_of(row: Mapping[str, object], name: str) -> bytes | None:
    """The bytes of an image column of a row from `rows_of`."""
    cell = row[name]
    value = cell.get("bytes") if isinstance(cell, dict) else None
    return value if isinstance(value, bytes) else None
