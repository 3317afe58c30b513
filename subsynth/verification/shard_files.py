"""Verification of a shard by reading its file."""

from __future__ import annotations

from pathlib import Path

from subsynth.assets.corpus import letters_and_digits
from subsynth.core.documents import shown
from subsynth.core.terminal import one_line
from subsynth.format.content_digest import ContentDigest
from subsynth.format.manifest import ShardRecord
from subsynth.format.shard_list import Shard
from subsynth.format.shards import file_digest
from subsynth.format.stored_pairs import decode_pair, find_problems
from subsynth.format.stored_rows import (
    UnusableShardError,
    find_value_problems,
    image_files,
    open_shard,
    read_batches,
    rows_of,
)
from subsynth.spec.spec import Spec
from subsynth.storage import paths
from subsynth.verification.documents import file_problem
from subsynth.verification.findings import READ_ERRORS, Findings


def check_file(directory: Path, record: ShardRecord, shard: Shard, spec: Spec | None) -> Findings:
    """Everything that can be checked of a shard by reading it."""
    path, findings = directory / paths.DATA / record.name, Findings(shards=1)
    problem = file_problem(path)
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
    except READ_ERRORS as error:
        findings.add(record.name, -1, f"cannot be read as parquet ({one_line(str(error), 200)})")
    return findings


def _check_rows(path: Path, record: ShardRecord, shard: Shard, spec: Spec | None, findings: Findings) -> str:
    """Check every row of a file; its content digest, or "" if it has values that cannot be digested."""
    row, digestible = 0, True
    lines = findings.lines.setdefault(record.split, set())
    photographs = findings.photographs.setdefault(record.split, set())
    with open_shard(path, spec) as file:
        content = ContentDigest(tuple(file.schema_arrow.names))
        if file.metadata.num_rows != record.rows:
            findings.add(path.name, -1, f"has {file.metadata.num_rows} rows, not {record.rows}")
        for table in read_batches(file):
            problems = list(find_value_problems(table))
            for number, problem in problems:
                findings.add(path.name, row + number, problem)
            digestible = digestible and not problems
            selected = [name for name in ("index", "text", "background", "clipped") if name in table.column_names]
            columns = rows_of(table.select(selected))
            for files, values in zip(image_files(table), columns, strict=True):
                pair = decode_pair(files, spec)
                for problem in find_problems(pair, str(values["text"] or ""), bool(values.get("clipped"))):
                    findings.add(path.name, row, problem)
                if values["index"] != shard.start + row:
                    problem = f"its index is {shown(values['index'])}, not {shard.start + row}"
                    findings.add(path.name, row, f"{problem}: a row is duplicated or out of order")
                if pair.pixels:
                    content.add_pixels(*pair.pixels.values())
                row += 1
            if digestible:
                content.add_columns(table)
            texts = (line for values in columns for line in str(values["text"]).split("\n"))
            lines.update(letters_and_digits(line) for line in texts if line)
            names = {str(values["background"]) for values in columns}
            photographs.update(name for name in names if not name.startswith("procedural/"))
            findings.rows += len(table)
    return content.hexdigest() if digestible else ""
