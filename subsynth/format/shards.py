"""Shards: a range of indices becomes one parquet file, whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow.parquet as pq

from subsynth.core.errors import OutputError
from subsynth.format import png, schema
from subsynth.format.content_digest import Content
from subsynth.planning.planner import decide, recipes
from subsynth.rendering.render import render
from subsynth.spec.spec import Spec
from subsynth.storage.paths import DATA, unique_suffix

ROWS = 1250  # a shard: about 25 MB, which streams well and loses little when lost
FILES, LARGEST = 4000, 16  # a split that would have more files has larger ones, of so many times ROWS at most
GROUP = 250  # a row group: what a streaming reader fetches at a time

# What the `datasets` library writes, so that the hub can tell changed chunks from unchanged ones.
_CHUNKING = {"min_chunk_size": 256 * 1024, "max_chunk_size": 1024 * 1024, "norm_level": 0}


class Shard(NamedTuple):
    """The samples start..stop-1 of a split, as file `number` of `of`."""

    split: str
    number: int
    of: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """The file's name in data/."""
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}.parquet"


def shards(spec: Spec) -> list[Shard]:
    """All shards of a data set, in order."""
    found = []
    for split in spec.splits:
        size, rows = spec.size(split), ROWS
        while -(-size // rows) > FILES and rows < LARGEST * ROWS:
            rows *= 2
        of = -(-size // rows)
        found += [Shard(split, i, of, i * rows, min((i + 1) * rows, size)) for i in range(of)]
    return found


def first(source: Path | IO[bytes]) -> dict[str, Any]:
    """The first row of a file, without its images."""
    with pq.ParquetFile(source) as file:
        batch = next(file.iter_batches(1, columns=[c for c in schema.NAMES if c not in schema.IMAGES]))
    row: dict[str, Any] = batch.to_pylist()[0]
    return row


def write(spec: Spec, shard: Shard, folder: Path, tick: Callable[[int], None]) -> tuple[Path, dict[str, Any]]:
    """Render a shard into a folder, as a temporary that is whole, and give its entry for the manifest.

    `tick` is told of every row group. Raises OutputError where the disk is full or refuses.
    """
    temporary = folder / f"{shard.name}.{unique_suffix()}"
    content = Content()
    arrow_bytes = 0
    keeps = spec.image_format == "jpeg"
    try:
        with pq.ParquetWriter(temporary, schema.schema(), **_options()) as writer:
            writer.add_key_value_metadata({"content_defined_chunking": json.dumps(_CHUNKING)})
            for start in range(shard.start, shard.stop, GROUP):
                decided = decide(spec, shard.split, start, min(start + GROUP, shard.stop))
                contrasts, images, truths = [], [], []
                for recipe in recipes(spec, shard.split, decided):
                    pair = render(recipe)
                    content.pixels(pair.image, pair.ground_truth)
                    images.append(pair.jpeg if keeps and pair.jpeg else png.color(pair.image))
                    contrasts.append(pair.contrast)
                    truths.append(png.binary(pair.ground_truth))
                table = schema.table(decided, contrasts, images, truths)
                content.columns(table)
                arrow_bytes += table.nbytes
                writer.write_table(table, row_group_size=GROUP)
                tick(len(table))
        digest = file_digest(temporary)
        size = temporary.stat().st_size
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(
                f"{temporary}: {error.strerror or error}; free some space or make it writable, "
                "then run the same command again: it goes on from the finished shards"
            ) from error
        raise
    return temporary, {
        "file": f"{DATA}/{shard.name}",
        "split": shard.split,
        "rows": shard.stop - shard.start,
        "bytes": size,
        "sha256": digest,
        "content_sha256": content.hexdigest(),
        "arrow_bytes": arrow_bytes,
    }


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _options() -> dict[str, Any]:
    """Image bytes as they are (they are compressed already), the rest in snappy with dictionaries."""
    leaves = [f"{c}.{leaf}" for c in schema.IMAGES for leaf in ("bytes", "path")]
    others = [c for c in schema.NAMES if c not in schema.IMAGES]
    paths = [f"{c}.list.element" if schema.kinds()[c] == "color" else c for c in others]
    return {
        "compression": dict.fromkeys(leaves, "NONE") | dict.fromkeys(paths, "SNAPPY"),
        "use_dictionary": paths,
        "write_page_index": True,
        "use_content_defined_chunking": _CHUNKING,
    }
