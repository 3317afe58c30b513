"""Entries: what is known of each finished shard, beside the shards until a manifest tells it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from subsynth.storage.paths import DATA, MANIFEST, SCRATCH
from subsynth.storage.base import Storage
from subsynth.format.shards import Shard

MANY = 500  # entries read at a time: few enough to hold, enough to keep a store busy

Entry = dict[str, Any]


def record(place: Storage, identity: str, entry: Entry) -> None:
    """Keep the entry of a shard that is in its place, with the plan that it is of."""
    place.write_text(_path(entry["file"].removeprefix(f"{DATA}/")), json.dumps({"plan": identity, **entry}))


def finished(
    place: Storage, identity: str, wanted: Iterable[Shard], thorough: bool
) -> Iterator[tuple[Shard, Entry | None]]:
    """Each shard with its entry, if it is in its place and of this plan.

    What counts is the size, and with `thorough` the bytes too, where the place lets them be read again.
    """
    sizes, recorded = place.list_folder(DATA), place.list_folder(SCRATCH)
    told = _manifest(place, identity)
    shards = iter(wanted)
    while some := list(islice(shards, MANY)):
        asked = [s for s in some if f"{s.name}.json" in recorded and s.name in sizes]
        texts = dict(zip(asked, place.read_many([_path(s.name) for s in asked]), strict=True))
        for shard in some:
            entry = _read(texts.get(shard), identity) or told.get(shard.name)
            if entry and (sizes.get(shard.name) != entry.get("bytes") or (thorough and not _same(place, entry))):
                entry = None
            yield shard, entry


def plan_of(place: Storage) -> str:
    """The plan that a manifest is of, or nothing."""
    return str(_loaded(place).get("plan_sha256", ""))


def _manifest(place: Storage, identity: str) -> dict[str, Entry]:
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        manifest = _loaded(place)
        if manifest["plan_sha256"] == identity:
            return {e["file"].removeprefix(f"{DATA}/"): e for e in manifest["shards"]}
    return {}


def _loaded(place: Storage) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        manifest = json.loads(place.read(MANIFEST) or b"{}")
        return manifest if isinstance(manifest, dict) else {}
    return {}


def _path(name: str) -> str:
    return f"{SCRATCH}/{name}.json"


def _read(text: bytes | None, identity: str) -> Entry | None:
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        entry: Entry = json.loads(text or b"{}")
        if entry.pop("plan") == identity:
            return entry
    return None


def _same(place: Storage, entry: Entry) -> bool:
    return place.digest(entry["file"]) in (None, entry["sha256"])
