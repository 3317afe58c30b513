"""Binarizing picture files: one, or all of a folder, each into a file of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from subsynth.assets.pictures import suffixes
from subsynth.binarization.binarizer import Binarizer
from subsynth.binarization.files import check_is_not, write_file
from subsynth.binarization.outputs import BOXES, PICTURES, boxes_line, encode_png
from subsynth.binarization.pictures import read_picture
from subsynth.core.errors import MaterialError, OutputError
from subsynth.core.processors import available_cores
from subsynth.core.progress import Progress
from subsynth.core.terminal import printable

AHEAD = 4  # pictures per thread that are read before they are needed


@dataclass(frozen=True)
class Job:
    """A picture file and the file to write. For boxes, `target` is the file with the lines of all pictures."""

    source: Path
    target: Path


@dataclass(frozen=True)
class LeftOut:
    """What was left out: messages about pictures that cannot be read, and the number of watermarks in the others."""

    broken: list[str]
    watermarks: int


class _Made(NamedTuple):
    """The content of a file, and the number of watermarks that it leaves out."""

    content: bytes
    watermarks: int


def plan_picture(source: Path, out: Path | None, output: str) -> list[Job]:
    """The job of a single picture. Raises OutputError if `out` has another ending than is written."""
    suffix = ".jsonl" if output == BOXES else ".png"
    target = out or source.with_name(f"{source.stem}-{'boxes' if output == BOXES else 'bw'}{suffix}")
    if target.suffix.lower() != suffix and (not target.exists() or target.is_file()):
        raise OutputError(f"--out {target}: a picture's {output} is written as {suffix}; name a {suffix} file")
    check_is_not(target, source)
    return [Job(source, target)]


def plan_folder(source: Path, out: Path | None, output: str) -> tuple[list[Job], int]:
    """The jobs of a folder in the order of names, and the number of its other files and folders.

    Raises MaterialError if there are no pictures, OutputError if two would be written to the same file.
    """
    try:
        entries = sorted(p for p in source.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise MaterialError(f"folder {source}: {error.strerror or error}; name a folder that can be read") from error
    pictures = [p for p in entries if p.suffix.lower() in suffixes() and not p.is_dir()]
    if not pictures:
        raise MaterialError(f"folder {source}: it has no pictures; name a folder with .png or .jpg files, for example")
    resolved = source.resolve()
    out = out or resolved.with_name(f"{resolved.name}-bw")
    if out.resolve() == source.resolve():
        raise OutputError(f"--out {out}: is the folder of the pictures; name another one")
    if out.exists() and not out.is_dir():
        raise OutputError(f"--out {out}: is not a folder; name one")
    if output == BOXES:
        jobs = [Job(p, out / "boxes.jsonl") for p in pictures]
    else:
        jobs = [Job(p, out / f"{p.stem}.png") for p in pictures]
        by_target: dict[str, Path] = {}
        for job in jobs:
            other = by_target.setdefault(job.target.name.lower(), job.source)
            if other is not job.source:
                raise OutputError(
                    f"{other} and {job.source} would both be written to {job.target.name}; rename one of them"
                )
    for job in jobs:
        check_is_not(job.target, job.source)
    return jobs, len(entries) - len(pictures)


def run_jobs(jobs: Sequence[Job], output: str, binarizer: Binarizer, progress: Progress) -> LeftOut:
    """Do the jobs; what was left out."""
    broken: list[str] = []
    lines: list[str] = []
    watermarks = 0
    progress.start(len(jobs))
    for job, made in _in_order(jobs, output, binarizer):
        if isinstance(made, MaterialError):
            broken.append(str(made))
        else:
            watermarks += made.watermarks
            if output == BOXES:
                lines.append(made.content.decode())
            else:
                write_file(job.target, made.content)
        progress.advance(1)
    if lines:
        write_file(jobs[0].target, "".join(lines).encode())
    return LeftOut(broken, watermarks)


def _in_order(jobs: Sequence[Job], output: str, binarizer: Binarizer) -> Iterator[tuple[Job, _Made | MaterialError]]:
    """The jobs with what is written for them, made by as many threads as there are cores."""
    threads = min(available_cores(), len(jobs))
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[tuple[Job, Future[_Made | MaterialError]]] = deque()
        try:
            for job in jobs:
                pending.append((job, pool.submit(_binarize, job.source, output, binarizer)))
                if len(pending) >= AHEAD * threads:
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _binarize(source: Path, output: str, binarizer: Binarizer) -> _Made | MaterialError:
    try:
        picture = read_picture(source)
    except MaterialError as error:
        return error
    result = binarizer.binarize(picture)
    if output == BOXES:
        content = boxes_line(result.lines, file=printable(source.name)).encode()
    else:
        content = encode_png(PICTURES[output](picture, result))
    return _Made(content, len(result.watermarks))
