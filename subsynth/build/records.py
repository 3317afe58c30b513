"""Records of finished shards: one small JSON file per shard, kept beside the shards until the manifest holds them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice

from subsynth.core.errors import OutputError
from subsynth.format.manifest import Manifest, ShardRecord
from subsynth.format.shards import Shard
from subsynth.storage.base import Storage
from subsynth.storage.paths import DATA, MANIFEST, SCRATCH

_BATCH = 500  # records read at a time: few enough for memory, enough to use an object store's concurrency


def write_record(storage: Storage, plan_sha256: str, record: ShardRecord) -> None:
    """Store the record of a shard that is at its final path, with the digest of its plan."""
    storage.write_text(_record_path(record.name), json.dumps({"plan": plan_sha256, **record.to_json()}))


def finished_shards(
    storage: Storage, plan_sha256: str, shards: Iterable[Shard], thorough: bool
) -> Iterator[tuple[Shard, ShardRecord | None]]:
    """Each shard with its record, or with None if it is not finished under this plan.

    A finished shard has a record, or is in a manifest, and its file has the recorded size; with `thorough` also the
    recorded SHA-256, where the storage can digest files.
    """
    sizes, recorded = storage.list_folder(DATA), storage.list_folder(SCRATCH)
    in_manifest = _manifest_records(storage, plan_sha256)
    remaining = iter(shards)
    while batch := list(islice(remaining, _BATCH)):
        candidates = [s for s in batch if f"{s.name}.json" in recorded and s.name in sizes]
        texts = storage.read_many([_record_path(s.name) for s in candidates])
        records = {s: _parse(text, plan_sha256) for s, text in zip(candidates, texts, strict=True)}
        for shard in batch:
            record = records.get(shard) or in_manifest.get(shard.name)
            if record and (sizes.get(shard.name) != record.bytes or (thorough and not _is_intact(storage, record))):
                record = None
            yield shard, record


def _manifest_records(storage: Storage, plan_sha256: str) -> dict[str, ShardRecord]:
    """The records of a manifest of this plan, by file name; empty without one, or with one that cannot be read."""
    with contextlib.suppress(OutputError):
        manifest = Manifest.parse(storage.read(MANIFEST) or b"{}")
        if manifest.plan_sha256 == plan_sha256:
            return {record.name: record for record in manifest.shards}
    return {}


def _record_path(name: str) -> str:
    return f"{SCRATCH}/{name}.json"


def _parse(text: bytes | None, plan_sha256: str) -> ShardRecord | None:
    """A stored record, if it is complete and of this plan: a crash may have cut it short."""
    with contextlib.suppress(ValueError, OutputError):
        value = json.loads(text or b"{}")
        if isinstance(value, dict) and value.get("plan") == plan_sha256:
            return ShardRecord.from_json(value)
    return None


def _is_intact(storage: Storage, record: ShardRecord) -> bool:
    return storage.digest(record.file) in (None, record.sha256)
