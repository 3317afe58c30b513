"""Records of finished shards: one small JSON file per shard, kept beside the shards until the manifest holds them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from subsynth.core.documents import parse_json
from subsynth.core.errors import OutputError
from subsynth.format.manifest import MAX_BYTES, Manifest, ShardRecord
from subsynth.format.shard_list import Shard, ShardList
from subsynth.storage.base import Storage
from subsynth.storage.paths import DATA, MANIFEST, SCRATCH

_BATCH = 500  # records read at a time: few enough for memory, enough to use an object store's concurrency
_RECORD_BYTES = 4096  # the most that a record needs


def write_record(storage: Storage, plan_sha256: str, record: ShardRecord) -> None:
    """Store the record of a shard that is at its final path, with the digest of its plan."""
    storage.write_text(_record_path(record.name), json.dumps({"plan": plan_sha256, **record.to_json()}))


def finished_shards(
    storage: Storage, plan_sha256: str, shards: ShardList, thorough: bool
) -> Iterator[tuple[Shard, ShardRecord]]:
    """Each shard that is finished under this plan, with its record, in the order of `shards`.

    A finished shard has a record, or is in a manifest, and its file has the recorded size; with `thorough` also the
    recorded SHA-256, where the storage can digest files. Time and memory grow with the files in the storage, not
    with the number of shards.
    """
    sizes, recorded = storage.list_folder(DATA), storage.list_folder(SCRATCH)
    in_manifest = _manifest_records(storage, plan_sha256, len(sizes))
    positions = sorted(position for name in sizes if (position := shards.position(name)) is not None)
    for start in range(0, len(positions), _BATCH):
        batch = [shards[position] for position in positions[start : start + _BATCH]]
        candidates = [s for s in batch if 0 < recorded.get(f"{s.name}.json", 0) <= _RECORD_BYTES]
        texts = storage.read_many([_record_path(s.name) for s in candidates])
        records = {s: _parse(text, plan_sha256) for s, text in zip(candidates, texts, strict=True)}
        for shard in batch:
            record = records.get(shard) or in_manifest.get(shard.name)
            if record is None or record.name != shard.name or record.rows != shard.rows:
                continue
            if sizes[shard.name] == record.bytes and (not thorough or _is_intact(storage, record)):
                yield shard, record


def _manifest_records(storage: Storage, plan_sha256: str, files: int) -> dict[str, ShardRecord]:
    """The records of a manifest of this plan, by file name; empty without one, or with one that cannot be read.

    It is as large as that of a data set with so many files can be.
    """
    with contextlib.suppress(OutputError):
        content = storage.read(MANIFEST, limit=max(MAX_BYTES, files * _RECORD_BYTES))
        manifest = Manifest.parse(content or b"{}")
        if manifest.plan_sha256 == plan_sha256:
            return {record.name: record for record in manifest.shards}
    return {}


def _record_path(name: str) -> str:
    return f"{SCRATCH}/{name}.json"


def _parse(text: bytes | None, plan_sha256: str) -> ShardRecord | None:
    """A stored record, if it is complete and of this plan: a crash may have cut it short."""
    with contextlib.suppress(ValueError, OutputError):
        value = parse_json(text or b"{}")
        if isinstance(value, dict) and value.get("plan") == plan_sha256:
            return ShardRecord.from_json(value)
    return None


def _is_intact(storage: Storage, record: ShardRecord) -> bool:
    return storage.digest(record.file) in (None, record.sha256)
