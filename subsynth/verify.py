"""Verification of a rendered data set from its files: each violation is reported with its shard and row.

The files may be a stranger's: what they hold is checked before anything is decoded, opened or drawn because of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from subsynth.build.ownership import plan_digest
from subsynth.build.split_renderers import SplitRenderers
from subsynth.core.cache import checking_fully
from subsynth.core.documents import shown
from subsynth.core.errors import MaterialError, SpecError, SubsynthError
from subsynth.core.processors import available_cores
from subsynth.core.progress import NoProgress, Progress
from subsynth.core.terminal import one_line
from subsynth.core.version import __version__
from subsynth.format.manifest import Manifest
from subsynth.format.shard_list import DEFAULT_LAYOUT, Shard, ShardLayout, ShardList, list_shards
from subsynth.rendering.render import Renderer
from subsynth.spec import outside_paths
from subsynth.spec.spec import Spec
from subsynth.storage import paths
from subsynth.verification.documents import check_documents, check_names, check_totals
from subsynth.verification.findings import Findings, Report, Violation
from subsynth.verification.rendering import check_rendering
from subsynth.verification.shard_files import check_file

__all__ = ["Report", "Violation", "verify"]


@dataclass
class _Plan:
    """What the files are compared with: the spec and its shards, and the renderers, as far as there are any."""

    spec: Spec | None
    shards: ShardList | None
    renderers: SplitRenderers | None
    sample: int

    def renderer(self, name: str, findings: Findings) -> Renderer | None:
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
    manifest, findings = Manifest.load(directory), Findings()
    with checking_fully():
        spec = _load_spec(directory, manifest, findings)
        renderers = _find_renderers(directory, spec, manifest, findings, trust_paths) if spec else None
        check_documents(directory, manifest, findings)
        check_totals(manifest, findings)
        planned = list_shards(spec, layout) if spec else None
        check_names(directory, manifest, planned, findings)
        progress.start(manifest.total_rows)
        plan = _Plan(spec, planned, renderers, sample)
        _check_shards(directory, manifest, plan, readers, progress, findings)
    _check_splits(findings)
    violations = tuple(findings.violations)
    return Report(findings.shards, findings.rows, findings.rendered, violations, findings.not_checked)


def _load_spec(directory: Path, manifest: Manifest, findings: Findings) -> Spec | None:
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
    directory: Path, spec: Spec, manifest: Manifest, findings: Findings, trust_paths: bool
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
        findings.skip_rendering("its fonts, texts, pictures or films have changed since it was rendered")
    else:
        findings.add(paths.MANIFEST, -1, "its plan_sha256 is not that of the spec: rows cannot be rendered again")
    return None


def _check_shards(
    directory: Path, manifest: Manifest, plan: _Plan, readers: int | None, progress: Progress, findings: Findings
) -> None:
    """Everything about the shards. Threads read files, since decoding and hashing release Python's lock."""
    shards = _recorded_shards(manifest, plan.shards)
    pool = ThreadPoolExecutor(readers or available_cores())
    try:
        parts = pool.map(lambda r: check_file(directory, r, shards[r.name], plan.spec), manifest.shards)
        for record, part in zip(manifest.shards, parts, strict=True):
            renderer = plan.renderer(record.name, findings) if part.readable else None
            if renderer is not None:
                check_rendering(directory, record, renderer, shards[record.name], plan.sample, part)
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


def _check_splits(findings: Findings) -> None:
    """Train shares no line of text and no photograph with another split."""
    for split in sorted(set(findings.lines) - {"train"}):
        for noun, values in (("line", findings.lines), ("photograph", findings.photographs)):
            shared = values.get("train", set()) & values.get(split, set())
            if shared:
                findings.add(split, -1, f"{len(shared)} {noun}s are also in train: {shown(sorted(shared)[0])}")
