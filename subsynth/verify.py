"""Verification of a rendered data set from its files: each violation is reported with its shard and row."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from subsynth.assets.assets import shared_assets
from subsynth.assets.corpus import letters_and_digits
from subsynth.build.ownership import plan_digest
from subsynth.build.split_renderers import SplitRenderers
from subsynth.core import rng
from subsynth.core.errors import OutputError, SubsynthError
from subsynth.core.processors import available_cores
from subsynth.core.progress import NoProgress, Progress
from subsynth.format import schema
from subsynth.format.content_digest import ContentDigest
from subsynth.format.manifest import Manifest, ShardRecord
from subsynth.format.shard_list import DEFAULT_LAYOUT, Shard, ShardLayout, list_shards
from subsynth.format.shards import file_digest
from subsynth.format.stored_pairs import decode_ground_truth, decode_image, decode_pairs, find_problems
from subsynth.planning.planner import plan_recipes
from subsynth.planning.recipe import Recipe
from subsynth.planning.stored_recipe import from_row
from subsynth.rendering.render import Pair, Renderer
from subsynth.report import card
from subsynth.spec import outside_paths
from subsynth.spec.spec import Spec
from subsynth.storage import paths

MAX_REPORTED = 20  # differing rows of one shard that are reported one by one; the rest are counted
_BATCH = 250  # rows decoded at a time


class Violation(NamedTuple):
    """A problem of a row of a shard; `row` is -1 for one of the file as a whole, or of another file or a split."""

    shard: str
    row: int
    what: str


@dataclass(frozen=True)
class Report:
    """The outcome: shards and rows read, rows rendered again, and the violations in the manifest's order."""

    shards: int
    rows: int
    rendered: int
    violations: tuple[Violation, ...]
    not_checked: str = ""  # what could not be checked, and why; "" if everything was


@dataclass
class _Findings:
    """The results so far."""

    shards: int = 0
    rows: int = 0
    rendered: int = 0
    not_checked: str = ""
    violations: list[Violation] = field(default_factory=list)
    lines: dict[str, set[str]] = field(default_factory=dict)  # split -> letters and digits of its lines
    photographs: dict[str, set[str]] = field(default_factory=dict)  # split -> names

    def add(self, shard: str, row: int, what: str) -> None:
        self.violations.append(Violation(shard, row, what))

    def extend(self, other: _Findings) -> None:
        self.shards += other.shards
        self.rows += other.rows
        self.rendered += other.rendered
        self.violations += other.violations
        for own, others in ((self.lines, other.lines), (self.photographs, other.photographs)):
            for split, values in others.items():
                own.setdefault(split, set()).update(values)


def verify(
    directory: Path,
    sample: int = 64,
    progress: Progress | None = None,
    layout: ShardLayout = DEFAULT_LAYOUT,
    readers: int | None = None,
    trust_paths: bool = False,
) -> Report:
    """Check a directory: files, columns, pixels, splits. `sample` rows of each split are rendered again.

    All rows of a damaged shard are rendered again, so that each damaged row is reported. `progress` counts rows.
    `layout` is the one that the data set was built with; `readers` how many files are read at a time (None: one per
    core). What the spec names outside of the directory is opened only with `trust_paths`; without it no row is rendered
    again then. Raises OutputError if there is no manifest that can be read.
    """
    progress = progress or NoProgress()
    manifest, findings = Manifest.load(directory), _Findings()
    spec = _load_spec(directory, manifest, findings, trust_paths)
    renderers = SplitRenderers(spec, shared_assets) if spec and not findings.not_checked else None
    expected = {shard.name: shard for shard in list_shards(spec, layout)} if spec else {}
    _check_documents(directory, manifest, findings)
    _check_names(directory, manifest, expected, findings)
    progress.start(manifest.total_rows)
    # Threads read files, since decoding and hashing release Python's lock; this thread renders rows.
    pool = ThreadPoolExecutor(readers or available_cores())
    try:
        parts = pool.map(lambda r: _check_file(directory, r, expected.get(r.name), spec), manifest.shards)
        for record, part in zip(manifest.shards, parts, strict=True):
            shard = expected.get(record.name)
            if renderers is not None and shard is not None and (directory / paths.DATA / record.name).is_file():
                _check_rendering(directory, record, renderers.get(shard.split), shard, sample, part)
            findings.extend(part)
            progress.advance(record.rows)
    finally:
        pool.shutdown(cancel_futures=True)
    _check_splits(findings)
    counts = findings.shards, findings.rows, findings.rendered
    return Report(*counts, tuple(findings.violations), findings.not_checked)


