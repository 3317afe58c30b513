"""Verification of rows: all are planned again, and some are rendered again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from subsynth.core import rng
from subsynth.core.errors import SubsynthError
from subsynth.core.terminal import one_line
from subsynth.format import schema
from subsynth.format.manifest import ShardRecord
from subsynth.format.shard_list import Shard
from subsynth.format.stored_pairs import decode_pair
from subsynth.format.stored_rows import equals_plan, file_of, open_shard, read_batches, rows_of
from subsynth.planning.planner import plan_columns, plan_recipes
from subsynth.planning.recipe import Recipe
from subsynth.planning.stored_recipe import from_row
from subsynth.rendering.render import Pair, Renderer
from subsynth.spec.spec import Spec
from subsynth.storage import paths
from subsynth.verification.findings import MAX_REPORTED, READ_ERRORS, Findings

_NO_PIXELS = np.zeros(0, np.uint8)


def check_rendering(
    directory: Path, record: ShardRecord, renderer: Renderer, shard: Shard, sample: int, findings: Findings
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
    except READ_ERRORS as error:
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
            yield from zip(
                wanted, rows_of(table.take(pa.array((index - start for index in wanted), pa.int64()))), strict=True
            )
            start += len(table)


def _compare_row(
    renderer: Renderer, shard: Shard, index: int, row: Mapping[str, object], damaged: bool, findings: Findings
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
    names = schema.columns_of(planned.spec)
    images = [name for name in names if name in schema.IMAGES]
    stored = decode_pair({name: file_of(row, name) for name in images}, planned.spec)
    expected = planned.row() | {schema.MEASURED: pair.contrast}
    for name in names:
        if name in images:
            differs = not np.array_equal(stored.pixels.get(name, _NO_PIXELS), getattr(pair, name))
        elif schema.column_types()[name] == schema.BOXES:
            differs = row[name] != [list(box) for box in getattr(pair, name)]
        else:
            differs = row[name] != expected[name]
        if differs:
            yield name
