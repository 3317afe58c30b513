"""Verification of a rendered data set from its files: each violation is reported with its shard and row.

The files may be a stranger's: what they hold is checked before anything is decoded, opened or drawn because of it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from subsynth.assets.corpus import letters_and_digits
from subsynth.build.ownership import plan_digest
from subsynth.build.split_renderers import SplitRenderers
from subsynth.core import rng
from subsynth.core.cache import checking_fully
from subsynth.core.documents import shown
from subsynth.core.errors import MaterialError, OutputError, SpecError, SubsynthError
from subsynth.core.files import read_regular_file
from subsynth.core.processors import available_cores
from subsynth.core.progress import NoProgress, Progress
from subsynth.core.terminal import one_line
from subsynth.core.version import __version__
from subsynth.format import schema
from subsynth.format.content_digest import ContentDigest
from subsynth.format.manifest import Manifest, ShardRecord, SplitTotals
from subsynth.format.shard_list import DEFAULT_LAYOUT, Shard, ShardLayout, ShardList, list_shards
from subsynth.format.shards import file_digest
from subsynth.format.stored_pairs import decode_pair, find_problems
from subsynth.format.stored_rows import (
    UnusableShardError,
    equals_plan,
    file_of,
    find_value_problems,
    image_files,
    open_shard,
    read_batches,
    rows_of,
)
from subsynth.planning.planner import plan_columns, plan_recipes
from subsynth.planning.recipe import Recipe
from subsynth.planning.stored_recipe import from_row
from subsynth.rendering.render import Pair, Renderer
from subsynth.report import card
from subsynth.spec import outside_paths
from subsynth.spec.spec import Spec
from subsynth.storage import paths

_READ_ERRORS = (pa.ArrowException, OSError, ValueError, UnusableShardError)
_CARD_BYTES = 1 << 20

MAX_REPORTED = 20  # differing rows of one shard that are reported one by one; the rest are counted


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
    readable: bool = False  # a shard that can be read to its end
    violations: list[Violation] = field(default_factory=list)
    lines: dict[str, set[str]] = field(default_factory=dict)  # split -> letters and digits of its lines
    photographs: dict[str, set[str]] = field(default_factory=dict)  # split -> names

    def skip_rendering(self, reason: str) -> None:
        """Say once that rows are not rendered again."""
        self.not_checked = self.not_checked or f"rows were not rendered again: {one_line(reason, 300)}"

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


@dataclass
class _Plan:
    """What the files are compared with: the spec and its shards, and the renderers, as far as there are any."""

    spec: Spec | None
    shards: ShardList | None
    renderers: SplitRenderers | None
    sample: int

    def renderer(self, name: str, findings: _Findings) -> Renderer | None:
        """The renderer of a shard; None if it cannot be rendered again, and `findings` says why."""
        shard = self.shards.find(name) if self.shards is not None else None
        if shard is None or self.renderers is None:
            return None
        try:
            return self.renderers.get(shard.split)
        except (MaterialError, SpecError) as error:
            findings.skip_rendering(str(error))
            self.renderers = None
            return None


def verify(
    directory: Path,
    sample: int = 64,
    progress: Progress | None = None,
    layout: ShardLayout = DEFAULT_LAYOUT,
    readers: int | None = None,
    trust_paths: bool = False,
) -> Report:
    """Check a directory: files, columns, pixels, splits. `sample` rows of each split are rendered again.

    The columns of all rows are compared with what the spec plans, and all rows of a damaged shard are rendered again,
    so that each damaged row is reported. The cache, which rows are rendered from, is hashed in full. Rows are not
    rendered again where the spec names files outside of the directory, unless `trust_paths`, and where its fonts,
    texts or pictures are missing or have changed: `Report.not_checked` says so.

    `progress` counts rows. `layout` is the one that the data set was built with; `readers` how many files are read at
    a time (None: one per core). Raises OutputError if there is no manifest that can be read.
    """
    progress = progress or NoProgress()
    manifest, findings = Manifest.load(directory), _Findings()
    with checking_fully():
        spec = _load_spec(directory, manifest, findings)
        renderers = _find_renderers(directory, spec, manifest, findings, trust_paths) if spec else None
        _check_documents(directory, manifest, findings)
        _check_totals(manifest, findings)
        planned = list_shards(spec, layout) if spec else None
        _check_names(directory, manifest, planned, findings)
        progress.start(manifest.total_rows)
        plan = _Plan(spec, planned, renderers, sample)
        _check_shards(directory, manifest, plan, readers, progress, findings)
    _check_splits(findings)
    violations = tuple(findings.violations)
    return Report(findings.shards, findings.rows, findings.rendered, violations, findings.not_checked)


def _load_spec(directory: Path, manifest: Manifest, findings: _Findings) -> Spec | None:
    """The spec, if it is that of the manifest."""
    try:
        spec = Spec.load(directory / paths.SPEC)
    except SubsynthError as error:
        findings.add(paths.SPEC, -1, one_line(str(error), 500))
        return None
    if spec.digest() != manifest.spec_sha256:
        findings.add(paths.SPEC, -1, "is not the spec whose digest is in the manifest")
        return None
    return spec


def _find_renderers(
    directory: Path, spec: Spec, manifest: Manifest, findings: _Findings, trust_paths: bool
) -> SplitRenderers | None:
    """What renders rows again, if that is possible; `findings` says why it is not."""
    outside = outside_paths.paths_outside(spec, directory)
    if outside and not trust_paths:
        findings.skip_rendering(f"{outside_paths.describe(outside)}; {outside_paths.FLAG} opens them")
        return None
    if manifest.version != __version__:
        findings.skip_rendering(f"the set was rendered by subsynth {manifest.version}, and this is {__version__}")
        return None
    try:
        plan = plan_digest(spec)
    except (MaterialError, SpecError) as error:
        findings.skip_rendering(str(error))
        return None
    if plan == manifest.plan_sha256:
        return SplitRenderers(spec)
    if outside_paths.paths_outside(spec, None):
        findings.skip_rendering("its fonts, texts or pictures have changed since it was rendered")
    else:
        findings.add(paths.MANIFEST, -1, "its plan_sha256 is not that of the spec: rows cannot be rendered again")
    return None


def _check_documents(directory: Path, manifest: Manifest, findings: _Findings) -> None:
    """All files besides the shards exist, and the card describes the data set of the manifest."""
    for name in paths.DOCUMENTS:
        problem = _file_problem(directory / name)
        if problem and name not in (paths.SPEC, paths.MANIFEST):  # these are read, and reported, elsewhere
            findings.add(name, -1, problem)
    if _file_problem(directory / paths.CARD):
        return
    try:
        content = read_regular_file(directory / paths.CARD, "card", "render it again", _CARD_BYTES, OutputError)
        info = card.dataset_info(content.decode("utf-8"))
        if info.rows != {split: totals.rows for split, totals in manifest.splits.items()}:
            findings.add(paths.CARD, -1, "counts other rows than the manifest")
        if manifest.content_sha256 not in info.description:
            problem = "does not belong to this data set: its description lacks the manifest's digest"
            findings.add(paths.CARD, -1, problem)
    except (OutputError, ValueError) as error:
        findings.add(paths.CARD, -1, one_line(f"cannot be read ({error})", 300))


def _check_totals(manifest: Manifest, findings: _Findings) -> None:
    """The totals of the manifest are those of its shards."""
    digests = []
    for split, totals in manifest.splits.items():
        shards = [record for record in manifest.shards if record.split == split]
        digest = hashlib.sha256("".join(record.content_sha256 for record in shards).encode()).hexdigest()
        sums = (sum(r.rows for r in shards), sum(r.bytes for r in shards), sum(r.arrow_bytes for r in shards))
        if totals != SplitTotals(*sums, digest):
            findings.add(paths.MANIFEST, -1, f"its totals of {split} are not those of its shards")
        digests.append(totals.content_sha256)
    if manifest.content_sha256 != hashlib.sha256("".join(digests).encode()).hexdigest():
        findings.add(paths.MANIFEST, -1, "its content_sha256 is not that of its splits")


def _check_names(directory: Path, manifest: Manifest, shards: ShardList | None, findings: _Findings) -> None:
    """The spec, the manifest and data/ name the same shards."""
    recorded = {record.name for record in manifest.shards}
    if shards is not None:
        disagreeing = (name for name in sorted(recorded) if shards.find(name) is None)
        absent = len(shards) - sum(shards.find(name) is not None for name in recorded)
        examples = islice((shard.name for shard in shards if shard.name not in recorded), min(absent, MAX_REPORTED))
        for name in (*disagreeing, *examples):
            findings.add(name, -1, "the manifest and the spec disagree about this shard")
        for record in manifest.shards:
            shard = shards.find(record.name)
            if shard is not None and shard.rows != record.rows:
                problem = f"has {record.rows:,} rows in the manifest, and {shard.rows:,} by the spec"
                findings.add(record.name, -1, problem)
        if absent > MAX_REPORTED:
            findings.add(paths.MANIFEST, -1, f"lacks {absent - MAX_REPORTED:,} more shards of the spec")
    try:
        names = sorted(os.listdir(directory / paths.DATA))  # noqa: PTH208 - one folder, names only
    except OSError as error:
        findings.add(paths.DATA, -1, f"cannot be read ({error.strerror})")
        return
    foreign = [name for name in names if name not in recorded and not name.startswith(".")]
    for name in foreign[:MAX_REPORTED]:
        findings.add(one_line(name, 200), -1, "is in data/ but not in the manifest")
    if len(foreign) > MAX_REPORTED:
        findings.add(paths.DATA, -1, f"holds {len(foreign) - MAX_REPORTED:,} more files that are not in the manifest")


def _check_shards(
    directory: Path, manifest: Manifest, plan: _Plan, readers: int | None, progress: Progress, findings: _Findings
) -> None:
    """Everything about the shards. Threads read files, since decoding and hashing release Python's lock."""
    shards = _recorded_shards(manifest, plan.shards)
    pool = ThreadPoolExecutor(readers or available_cores())
    try:
        parts = pool.map(lambda r: _check_file(directory, r, shards[r.name], plan.spec), manifest.shards)
        for record, part in zip(manifest.shards, parts, strict=True):
            renderer = plan.renderer(record.name, findings) if part.readable else None
            if renderer is not None:
                _check_rendering(directory, record, renderer, shards[record.name], plan.sample, part)
            findings.extend(part)
            progress.advance(record.rows)
    finally:
        pool.shutdown(cancel_futures=True)


