"""Merge: finished shards become a data set: its figures, its card, its licences, and the manifest last."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from subsynth.assets import assets, licences
from subsynth.build import records
from subsynth.format import png, shards
from subsynth.report import card, figures
from subsynth.core.errors import OutputError
from subsynth.storage.paths import ASSETS, CARD, DATA, FIGURES, LICENCES, MANIFEST, SCRATCH, unique_suffix
from subsynth.storage.base import Storage
from subsynth.format.shards import Shard
from subsynth.spec.spec import Spec
from subsynth.core.version import __version__

Head = dict[str, Any]


def merge(place: Storage, spec: Spec, identity: str, wanted: Sequence[Shard], thorough: bool) -> Head:
    """Write what tells of the shards that lie in a place, and remove what was only there to make them.

    Returns the manifest without its list of shards, which is written as it is read: however many there are,
    they are not held. `thorough` reads the bytes of shards again, where that is of use. Raises OutputError
    if shards are missing.
    """
    with place.scratch() as folder:
        lines = folder / f"{MANIFEST}.lines.{unique_suffix()}"
        try:
            head = collected(place, spec, identity, wanted, thorough, lines)
            _described(place, spec, head, wanted, folder)
            manifest = folder / f"{MANIFEST}.{unique_suffix()}"
            with manifest.open("w", encoding="utf-8") as file, lines.open(encoding="utf-8") as entry:
                file.write(json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}"))
                file.write(',\n "shards": [')
                for number, line in enumerate(entry):
                    file.write(f"{',' if number else ''}\n  {line.rstrip()}")
                file.write("\n ]\n}\n")
            place.put_file(manifest, MANIFEST)
        finally:
            lines.unlink(missing_ok=True)
    place.remove([f"{SCRATCH}/{name}" for name in place.list_folder(SCRATCH)])
    return head


def collected(place: Storage, spec: Spec, identity: str, wanted: Sequence[Shard], thorough: bool, lines: Path) -> Head:
    """The sums over all entries, and each entry as a line of a file."""
    keys = ("rows", "bytes", "arrow_bytes")
    splits: dict[str, dict[str, Any]] = {split: dict.fromkeys(keys, 0) for split in spec.splits}
    contents = {split: hashlib.sha256() for split in spec.splits}
    missing: list[str] = []
    with lines.open("w", encoding="utf-8") as file:
        for shard, entry in records.finished(place, identity, wanted, thorough):
            if entry is None:
                missing.append(shard.name)
                continue
            for key in keys:
                splits[shard.split][key] += entry[key]
            contents[shard.split].update(entry["content_sha256"].encode())
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    if missing:
        named = ", ".join(missing[:3]) + (", ..." if missing[3:] else "")
        raise OutputError(
            f"{place.name}: {len(missing):,} of {len(wanted):,} shards are not finished ({named}); run the same render "
            "again, each rank of it: it makes what is missing and nothing else"
        )
    for split in spec.splits:
        splits[split]["content_sha256"] = contents[split].hexdigest()
    joined = "".join(splits[split]["content_sha256"] for split in spec.splits)
    return {
        "subsynth": __version__,
        "spec_sha256": spec.digest(),
        "plan_sha256": identity,
        "content_sha256": hashlib.sha256(joined.encode()).hexdigest(),
        "png": png.CODER,
        "image_format": spec.image_format,
        "lines_dropped": {split: assets.materials(spec, split).dropped for split in spec.splits},
        "splits": splits,
    }


def _described(place: Storage, spec: Spec, head: Head, wanted: Sequence[Shard], folder: Path) -> None:
    """Figures, licences and card."""
    with contextlib.ExitStack() as opened:

        def files(split: str) -> Iterator[IO[bytes]]:
            for shard in (s for s in wanted if s.split == split):
                yield opened.enter_context(place.open(f"{DATA}/{shard.name}"))

        figures.draw_figures(spec, {split: files(split) for split in spec.splits}, folder)
        example = shards.first(next(files(spec.splits[0])))
    for name in FIGURES:
        place.put_file(folder / name, f"{ASSETS}/{name}")
    place.write_text(LICENCES, licences.format_licences(spec))
    place.write_text(CARD, card.card(spec, head, example))
