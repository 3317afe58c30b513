"""The manifest of a data set: totals and digests of every shard and split, and the JSON in which they are stored.

`from_json` takes a decoded JSON value, which anybody may have written, and raises OutputError, in one line that names
the source and the field, if a value is missing, of another type or out of range. Unknown keys are ignored, so that a
later version may add some.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TextIO

from subsynth.core.documents import parse_json
from subsynth.core.errors import OutputError
from subsynth.core.files import read_regular_file
from subsynth.format.json_fields import Fields
from subsynth.spec.spec import IMAGE_FORMATS, SPLITS
from subsynth.storage.paths import MANIFEST

MAX_BYTES = 64 << 20  # of a manifest: about 250,000 shards
MAX_SHARD_ROWS = 10**6
_MAX_ROWS, _MAX_FILE, _MAX_MEMORY = 2**48, 2**40, 2**60
_DIGEST = 64  # hex digits of a SHA-256
_FILE = re.compile(rf"data/({'|'.join(SPLITS)})-(\d{{5,9}})-of-(\d{{5,9}})\.parquet")


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

    @property
    def number(self) -> int:
        """Which of the files of its split it is."""
        return int(self._parts[2])

    @property
    def count(self) -> int:
        """How many files its split has."""
        return int(self._parts[3])

    @property
    def _parts(self) -> re.Match[str]:
        match = _FILE.fullmatch(self.file)
        assert match is not None
        return match

    @classmethod
    def from_json(cls, value: object, source: str = MANIFEST) -> ShardRecord:
        """The record of a decoded JSON object. Its file has a name that the layout of shards gives."""
        fields = Fields(value, source)
        file, split = fields.text("file"), fields.choice("split", SPLITS)
        match = _FILE.fullmatch(file)
        if not match or match[1] != split or int(match[2]) >= int(match[3]):
            raise fields.error("file", file, f"not the name of a shard of {split}")
        return cls(
            file=file,
            split=split,
            rows=fields.integer("rows", 1, MAX_SHARD_ROWS),
            bytes=fields.integer("bytes", 0, _MAX_FILE),
            sha256=fields.digest("sha256"),
            content_sha256=fields.digest("content_sha256"),
            arrow_bytes=fields.integer("arrow_bytes", 0, _MAX_MEMORY),
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
        fields = Fields(value, source)
        return cls(
            rows=fields.integer("rows", 1, _MAX_ROWS),
            bytes=fields.integer("bytes", 0, _MAX_MEMORY),
            arrow_bytes=fields.integer("arrow_bytes", 0, _MAX_MEMORY),
            content_sha256=fields.digest("content_sha256"),
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
        fields = Fields(value, source)
        dropped = fields.mapping("lines_dropped", SPLITS)
        splits = fields.mapping("splits", SPLITS)
        shards = tuple(ShardRecord.from_json(record, source) for record in fields.items("shards"))
        if len({record.file for record in shards}) < len(shards):
            twice = Counter(record.file for record in shards).most_common(1)[0][0]
            raise fields.error("shards", twice, "there twice")
        return cls(
            version=fields.text("subsynth"),
            spec_sha256=fields.digest("spec_sha256"),
            plan_sha256=fields.digest("plan_sha256"),
            content_sha256=fields.digest("content_sha256"),
            png=fields.text("png"),
            image_format=fields.choice("image_format", IMAGE_FORMATS),
            lines_dropped={split: Fields(dropped, source).integer(split, 0, _MAX_ROWS) for split in dropped},
            splits={split: SplitTotals.from_json(totals, source) for split, totals in splits.items()},
            shards=shards,
        )

    @classmethod
    def parse(cls, text: str | bytes, source: str = MANIFEST) -> Manifest:
        """The manifest of a JSON text. Raises OutputError if it is malformed."""
        try:
            value = parse_json(text)
        except ValueError as error:
            raise OutputError(f"{source}: not a manifest that can be read ({error}); render the set again") from error
        return cls.from_json(value, source)

    @classmethod
    def load(cls, directory: Path) -> Manifest:
        """The manifest of a rendered directory. Raises OutputError if it is missing or malformed."""
        path = directory / MANIFEST
        cure = "let the render finish, or name another directory"
        return cls.parse(read_regular_file(path, "manifest", cure, MAX_BYTES, OutputError), str(path))

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
        value = parse_json(text)
    except ValueError:
        return ""
    return str(value.get("plan_sha256", ""))[:_DIGEST] if isinstance(value, dict) else ""