def _recorded_shards(manifest: Manifest, planned: ShardList | None) -> dict[str, Shard]:
    """The shards of the manifest by name: as they are planned, or, where they are not, by the rows before them."""
    shards: dict[str, Shard] = {}
    position: dict[str, int] = {}
    for record in sorted(manifest.shards, key=lambda record: (record.split, record.number)):
        start = position.get(record.split, 0)
        by_rows = Shard(record.split, record.number, record.count, start, start + record.rows)
        shards[record.name] = (planned.find(record.name) if planned is not None else None) or by_rows
        position[record.split] = start + record.rows
    return shards


def _file_problem(path: Path) -> str:
    """Why a path is not a file that can be read; "" if it is."""
    try:
        return "" if stat.S_ISREG(path.stat().st_mode) else "is not a regular file"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _check_file(directory: Path, record: ShardRecord, shard: Shard, spec: Spec | None) -> _Findings:
    """Everything that can be checked of a shard by reading it."""
    path, findings = directory / paths.DATA / record.name, _Findings(shards=1)
    problem = _file_problem(path)
    if problem:
        findings.add(record.name, -1, problem)
        return findings
    try:
        size = path.stat().st_size
        if size != record.bytes:
            findings.add(record.name, -1, f"has {size} bytes, not {record.bytes}")
        elif file_digest(path) != record.sha256:
            findings.add(record.name, -1, "its bytes are not those that were written")
        digest = _check_rows(path, record, shard, spec, findings)
        findings.readable = True
        if digest != record.content_sha256:
            findings.add(record.name, -1, "its pixels or values are not those that were written")
    except UnusableShardError as error:
        findings.add(record.name, -1, str(error))
    except _READ_ERRORS as error:
        findings.add(record.name, -1, f"cannot be read as parquet ({one_line(str(error), 200)})")
    return findings