def _load_spec(directory: Path, manifest: Manifest, findings: _Findings, trust_paths: bool) -> Spec | None:
    """The spec, if rows can be rendered again from it."""
    try:
        spec = Spec.load(directory / paths.SPEC)
        outside = [] if trust_paths else outside_paths.paths_outside(spec, directory)
        if outside:
            cure = f"add {outside_paths.FLAG} if you trust it to open them"
            findings.not_checked = f"{outside_paths.describe(outside)}: no row was rendered again; {cure}"
        if spec.digest() != manifest.spec_sha256:
            findings.add(paths.SPEC, -1, "is not the spec whose digest is in the manifest")
        elif not outside and plan_digest(spec) != manifest.plan_sha256:
            problem = "rendered by another version or with other assets: rows cannot be compared"
            findings.add(paths.MANIFEST, -1, problem)
        else:
            return spec
    except SubsynthError as error:
        findings.add(paths.SPEC, -1, str(error))
    return None


def _check_documents(directory: Path, manifest: Manifest, findings: _Findings) -> None:
    """All files besides the shards exist, and the card describes the data set of the manifest."""
    for name in paths.DOCUMENTS:
        if not (directory / name).is_file():
            findings.add(name, -1, "is missing")
    try:
        info = card.dataset_info((directory / paths.CARD).read_text(encoding="utf-8"))
        if info.rows != {split: totals.rows for split, totals in manifest.splits.items()}:
            findings.add(paths.CARD, -1, "counts other rows than the manifest")
        if manifest.content_sha256 not in info.description:
            problem = "does not belong to this data set: its description lacks the manifest's digest"
            findings.add(paths.CARD, -1, problem)
    except FileNotFoundError:
        pass  # reported above
    except OutputError as error:
        findings.add(paths.CARD, -1, str(error))
    except (OSError, ValueError) as error:
        findings.add(paths.CARD, -1, f"cannot be read ({error!r})")


def _check_names(directory: Path, manifest: Manifest, expected: Mapping[str, Shard], findings: _Findings) -> None:
    """The spec, the manifest and data/ name the same shards."""
    recorded = {record.name for record in manifest.shards}
    for name in sorted(set(expected) ^ recorded):
        findings.add(name, -1, "the manifest and the spec disagree about this shard")
    for path in sorted((directory / paths.DATA).glob("*")):
        if path.name not in recorded:
            findings.add(path.name, -1, "is in data/ but not in the manifest")


def _check_file(directory: Path, record: ShardRecord, shard: Shard | None, spec: Spec | None) -> _Findings:
    """Everything that can be checked of a shard by reading it."""
    path, findings = directory / paths.DATA / record.name, _Findings(shards=1)
    if not path.is_file():
        findings.add(record.name, -1, "is missing")
        return findings
    size = path.stat().st_size
    if size != record.bytes:
        findings.add(record.name, -1, f"has {size} bytes, not {record.bytes}")
    elif file_digest(path) != record.sha256:
        findings.add(record.name, -1, "its bytes are not those that were written")
    try:
        if _check_rows(path, record, shard, spec, findings) != record.content_sha256:
            findings.add(record.name, -1, "its pixels or values are not those that were written")
    except (pa.ArrowException, OSError) as error:
        findings.add(record.name, -1, f"cannot be read as parquet ({' '.join(str(error).split())})")
    return findings


