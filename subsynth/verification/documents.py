"""Verification of the files besides the shards, and of the names and totals in the manifest."""

from __future__ import annotations

import hashlib
import os
import stat
from itertools import islice
from pathlib import Path

from subsynth.core.errors import OutputError
from subsynth.core.files import read_regular_file
from subsynth.core.terminal import one_line
from subsynth.format.manifest import Manifest, SplitTotals
from subsynth.format.shard_list import ShardList
from subsynth.report import card
from subsynth.storage import paths
from subsynth.verification.findings import MAX_REPORTED, Findings

_CARD_BYTES = 1 << 20


def check_documents(directory: Path, manifest: Manifest, findings: Findings) -> None:
    """All files besides the shards exist, and the card describes the data set of the manifest."""
    for name in paths.DOCUMENTS:
        problem = file_problem(directory / name)
        if problem and name not in (paths.SPEC, paths.MANIFEST):  # these are read, and reported, elsewhere
            findings.add(name, -1, problem)
    if file_problem(directory / paths.CARD):
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


def check_totals(manifest: Manifest, findings: Findings) -> None:
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


def check_names(directory: Path, manifest: Manifest, shards: ShardList | None, findings: Findings) -> None:
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


def file_problem(path: Path) -> str:
    """Why a path is not a file that can be read; "" if it is."""
    try:
        return "" if stat.S_ISREG(path.stat().st_mode) else "is not a regular file"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