def _check_rows(path: Path, record: ShardRecord, shard: Shard, spec: Spec | None, findings: _Findings) -> str:
    """Check every row of a file; its content digest, or "" if it has values that cannot be digested."""
    content, row, digestible = ContentDigest(), 0, True
    lines = findings.lines.setdefault(record.split, set())
    photographs = findings.photographs.setdefault(record.split, set())
    with open_shard(path, spec) as file:
        if file.metadata.num_rows != record.rows:
            findings.add(path.name, -1, f"has {file.metadata.num_rows} rows, not {record.rows}")
        for table in read_batches(file):
            problems = list(find_value_problems(table))
            for number, problem in problems:
                findings.add(path.name, row + number, problem)
            digestible = digestible and not problems
            columns = rows_of(table.select(["index", "text", "background"]))
            for (image, truth), values in zip(image_files(table), columns, strict=True):
                pair = decode_pair(image, truth, spec)
                for problem in find_problems(pair):
                    findings.add(path.name, row, problem)
                if values["index"] != shard.start + row:
                    problem = f"its index is {shown(values['index'])}, not {shard.start + row}"
                    findings.add(path.name, row, f"{problem}: a row is duplicated or out of order")
                if pair.image is not None and pair.ground_truth is not None:
                    content.add_pixels(pair.image, pair.ground_truth)
                row += 1
            if digestible:
                content.add_columns(table)
            lines.update(letters_and_digits(str(values["text"])) for values in columns)
            names = {str(values["background"]) for values in columns}
            photographs.update(name for name in names if not name.startswith("procedural/"))
            findings.rows += len(table)
    return content.hexdigest() if digestible else ""


