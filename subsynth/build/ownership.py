"""Ownership of an output location: it holds exactly one plan; conflicting data is rejected."""

from __future__ import annotations

import dataclasses
import hashlib

from subsynth.assets import listing
from subsynth.core.documents import shown
from subsynth.core.errors import OutputError, SubsynthError
from subsynth.core.version import PIXELS
from subsynth.format.manifest import MAX_BYTES, recorded_plan
from subsynth.format.shard_list import ShardList
from subsynth.spec.spec import SPLITS, Spec
from subsynth.storage.base import Storage
from subsynth.storage.paths import ASSETS, CARD, DATA, FIGURES, LICENCES, MANIFEST, PLAN, SCRATCH, SPEC

_MAX_NAME = 100  # characters of a foreign file's name that a message repeats
_FIGURES = tuple(f"{ASSETS}/{name}" for name in FIGURES)


def plan_digest(spec: Spec) -> str:
    """SHA-256 (hex) of everything that determines the pixels: the spec, its assets, and the version of rendering."""
    return hashlib.sha256(f"{PIXELS} {spec.digest()} {listing.assets_digest(spec)}".encode()).hexdigest()


def check_ownership(spec: Spec, plan_sha256: str, storage: Storage, shards: ShardList, overwrite: bool) -> str:
    """Describe what the storage holds that does not belong to this plan; "" if there is nothing.

    Raises OutputError if there is such data, unless `overwrite`; and even with `overwrite` if replacing it would
    delete files that subsynth did not write.
    """
    conflict = _conflict(spec, plan_sha256, storage, shards)
    if conflict and not overwrite:
        raise OutputError(f"{storage.name} holds {conflict}; name another --out, or add --overwrite to replace it")
    if conflict:
        _check_removable(storage)
    return conflict


def remove_dataset(storage: Storage) -> None:
    """Remove a data set, finished or not: the files that subsynth wrote and no others."""
    records = [f"{SCRATCH}/{name}" for name in storage.list_folder(SCRATCH) if name.endswith(".json")]
    shards = [f"{DATA}/{name}" for name in _shard_files(storage)]
    storage.remove([PLAN, SPEC, MANIFEST, CARD, LICENCES, *_FIGURES, *shards, *records])


def take_ownership(spec: Spec, plan_sha256: str, storage: Storage) -> None:
    """Claim the storage for a plan. If two plans claim it concurrently, one of them gets an OutputError."""
    # The spec is written before the first shard, so that the owner of the shards is known at any moment.
    if storage.create_exclusive(SPEC, spec.to_yaml()):
        storage.write_text(PLAN, plan_sha256)
        return
    stored = _stored_spec(storage)
    if isinstance(stored, str) or stored.digest() != spec.digest():
        raise OutputError(f"{storage.name} was taken by another spec just now; name another --out")
    if not storage.create_exclusive(PLAN, plan_sha256) and storage.read(PLAN) != plan_sha256.encode():
        raise OutputError(
            f"{storage.name} was taken by another run just now, with other fonts, pictures or text, or with another "
            "version; name another --out"
        )


def release_ownership(storage: Storage) -> None:
    """Undo `take_ownership`, unless there are shards: a worker may have stored one and died before it was recorded."""
    if not _shard_files(storage):
        storage.remove([SPEC, *(f"{SCRATCH}/{name}" for name in storage.list_folder(SCRATCH))])


def stored_spec(storage: Storage) -> Spec:
    """The spec of the data set in the storage. Raises OutputError if there is none that can be read."""
    if storage.read(SPEC) is None:
        raise OutputError(f"{storage.name}: no {SPEC} there; render into it first, or name another location")
    spec = _stored_spec(storage)
    if isinstance(spec, str):
        raise OutputError(f"{storage.name} holds {spec}")
    return spec


def _conflict(spec: Spec, plan_sha256: str, storage: Storage, shards: ShardList) -> str:
    names = sorted(name for name in storage.list_folder() if name != SCRATCH)
    if not names:
        return ""
    if SPEC not in names:
        return f"{shown(names[0])} and no {SPEC}: it is not a data set that subsynth wrote"
    stored = _stored_spec(storage)
    if isinstance(stored, str):
        return stored
    if stored.digest() != spec.digest():
        return f"the data of another spec ({_difference(stored, spec)})"
    for name in _shard_files(storage):
        if shards.find(name) is None:
            return f"{DATA}/{name[:_MAX_NAME]}, which does not belong to this data set"
    stored_plan = _stored_plan(storage)
    if stored_plan and stored_plan != plan_sha256:
        return "the data of the same spec rendered with other fonts, pictures or text, or by another version"
    return ""


def _check_removable(storage: Storage) -> None:
    """Raise OutputError if the storage has no spec, but files under names that a data set would replace."""
    names = storage.list_folder()
    if SPEC in names:
        return
    assets_held = storage.list_folder(ASSETS) if ASSETS in names else {}
    taken = [path for path in (MANIFEST, CARD, LICENCES, DATA) if path in names]
    taken += [f"{ASSETS}/{name}" for name in FIGURES if name in assets_held]
    if taken:
        raise OutputError(
            f"{storage.name}/{taken[0]} was not written by subsynth and would be lost; move it away or name "
            "another --out"
        )


def _stored_spec(storage: Storage) -> Spec | str:
    """The stored spec, or a description of one that cannot be read."""
    try:
        return Spec.from_yaml((storage.read(SPEC) or b"").decode("utf-8"), f"{storage.name}/{SPEC}")
    except (SubsynthError, UnicodeDecodeError) as error:
        return f"a {SPEC} that this version cannot read ({error})"


def _shard_files(storage: Storage) -> list[str]:
    """The files in data/ that match the card's patterns for data."""
    prefixes = tuple(f"{split}-" for split in SPLITS)
    return sorted(n for n in storage.list_folder(DATA) if n.startswith(prefixes) and n.endswith(".parquet"))


def _stored_plan(storage: Storage) -> str:
    """The plan digest with which the data set was finished or started; "" if none is stored."""
    size = storage.list_folder().get(MANIFEST, 0)
    manifest = storage.read(MANIFEST, limit=max(MAX_BYTES, len(storage.list_folder(DATA)) * 4096)) if size else None
    return recorded_plan(manifest or b"{}") or (storage.read(PLAN) or b"").decode(errors="replace")


def _difference(stored: Spec, current: Spec) -> str:
    """The first key in which two specs differ."""
    old_values, new_values = dataclasses.asdict(stored), dataclasses.asdict(current)
    for key, old in old_values.items():
        values = [(key, old, new_values[key])]
        if dataclasses.is_dataclass(getattr(stored, key)):
            values = [(f"{key}.{name}", value, new_values[key][name]) for name, value in old.items()]
        for name, old_value, new_value in values:
            if old_value != new_value:
                return f"{name} is {shown(old_value)} there and {shown(new_value)} here"
    return "they differ"
