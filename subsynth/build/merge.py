"""Merge: finished shards become a data set, with figures, card and licences; the manifest is written last."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO

import pyarrow as pa

from subsynth.assets import licences
from subsynth.build.records import finished_shards
from subsynth.core.errors import OutputError
from subsynth.core.terminal import one_line
from subsynth.core.version import __version__
from subsynth.format import png
from subsynth.format.manifest import Manifest, ShardRecord, SplitTotals, write_manifest
from subsynth.format.shard_list import Shard, ShardList
from subsynth.format.shards import first_row
from subsynth.report import card, figures
from subsynth.spec.spec import Spec
from subsynth.storage.base import Storage
from subsynth.storage.paths import ASSETS, CARD, DATA, FIGURES, LICENCES, MANIFEST, SCRATCH, unique_suffix

_EXAMPLES = 3  # missing shards that a message names


def merge_shards(
    storage: Storage,
    spec: Spec,
    plan_sha256: str,
    shards: ShardList,
    lines_dropped: Mapping[str, int],
) -> Manifest:
    """Write everything that describes the shards of a storage, then remove the records and other temporary files.

    Returns the manifest without its shards: their records go through a file, so that memory does not grow with
    their number. The SHA-256 of every shard is compared with its record, where the storage can digest files: what
    changed since it was written is found here. Raises OutputError if shards are missing or damaged.
    """
    with storage.scratch() as folder:
        lines = folder / f"{MANIFEST}.lines.{unique_suffix()}"
        try:
            finished = finished_shards(storage, plan_sha256, shards, thorough=True)
            manifest = sum_records(storage.name, spec, plan_sha256, shards, finished, lines_dropped, lines)
            _write_documents(storage, spec, manifest, shards, folder)
            file = folder / f"{MANIFEST}.{unique_suffix()}"
            with file.open("w", encoding="utf-8") as output, lines.open(encoding="utf-8") as stored:
                write_manifest(output, manifest, (ShardRecord.from_json(json.loads(line)) for line in stored))
            storage.put_file(file, MANIFEST)
        finally:
            lines.unlink(missing_ok=True)
    storage.remove([f"{SCRATCH}/{name}" for name in storage.list_folder(SCRATCH)])
    return manifest


def sum_records(
    name: str,
    spec: Spec,
    plan_sha256: str,
    shards: ShardList,
    finished: Iterable[tuple[Shard, ShardRecord]],
    lines_dropped: Mapping[str, int],
    lines: Path,
) -> Manifest:
    """The manifest, without its shards, of records that are read once; each record becomes a line of a file.

    Raises OutputError, with the `name` of the storage, if a shard has no record.
    """
    rows, sizes, arrow_bytes = (Counter[str]() for _ in range(3))
    contents = {split: hashlib.sha256() for split in spec.splits}
    examples: list[str] = []  # some of the shards that are missing
    expected, count = iter(shards), 0
    with lines.open("w", encoding="utf-8") as file:
        for shard, record in finished:
            count += 1
            while len(examples) < _EXAMPLES and (skipped := next(expected)) != shard:
                examples.append(skipped.name)
            rows[shard.split] += record.rows
            sizes[shard.split] += record.bytes
            arrow_bytes[shard.split] += record.arrow_bytes
            contents[shard.split].update(record.content_sha256.encode())
            file.write(json.dumps(record.to_json(), ensure_ascii=False) + "\n")
    if count < len(shards):
        examples += [shard.name for shard in islice(expected, _EXAMPLES - len(examples))]
        raise _unfinished(name, examples, len(shards) - count, len(shards))
    digests = {split: content.hexdigest() for split, content in contents.items()}
    return Manifest(
        version=__version__,
        spec_sha256=spec.digest(),
        plan_sha256=plan_sha256,
        content_sha256=hashlib.sha256("".join(digests.values()).encode()).hexdigest(),
        png=png.ENCODER,
        image_format=spec.image_format,
        lines_dropped=lines_dropped,
        splits={s: SplitTotals(rows[s], sizes[s], arrow_bytes[s], digests[s]) for s in spec.splits},
    )


def _unfinished(name: str, examples: list[str], missing: int, count: int) -> OutputError:
    names = ", ".join(examples) + (", ..." if missing > len(examples) else "")
    return OutputError(
        f"{name}: {missing:,} of {count:,} shards are not finished, or were damaged since ({names}); run the same "
        "render again, on every rank: it renders only what is missing"
    )


def _write_documents(storage: Storage, spec: Spec, manifest: Manifest, shards: ShardList, folder: Path) -> None:
    """Write figures, licences and the card. Raises OutputError if a shard cannot be read for them."""
    with contextlib.ExitStack() as stack:

        def open_split(split: str) -> Iterator[IO[bytes]]:
            for shard in shards.of_split(split):
                yield stack.enter_context(storage.open(f"{DATA}/{shard.name}"))

        try:
            figures.draw_figures(spec, {split: open_split(split) for split in spec.splits}, folder)
            example_row = first_row(next(open_split(spec.splits[0])))
        except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{storage.name}: a shard was damaged while the set was being finished ({one_line(str(error), 200)}); "
                "run the same command again: it renders what is damaged"
            ) from error
    for name in FIGURES:
        storage.put_file(folder / name, f"{ASSETS}/{name}")
    storage.write_text(LICENCES, licences.format_licences(spec))
    storage.write_text(CARD, card.card(spec, manifest, example_row))
