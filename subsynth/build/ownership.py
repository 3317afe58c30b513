"""Claim: a place belongs to one plan. Whose it is is told, what is someone else's is refused."""

from __future__ import annotations

import dataclasses
import hashlib

from subsynth.assets import assets
from subsynth.build.records import plan_of
from subsynth.core.errors import OutputError, SubsynthError
from subsynth.storage.paths import ASSETS, CARD, DATA, FIGURES, LICENCES, MANIFEST, PLAN, SCRATCH, SPEC
from subsynth.storage.base import Storage
from subsynth.spec.spec import SPLITS, Spec
from subsynth.core.version import PIXELS

_WRITTEN = (MANIFEST, CARD, LICENCES, *(f"{ASSETS}/{name}" for name in FIGURES))  # besides the spec and the shards


def plan_digest(spec: Spec) -> str:
    """SHA-256, hex, of all that the pixels hang on: spec, materials, and the version of the rendering."""
    return hashlib.sha256(f"{PIXELS} {spec.digest()} {assets.digest(spec)}".encode()).hexdigest()


def refuse(spec: Spec, identity: str, place: Storage, names: set[str], overwrite: bool) -> str:
    """What a place holds that is not of this plan, in words, or nothing.

    Raises OutputError if it holds such a thing, and even with `overwrite` if subsynth did not write it.
    """
    foreign = _foreign(spec, identity, place, names)
    if foreign and not overwrite:
        raise OutputError(f"{place.name} holds {foreign}; name another --out, or add --overwrite to replace it")
    held = place.list_folder()
    if foreign and SPEC not in held:
        assets = place.list_folder(ASSETS) if ASSETS in held else {}
        taken = [p for p in (MANIFEST, CARD, LICENCES, DATA) if p in held]
        taken += [f"{ASSETS}/{name}" for name in FIGURES if name in assets]
        if taken:  # what subsynth did not write, it does not delete
            raise OutputError(
                f"{place.name}/{taken[0]} is not subsynth's and would be lost; move it away or name another --out"
            )
    return foreign


def clear(place: Storage) -> None:
    """Remove a data set of subsynth's, finished or not: what it wrote and nothing else."""
    own = [f"{SCRATCH}/{name}" for name in place.list_folder(SCRATCH) if name.endswith(".json")]
    place.remove([PLAN, SPEC, *_WRITTEN, *(f"{DATA}/{name}" for name in _shards_in(place)), *own])


def take(spec: Spec, identity: str, place: Storage) -> None:
    """Make a place this plan's. Of two plans at once one gets it, and the other is refused with OutputError."""
    # The spec is there before the first shard, so that whose shards lie there can be told at any moment.
    if place.create_exclusive(SPEC, spec.to_yaml()):
        place.write_text(PLAN, identity)
        return
    other = _spec_in(place)
    if isinstance(other, str) or other.digest() != spec.digest():
        raise OutputError(f"{place.name} was taken by another spec just now; name another --out")
    if not place.create_exclusive(PLAN, identity) and place.read(PLAN) != identity.encode():
        raise OutputError(
            f"{place.name} was taken by another run just now, with other fonts, pictures or text, or of another "
            "version; name another --out"
        )


def release(place: Storage) -> None:
    """Take back a claim, unless shards lie under it: a worker may have put one that nobody was told of."""
    if _shards_in(place):
        return
    place.remove([SPEC, *(f"{SCRATCH}/{name}" for name in place.list_folder(SCRATCH))])


def held_by(place: Storage) -> Spec:
    """The spec of a place that is a data set's. Raises OutputError if it is not."""
    if place.read(SPEC) is None:
        raise OutputError(f"{place.name}: no {SPEC} there; render into it first, or name another place")
    spec = _spec_in(place)
    if isinstance(spec, str):
        raise OutputError(f"{place.name} holds {spec}")
    return spec


def _foreign(spec: Spec, identity: str, place: Storage, names: set[str]) -> str:
    held = sorted(name for name in place.list_folder() if name != SCRATCH)
    if not held:
        return ""
    if SPEC not in held:
        return f"{held[0]!r} and no {SPEC}: it is not a data set of subsynth's"
    other = _spec_in(place)
    if isinstance(other, str):
        return other
    if other.digest() != spec.digest():
        return f"the data of another spec ({_difference(other, spec)})"
    for name in _shards_in(place):
        if name not in names:
            return f"{DATA}/{name}, which is not of this data set"
    recorded = _recorded(place)
    if recorded and recorded != identity:
        return "the data of the same spec made from other fonts, pictures or text, or by another version"
    return ""


def _spec_in(place: Storage) -> Spec | str:
    try:
        return Spec.from_yaml((place.read(SPEC) or b"").decode("utf-8"), f"{place.name}/{SPEC}")
    except (SubsynthError, UnicodeDecodeError) as error:
        return f"a {SPEC} that this version cannot read ({error})"


def _shards_in(place: Storage) -> list[str]:
    """The files in data/ that the card's patterns take for data."""
    starts = tuple(f"{split}-" for split in SPLITS)
    return sorted(n for n in place.list_folder(DATA) if n.startswith(starts) and n.endswith(".parquet"))


def _recorded(place: Storage) -> str:
    """The plan digest that the place was finished or begun with, or nothing."""
    return plan_of(place) or (place.read(PLAN) or b"").decode(errors="replace")


def _difference(there: Spec, here: Spec) -> str:
    """The first key in which two specs differ."""
    one, two = dataclasses.asdict(there), dataclasses.asdict(here)
    for key, value in one.items():
        pairs = [(key, value, two[key])]
        if dataclasses.is_dataclass(getattr(there, key)):
            pairs = [(f"{key}.{k}", v, two[key][k]) for k, v in value.items()]
        for name, old, new in pairs:
            if old != new:
                return f"{name} is {old} there and {new} here"
    return "they differ"