def _check_rendering(
    directory: Path, record: ShardRecord, renderer: Renderer, shard: Shard, sample: int, findings: _Findings
) -> None:
    """Compare a shard with its plan, and report rows that differ when they are rendered again: a sample, or all rows
    if the shard is damaged.
    """
    damaged = bool(findings.violations)
    indices = _sample_indices(record, shard, sample)
    differing = 0
    try:
        if not damaged:
            damaged = not _is_as_planned(directory / paths.DATA / record.name, renderer, shard)
        wanted = range(shard.start, shard.stop) if damaged else indices
        for index, row in _stored_rows(directory / paths.DATA / record.name, renderer.assets.spec, shard, wanted):
            differences = _compare_row(renderer, shard, index, row, damaged, findings)
            differing += bool(differences)
            if differences and differing <= MAX_REPORTED:
                problem = f"differs from what the spec renders: {', '.join(differences)}"
                findings.add(shard.name, index - shard.start, problem)
    except _READ_ERRORS as error:
        findings.add(shard.name, -1, f"cannot be read as parquet ({one_line(str(error), 200)})")
    if differing > MAX_REPORTED:
        findings.add(shard.name, -1, f"{differing - MAX_REPORTED} more rows differ")


def _is_as_planned(path: Path, renderer: Renderer, shard: Shard) -> bool:
    """Whether the columns of all rows are what the spec plans."""
    start = shard.start
    with open_shard(path, renderer.assets.spec) as file:
        for table in read_batches(file, images=False):
            stop = start + len(table)
            if stop > shard.stop or not equals_plan(table, plan_columns(renderer.assets, start, stop)):
                return False
            start = stop
    return start == shard.stop


def _stored_rows(
    path: Path, spec: Spec, shard: Shard, indices: Sequence[int]
) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Those rows of a file that should have these indices of the shard, with the indices."""
    start = shard.start
    with open_shard(path, spec) as file:
        for table in read_batches(file):
            wanted = [index for index in indices if start <= index < start + len(table)]
            yield from zip(wanted, rows_of(table.take([index - start for index in wanted])), strict=True)
            start += len(table)


def _compare_row(
    renderer: Renderer, shard: Shard, index: int, row: Mapping[str, object], damaged: bool, findings: _Findings
) -> list[str]:
    """The columns in which a stored row differs from what is rendered again."""
    spec = renderer.assets.spec
    planned = plan_recipes(renderer.assets, index, index + 1)[0]
    try:  # a damaged row cannot be trusted: it is rendered from the spec
        recipe = planned if damaged else from_row(spec, shard.split, row)
        pair = renderer.render(recipe)
    except (SubsynthError, IndexError, KeyError, ValueError, TypeError) as error:
        problem = f"cannot be rendered from its columns ({one_line(str(error), 200)})"
        findings.add(shard.name, index - shard.start, problem)
        return []
    findings.rendered += 1
    return list(_differences(planned, pair, row))


def _sample_indices(record: ShardRecord, shard: Shard, sample: int) -> list[int]:
    """A sample of a shard's rows, seeded with its content, so that different data sets check different rows."""
    share = max(1, -(-sample // shard.count))
    first = shard.number * sample
    stream = rng.StreamRange(zlib.crc32(record.content_sha256.encode()), shard.split, first, first + share)
    return sorted({shard.start + int(i) for i in rng.randint(stream, "verify", shard.rows)})


def _differences(planned: Recipe, pair: Pair, row: Mapping[str, object]) -> Iterator[str]:
    """The columns of a stored row that differ from its plan, or from the pixels rendered again."""
    expected = planned.row() | {schema.MEASURED: pair.contrast}
    yield from (name for name, value in expected.items() if row[name] != value)
    stored = decode_pair(file_of(row, "image"), file_of(row, "ground_truth"), planned.spec)
    for name, pixels, rendered in (
        ("image", stored.image, pair.image),
        ("ground_truth", stored.ground_truth, pair.ground_truth),
    ):
        if pixels is None or not np.array_equal(pixels, rendered):
            yield name


def _check_splits(findings: _Findings) -> None:
    """Train shares no line of text and no photograph with another split."""
    for split in sorted(set(findings.lines) - {"train"}):
        for noun, values in (("line", findings.lines), ("photograph", findings.photographs)):
            shared = values.get("train", set()) & values.get(split, set())
            if shared:
                findings.add(split, -1, f"{len(shared)} {noun}s are also in train: {shown(sorted(shared)[0])}")