def _check_rows(path: Path, record: ShardRecord, shard: Shard | None, spec: Spec | None, findings: _Findings) -> str:
    """Check every row of a file; its content digest."""
    content, row = ContentDigest(), 0
    lines = findings.lines.setdefault(record.split, set())
    photographs = findings.photographs.setdefault(record.split, set())
    with pq.ParquetFile(path) as file:
        if not file.schema_arrow.equals(schema.arrow_schema()):
            findings.add(path.name, -1, "its columns are not those of this version")
            return ""
        if file.metadata.num_rows != record.rows:
            findings.add(path.name, -1, f"has {file.metadata.num_rows} rows, not {record.rows}")
        for batch in file.iter_batches(_BATCH):
            table = pa.Table.from_batches([batch])
            for (image, truth), index in zip(decode_pairs(table), table.column("index").to_pylist(), strict=True):
                for problem in find_problems(image, truth, spec):
                    findings.add(path.name, row, problem)
                if shard is not None and index != shard.start + row:
                    problem = f"its index is {index}, not {shard.start + row}: a row is duplicated or out of order"
                    findings.add(path.name, row, problem)
                if image is not None and truth is not None:
                    content.add_pixels(image, truth)
                row += 1
            content.add_columns(table)
            lines.update(letters_and_digits(text) for text in table.column("text").to_pylist())
            names = table.column("background").to_pylist()
            photographs.update(name for name in names if not name.startswith("procedural/"))
            findings.rows += len(table)
    return content.hexdigest()


def _check_rendering(
    directory: Path, record: ShardRecord, renderer: Renderer, shard: Shard, sample: int, findings: _Findings
) -> None:
    """Render rows of a shard again and report those that differ: a sample, or all rows if the shard is damaged."""
    damaged = bool(findings.violations)
    indices: Sequence[int] = range(shard.start, shard.stop) if damaged else _sample_indices(record, shard, sample)
    try:
        table = pq.read_table(directory / paths.DATA / record.name)
        rows = (table if damaged else table.take([index - shard.start for index in indices])).to_pylist()
    except (pa.ArrowException, OSError):
        return  # reported already
    differing = 0
    for index, row in zip(indices, rows, strict=False):
        planned = plan_recipes(renderer.assets, index, index + 1)[0]
        try:  # a damaged row cannot be trusted: it is rendered from the spec
            recipe = planned if damaged else from_row(renderer.assets.spec, shard.split, row)
            differences = list(_differences(planned, renderer.render(recipe), row))
        except (SubsynthError, IndexError, KeyError, ValueError, TypeError) as error:
            findings.add(shard.name, index - shard.start, f"cannot be rendered from its columns ({error})")
            continue
        findings.rendered += 1
        differing += bool(differences)
        if differences and differing <= MAX_REPORTED:
            problem = f"differs from what the spec renders: {', '.join(differences)}"
            findings.add(shard.name, index - shard.start, problem)
    if differing > MAX_REPORTED:
        findings.add(shard.name, -1, f"{differing - MAX_REPORTED} more rows differ")


def _sample_indices(record: ShardRecord, shard: Shard, sample: int) -> list[int]:
    """A sample of a shard's rows, seeded with its content, so that different data sets check different rows."""
    share = max(1, -(-sample // shard.count))
    first = shard.number * sample
    stream = rng.StreamRange(zlib.crc32(record.content_sha256.encode()), shard.split, first, first + share)
    return sorted({shard.start + int(i) for i in rng.randint(stream, "verify", shard.rows)})


def _differences(planned: Recipe, pair: Pair, row: Mapping[str, Any]) -> Iterator[str]:
    """The columns of a stored row that differ from its plan, or from the pixels rendered again."""
    expected = planned.row() | {schema.MEASURED: pair.contrast}
    yield from (name for name, value in expected.items() if row[name] != value)
    for name, stored, rendered in (
        ("image", decode_image(row["image"]["bytes"]), pair.image),
        ("ground_truth", decode_ground_truth(row["ground_truth"]["bytes"]), pair.ground_truth),
    ):
        if stored is None or not np.array_equal(stored, rendered):
            yield name


def _check_splits(findings: _Findings) -> None:
    """Train shares no line of text and no photograph with another split."""
    for split in set(findings.lines) - {"train"}:
        for noun, values in (("line", findings.lines), ("photograph", findings.photographs)):
            shared = values.get("train", set()) & values.get(split, set())
            if shared:
                findings.add(split, -1, f"{len(shared)} {noun}s are also in train: {sorted(shared)[0]!r}")
