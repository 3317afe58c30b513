"""Shards: a contiguous range of samples of one split becomes one parquet file, written atomically."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from subsynth.core.errors import OutputError
from subsynth.core.pixels import U8
from subsynth.core.progress import NoProgress, Progress
from subsynth.format import png, schema
from subsynth.format.content_digest import ContentDigest
from subsynth.format.manifest import ShardRecord
from subsynth.format.shard_list import DEFAULT_LAYOUT, Shard
from subsynth.planning.planner import plan_columns, recipes_of
from subsynth.rendering.render import Pair, Renderer
from subsynth.storage.paths import unique_suffix

# What the `datasets` library writes, so that the hub recognises unchanged chunks of a changed file.
_CHUNKING = {"min_chunk_size": 256 * 1024, "max_chunk_size": 1024 * 1024, "norm_level": 0}


def first_row(source: Path | IO[bytes]) -> Mapping[str, object]:
    """The first row of a shard's file, without its images."""
    with pq.ParquetFile(source) as file:
        names = [name for name in file.schema_arrow.names if name not in schema.IMAGES]
        batch = next(file.iter_batches(1, columns=names))
    row: Mapping[str, object] = batch.to_pylist()[0]
    return row


def write_shard(
    renderer: Renderer,
    shard: Shard,
    folder: Path,
    progress: Progress | None = None,
    row_group: int = DEFAULT_LAYOUT.row_group,
) -> tuple[Path, ShardRecord]:
    """Render a shard of the renderer's split into a temporary file in `folder`; the file's path, and its record.

    `progress.advance(rows)` is called after each row group. Nothing is left behind after an error. Raises OutputError
    if the file cannot be written, for example because the disk is full, and SubsynthError as rendering does.
    """
    progress = progress or NoProgress()
    temporary = folder / f"{shard.name}.{unique_suffix()}"
    names = schema.columns_of(renderer.assets.spec)
    content, arrow_bytes = ContentDigest(names), 0
    try:
        with pq.ParquetWriter(temporary, schema.arrow_schema(names), **_parquet_options(names)) as writer:
            writer.add_key_value_metadata({"content_defined_chunking": json.dumps(_CHUNKING)})
            for start in range(shard.start, shard.stop, row_group):
                table = _render_table(renderer, start, min(start + row_group, shard.stop), content)
                arrow_bytes += table.nbytes
                writer.write_table(table, row_group_size=row_group)
                progress.advance(len(table))
        size, digest = temporary.stat().st_size, file_digest(temporary)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(
                f"{temporary}: {error.strerror or error}; free some space or make it writable, "
                "then run the same command again: it resumes after the finished shards"
            ) from error
        raise
    return temporary, ShardRecord(shard.path, shard.split, shard.rows, size, digest, content.hexdigest(), arrow_bytes)


def _render_table(renderer: Renderer, start: int, stop: int, content: ContentDigest) -> pa.Table:
    """Render the samples start..stop-1 as one table, and add them to the content digest."""
    spec = renderer.assets.spec
    columns = plan_columns(renderer.assets, start, stop)
    names = schema.columns_of(spec)
    images = [name for name in names if name in schema.IMAGES]
    measured = schema.Measured(
        files={name: [] for name in images},
        boxes={name: [] for name in names if schema.column_types().get(name) == schema.BOXES},
    )
    for recipe in recipes_of(renderer.assets, columns):
        pair = renderer.render(recipe)
        content.add_pixels(*(getattr(pair, name) for name in images))
        measured.contrasts.append(pair.contrast)
        for name, files in measured.files.items():
            files.append(encode(pair, name, spec.image_format))
        for name, rows in measured.boxes.items():
            rows.append(getattr(pair, name))
    table = schema.arrow_table(names, columns, measured)
    content.add_columns(table)
    return table


def encode(pair: Pair, name: str, image_format: str) -> bytes:
    """The file of an image column of a pair."""
    if name == "image":
        return _encode_image(pair, image_format)
    plane: U8 = getattr(pair, name)
    return png.encode_grey(plane) if name == "coverage" else png.encode_binary(plane)


def _encode_image(pair: Pair, image_format: str) -> bytes:
    """The JPEG file that the image was decoded from, if the format asks for it and there is one; else a PNG file."""
    return pair.jpeg if image_format == "jpeg" and pair.jpeg else png.encode_color(pair.image)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _ParquetOptions(TypedDict):
    compression: dict[str, str]
    use_dictionary: list[str]
    write_page_index: bool
    use_content_defined_chunking: dict[str, int]


def _parquet_options(names: tuple[str, ...]) -> _ParquetOptions:
    """Image bytes are stored as they are, since they are compressed already; the rest in snappy with dictionaries."""
    image_leaves = [f"{name}.{leaf}" for name in names if name in schema.IMAGES for leaf in ("bytes", "path")]
    nested = {schema.COLOR: ".list.element", schema.BOXES: ".list.element.list.element"}
    other_leaves = [name + nested.get(schema.column_types()[name], "") for name in names if name not in schema.IMAGES]
    return {
        "compression": dict.fromkeys(image_leaves, "NONE") | dict.fromkeys(other_leaves, "SNAPPY"),
        "use_dictionary": other_leaves,
        "write_page_index": True,
        "use_content_defined_chunking": _CHUNKING,
    }
