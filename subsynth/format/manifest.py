"""The manifest of a data set: totals and digests of every shard and split, and the JSON in which they are stored.

`from_json` takes a decoded JSON value and raises OutputError, in one line that names the source and the field, if
it is malformed. Unknown keys are ignored, so that a later version may add some.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TextIO, TypeVar

from subsynth.core.errors import OutputError
from subsynth.storage.paths import MANIFEST

T = TypeVar("T")


@dataclass(frozen=True)
class ShardRecord:
    """One finished shard. `sha256` is of the file's bytes, `content_sha256` of its pixels and values (`Content`)."""

    file: str  # path below the root of the data set
    split: str
    rows: int
    bytes: int
    sha256: str
    content_sha256: str
    arrow_bytes: int  # in memory, as Arrow arrays

    @property
    def name(self) -> str:
        """The file's name in data/."""
        return PurePosixPath(self.file).name

    @classmethod
    def from_json(cls, value: object, source: str = MANIFEST) -> ShardRecord:
        """The record of a decoded JSON object."""
        return cls(
            file=_get(value, "file", str, source),
            split=_get(value, "split", str, source),
            rows=_get(value, "rows", int, source),
            bytes=_get(value, "bytes", int, source),
            sha256=_get(value, "sha256", str, source),
            content_sha256=_get(value, "content_sha256", str, source),
            arrow_bytes=_get(value, "arrow_bytes", int, source),
        )

    def to_json(self) -> dict[str, object]:
        """The record as a JSON object."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class SplitTotals:
    """Sums over the shards of a split. `content_sha256` is the digest of the shards' content digests, in order."""

    rows: int
    bytes: int
    arrow_bytes: int
    content_sha256: str

    @classmethod
    def from_json(cls, value: object, source: str = MANIFEST) -> SplitTotals:
        """The totals of a decoded JSON object."""
        return cls(
            rows=_get(value, "rows", int, source),
            bytes=_get(value, "bytes", int, source),
            arrow_bytes=_get(value, "arrow_bytes", int, source),
            content_sha256=_get(value, "content_sha256", str, source),
        )

    def to_json(self) -> dict[str, object]:
        """The totals as a JSON object."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Manifest:
    """A finished data set. `content_sha256` is the digest of the splits' content digests, in order.

    `png` names the PNG encoder: pixels are reproducible with any encoder, files only with the same one.
    """

    version: str  # of subsynth; its JSON key is "subsynth"
    spec_sha256: str
    plan_sha256: str
    content_sha256: str
    png: str
    image_format: str
    lines_dropped: Mapping[str, int]  # split -> lines of the corpus that no font covers
    splits: Mapping[str, SplitTotals]
    shards: tuple[ShardRecord, ...] = field(default=())

    @property
    def total_rows(self) -> int:
        """Rows of all splits."""
        return sum(split.rows for split in self.splits.values())

    @property
    def total_bytes(self) -> int:
        """Bytes of all shards' files."""
        return sum(split.bytes for split in self.splits.values())

    @classmethod
    def from_json(cls, value: object, source: str = MANIFEST) -> Manifest:
        """The manifest of a decoded JSON object."""
        dropped = _get(value, "lines_dropped", dict, source)
        splits = _get(value, "splits", dict, source)
        return cls(
            version=_get(value, "subsynth", str, source),
            spec_sha256=_get(value, "spec_sha256", str, source),
            plan_sha256=_get(value, "plan_sha256", str, source),
            content_sha256=_get(value, "content_sha256", str, source),
            png=_get(value, "png", str, source),
            image_format=_get(value, "image_format", str, source),
            lines_dropped={split: _get(dropped, split, int, source) for split in dropped},
            splits={split: SplitTotals.from_json(totals, source) for split, totals in splits.items()},
            shards=tuple(ShardRecord.from_json(record, source) for record in _get(value, "shards", list, source)),
        )

    @classmethod
    def parse(cls, text: str | bytes, source: str = MANIFEST) -> Manifest:
        """The manifest of a JSON text. Raises OutputError if it is malformed."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise OutputError(f"{source}: not a manifest that can be read ({error}); render the set again") from error
        return cls.from_json(value, source)

    @classmethod
    def load(cls, directory: Path) -> Manifest:
        """The manifest of a rendered directory. Raises OutputError if it is missing or malformed."""
        path = directory / MANIFEST
        try:
            text = path.read_bytes()
        except OSError as error:
            raise OutputError(
                f"{path}: {error.strerror or error}; let the render finish, or name another directory"
            ) from error
        return cls.parse(text, str(path))

    def to_json(self) -> dict[str, object]:
        """The manifest as a JSON object, its shards last."""
        return {
            "subsynth": self.version,
            "spec_sha256": self.spec_sha256,
            "plan_sha256": self.plan_sha256,
            "content_sha256": self.content_sha256,
            "png": self.png,
            "image_format": self.image_format,
            "lines_dropped": dict(self.lines_dropped),
            "splits": {split: totals.to_json() for split, totals in self.splits.items()},
            "shards": [record.to_json() for record in self.shards],
        }


def write_manifest(file: TextIO, manifest: Manifest, records: Iterable[ShardRecord] | None = None) -> None:
    """Write a manifest as JSON with one line per shard.

    `records`, read one at a time, are written in place of `manifest.shards`: the records of a very large data set
    never have to be in memory together.
    """
    head = dataclasses.replace(manifest, shards=()).to_json()
    file.write(json.dumps(head, indent=1, ensure_ascii=False).removesuffix("]\n}"))
    for number, record in enumerate(manifest.shards if records is None else records):
        file.write(f"{',' if number else ''}\n  {json.dumps(record.to_json(), ensure_ascii=False)}")
    file.write("\n ]\n}\n")


def recorded_plan(text: str | bytes) -> str:
    """The plan digest of a manifest, even of one that this version cannot read in full; "" if there is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return ""
    return str(value.get("plan_sha256", "")) if isinstance(value, dict) else ""


def _get(value: object, key: str, kind: type[T], source: str) -> T:
    """A field of a decoded JSON object, checked for its type."""
    if not isinstance(value, dict) or key not in value:
        problem = f"{key} is missing"
    elif not isinstance(value[key], kind) or isinstance(value[key], bool):
        problem = f"{key} is {str(value[key])[:60]!r}, which is not of type {kind.__name__}"
    else:
        result: T = value[key]
        return result
    raise OutputError(f"{source}: not a manifest that can be read ({problem}); render the set again")
