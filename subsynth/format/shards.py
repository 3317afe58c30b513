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
        batch = next(file.iter_batches(1, columns=[c for c in schema.NAMES if c not in schema.IMAGES]))
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
    content, arrow_bytes = ContentDigest(), 0
    try:
        with pq.ParquetWriter(temporary, schema.arrow_schema(), **_parquet_options()) as writer:
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
    columns = plan_columns(renderer.assets, start, stop)
    contrasts, images, ground_truths = [], [], []
    for recipe in recipes_of(renderer.assets, columns):
        pair = renderer.render(recipe)
        content.add_pixels(pair.image, pair.ground_truth)
        contrasts.append(pair.contrast)
        images.append(_encode_image(pair, renderer.assets.spec.image_format))
        ground_truths.append(png.encode_binary(pair.ground_truth))
    table = schema.arrow_table(columns, contrasts, images, ground_truths)
    content.add_columns(table)
    return table


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


def _parquet_options() -> _ParquetOptions:
    """Image bytes are stored as they are, since they are compressed already; the rest in snappy with dictionaries."""
    image_leaves = [f"{name}.{leaf}" for name in schema.IMAGES for leaf in ("bytes", "path")]
    other_names = [name for name in schema.NAMES if name not in schema.IMAGES]
    other_leaves = [f"{n}.list.element" if schema.column_types()[n] == schema.COLOR else n for n in other_names]
    return {
        "compression": dict.fromkeys(image_leaves, "NONE") | dict.fromkeys(other_leaves, "SNAPPY"),
        "use_dictionary": other_leaves,
        "write_page_index": True,
        "use_content_defined_chunking": _CHUNKING,
    }
