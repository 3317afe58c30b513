"""Verify: what must hold of a data set on disk, checked from its files; what does not is named by shard and row."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from subsynth.assets.corpus import bare
from subsynth.build import ownership
from subsynth.core import rng
from subsynth.core.errors import OutputError, SubsynthError
from subsynth.core.pixels import U8
from subsynth.core.processors import available_cores
from subsynth.format import schema, shards
from subsynth.format.content_digest import Content
from subsynth.format.shards import GROUP, Shard
from subsynth.planning.planner import decide, recipes
from subsynth.planning.recipe import from_row
from subsynth.rendering.render import render
from subsynth.report import card
from subsynth.spec.spec import Spec
from subsynth.storage import paths

MOST = 20  # violations told of one shard; the rest are counted


class Violation(NamedTuple):
    """What does not hold: of a shard (or the whole directory), of a row (or the whole file; -1), in words."""

    shard: str
    row: int
    what: str


@dataclass
class Report:
    """The outcome: what was read, what was rendered again, and what does not hold."""

    shards: int = 0
    rows: int = 0
    rendered: int = 0
    violations: list[Violation] = field(default_factory=list)
    texts: dict[str, set[str]] = field(default_factory=dict)  # split -> letters and digits of its lines
    pictures: dict[str, set[str]] = field(default_factory=dict)

    def add(self, shard: str, row: int, what: str) -> None:
        """Take a violation down."""
        self.violations.append(Violation(shard, row, what))

    def join(self, part: Report) -> None:
        """Take down what another report says."""
        self.shards += part.shards
        self.rows += part.rows
        self.rendered += part.rendered
        self.violations += part.violations
        for mine, theirs in ((self.texts, part.texts), (self.pictures, part.pictures)):
            for split, found in theirs.items():
                mine.setdefault(split, set()).update(found)


def rows_in(directory: Path) -> int:
    """How many rows the manifest promises. Raises OutputError if there is none that can be read."""
    return sum(int(entry["rows"]) for entry in _manifest(directory)["shards"])


def verify(directory: Path, sample: int = 64, tick: Callable[[int], None] = lambda _rows: None) -> Report:
    """Check a whole directory; `sample` rows of each split are rendered again from their columns alone.

    `tick` is told of the rows read. Raises OutputError where there is no data set to check.
    """
    manifest, report = _manifest(directory), Report()
    spec = _spec(directory, manifest, report)
    expected = {s.name: s for s in shards.shards(spec)} if spec else {}
    entries = {Path(e["file"]).name: e for e in manifest["shards"]}
    _beside(directory, manifest, report)
    for name in sorted(set(expected) ^ set(entries)):
        report.add(name, -1, "the manifest and the spec disagree about this shard")
    for path in sorted((directory / "data").glob("*")):
        if path.name not in entries:
            report.add(path.name, -1, "lies in data/ and is not in the manifest")
    # Files are read by threads: decoding and digests leave Python's lock alone. Rows are rendered by this one.
    pool = ThreadPoolExecutor(available_cores())
    try:
        read = pool.map(lambda e: _file(directory, e, expected.get(Path(e["file"]).name), spec), entries.values())
        for (name, entry), part in zip(entries.items(), read, strict=True):
            if spec is not None and name in expected and (directory / "data" / name).is_file():
                _again(directory, entry, spec, expected[name], sample, part)
            report.join(part)
            tick(int(entry["rows"]))
    finally:
        pool.shutdown(cancel_futures=True)
    _splits(report)
    return report


def _manifest(directory: Path) -> dict[str, Any]:
    path = directory / paths.MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = [
            (e["file"], e["rows"], e["bytes"], e["sha256"], e["content_sha256"], e["split"]) for e in manifest["shards"]
        ]
        _ = manifest["spec_sha256"], manifest["plan_sha256"], manifest["content_sha256"], manifest["splits"]
    except OSError as error:
        raise OutputError(
            f"{path}: {error.strerror or error}; render the set to its end, or name another one"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path}: not a manifest that can be read ({error!r}); render the set again") from error
    return manifest


def _spec(directory: Path, manifest: dict[str, Any], report: Report) -> Spec | None:
    """The spec, if rows can be rendered again by it."""
    try:
        spec = Spec.load(directory / paths.SPEC)
        if spec.digest() != manifest["spec_sha256"]:
            report.add(paths.SPEC, -1, "is not the spec whose digest the manifest has")
        elif ownership.plan_digest(spec) != manifest["plan_sha256"]:
            report.add(paths.MANIFEST, -1, "made by another version or from other material: rows cannot be compared")
        else:
            return spec
    except SubsynthError as error:
        report.add(paths.SPEC, -1, str(error))
    return None


def _beside(directory: Path, manifest: dict[str, Any], report: Report) -> None:
    """The small files are there, and the card tells of the set that the manifest tells of."""
    for name in paths.DOCUMENTS:
        if not (directory / name).is_file():
            report.add(name, -1, "is missing")
    try:
        told = card.front_matter((directory / paths.CARD).read_text(encoding="utf-8"))["dataset_info"]
        counts = {split["name"]: split["num_examples"] for split in told["splits"]}
        if counts != {name: split["rows"] for name, split in manifest["splits"].items()}:
            report.add(paths.CARD, -1, "counts other rows than the manifest")
        if manifest["content_sha256"] not in told["description"]:
            report.add(paths.CARD, -1, "is not of this set: its description lacks the manifest's digest")
    except FileNotFoundError:
        pass  # told already
    except (OutputError, OSError, ValueError, KeyError, TypeError) as error:
        report.add(paths.CARD, -1, f"cannot be read ({error!r})" if not isinstance(error, OutputError) else str(error))


def _file(directory: Path, entry: dict[str, Any], shard: Shard | None, spec: Spec | None) -> Report:
    """All that can be seen of a shard by reading it."""
    name, report = Path(entry["file"]).name, Report(shards=1)
    path = directory / "data" / name
    if not path.is_file():
        report.add(name, -1, "is missing")
        return report
    if path.stat().st_size != entry["bytes"]:
        report.add(name, -1, f"has {path.stat().st_size} bytes, not {entry['bytes']}")
    elif shards.file_digest(path) != entry["sha256"]:
        report.add(name, -1, "its bytes are not those that were written")
    try:
        content = _read(path, entry, shard, spec, report)
        if content != entry["content_sha256"]:
            report.add(name, -1, "its pixels or values are not those that were written")
    except (pa.ArrowException, OSError) as error:
        report.add(name, -1, f"cannot be read as parquet ({' '.join(str(error).split())})")
    return report


def _again(directory: Path, entry: dict[str, Any], spec: Spec, shard: Shard, sample: int, report: Report) -> None:
    """Render rows of a shard again: some, or all if its file is damaged."""
    damaged = bool(report.violations)
    rows = range(shard.start, shard.stop) if damaged else _sample(entry, shard, sample)
    _compare(directory / "data" / shard.name, spec, shard, rows, damaged, report)


def _read(path: Path, entry: dict[str, Any], shard: Shard | None, spec: Spec | None, report: Report) -> str:
    """Check every row of a file by itself; its content digest."""
    content, at = Content(), 0
    with pq.ParquetFile(path) as file:
        if not file.schema_arrow.equals(schema.schema()):
            report.add(path.name, -1, "its columns are not those of this version")
            return ""
        if file.metadata.num_rows != entry["rows"]:
            report.add(path.name, -1, f"has {file.metadata.num_rows} rows, not {entry['rows']}")
        texts = report.texts.setdefault(entry["split"], set())
        pictures = report.pictures.setdefault(entry["split"], set())
        for batch in file.iter_batches(GROUP):
            table = pa.Table.from_batches([batch])
            images = zip(*(table.column(c).combine_chunks().field("bytes") for c in schema.IMAGES), strict=True)
            for (image, truth), index in zip(images, table.column("index").to_pylist(), strict=True):
                pixels, mask = (
                    _decoded(image.as_py(), cv2.IMREAD_COLOR_RGB),
                    _decoded(truth.as_py(), cv2.IMREAD_UNCHANGED),
                )
                for what in _wrong(pixels, mask, spec):
                    report.add(path.name, at, what)
                if shard is not None and index != shard.start + at:
                    report.add(
                        path.name, at, f"its index is {index}, not {shard.start + at}: a row is doubled or out of place"
                    )
                if pixels is not None and mask is not None:
                    content.pixels(pixels, mask)
                at += 1
            content.columns(table)
            texts.update(bare(text) for text in table.column("text").to_pylist())
            pictures.update(b for b in table.column("background").to_pylist() if not b.startswith("procedural/"))
            report.rows += len(table)
    return content.hexdigest()


def _decoded(file: bytes | None, how: int) -> U8 | None:
    if not file:
        return None
    found = cv2.imdecode(np.frombuffer(file, np.uint8), how)
    return None if found is None else np.asarray(found, dtype=np.uint8)


def _wrong(image: U8 | None, truth: U8 | None, spec: Spec | None) -> Iterator[str]:
    """What does not hold of one pair."""
    if image is None or truth is None:
        yield "an image cannot be decoded"
        return
    if truth.ndim != 2 or image.shape[:2] != truth.shape:
        yield f"image {image.shape} and ground truth {truth.shape} do not match"
        return
    if spec is not None and truth.shape != (spec.height, spec.width):
        yield f"the size is {truth.shape}, not {(spec.height, spec.width)}"
    if ((truth != 0) & (truth != 255)).any():
        yield "the ground truth holds other values than 0 and 255"
    if (truth == 255).all():
        yield "the ground truth is empty"
    elif not all((edge == 255).all() for edge in (truth[0], truth[-1], truth[:, 0], truth[:, -1])):
        yield "the ground truth touches the border: it is clipped, or its polarity is turned round"


def _sample(entry: dict[str, Any], shard: Shard, sample: int) -> list[int]:
    """Some rows of a shard, drawn by its content, so that no set is always asked for the same."""
    share = max(1, -(-sample // shard.of))
    at = rng.StreamRange(
        zlib.crc32(str(entry["content_sha256"]).encode()),
        shard.split,
        shard.number * sample,
        shard.number * sample + share,
    )
    return sorted({shard.start + int(i) for i in rng.randint(at, "verify", shard.stop - shard.start)})


def _compare(path: Path, spec: Spec, shard: Shard, rows: range | list[int], all_rows: bool, report: Report) -> None:
    """Render rows again, from their columns alone or (in a damaged shard) from the spec, and name those that differ."""
    try:
        table = pq.read_table(path)
        held = table.take([i - shard.start for i in rows]) if not all_rows else table
        stored = dict(zip(rows, held.to_pylist(), strict=False))
    except (pa.ArrowException, OSError):
        return  # told already
    told = 0
    for index, row in stored.items():
        wanted = recipes(spec, shard.split, decide(spec, shard.split, index, index + 1))[0]
        try:
            recipe = wanted if all_rows else from_row(spec, shard.split, row)
            pair = render(recipe)
        except (SubsynthError, IndexError, KeyError, ValueError, TypeError) as error:
            report.add(path.name, index - shard.start, f"cannot be rendered from its columns ({error})")
            continue
        report.rendered += 1
        decided = wanted.row() | {schema.MEASURED: pair.contrast}
        differ = [name for name, value in decided.items() if row[name] != value]
        for name, pixels, how in (
            ("image", pair.image, cv2.IMREAD_COLOR_RGB), ("ground_truth", pair.ground_truth, cv2.IMREAD_UNCHANGED),
        ):  # fmt: skip
            seen = _decoded(row[name]["bytes"], how)
            if seen is None or not np.array_equal(seen, pixels):
                differ.append(name)
        if differ:
            told += 1
            if told <= MOST:
                report.add(path.name, index - shard.start, f"differs from what the spec renders: {', '.join(differ)}")
    if told > MOST:
        report.add(path.name, -1, f"{told - MOST} more rows differ")


def _splits(report: Report) -> None:
    """Train shares no line and no photograph with any other split."""
    for split in set(report.texts) - {"train"}:
        for name, held in (("line", report.texts), ("photograph", report.pictures)):
            both = held.get("train", set()) & held.get(split, set())
            if both:
                report.add(split, -1, f"{len(both)} {name}s are also in train: {sorted(both)[0]!r}")
