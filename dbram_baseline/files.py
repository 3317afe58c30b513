"""Files that users name: read only if they are regular files, written atomically, with errors of one line."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dbram_baseline.errors import BaselineError, reason

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}


def check_regular(path: Path) -> int:
    """The size of a regular file, bytes. Raises BaselineError otherwise: reading a device or FIFO may never end."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise BaselineError(f"{path}: {reason(error)}") from error
    if not stat.S_ISREG(status.st_mode):
        raise BaselineError(f"{path}: it is {_KINDS.get(stat.S_IFMT(status.st_mode), 'a device')}, not a file")
    return status.st_size


def read_file(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises BaselineError."""
    size = check_regular(path)
    if size > limit:
        raise BaselineError(f"{path}: {size:,} bytes, more than {limit:,}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BaselineError(f"{path}: {reason(error)}") from error


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Raise every OSError inside as a BaselineError about writing `path`."""
    try:
        yield
    except OSError as error:
        raise BaselineError(f"{path}: {reason(error)}; name an --out that can be written and has room") from error


def check_output(path: Path) -> None:
    """Raise BaselineError if a file cannot be written, before the work whose result it is to hold."""
    with output_errors(path):
        if path.is_dir():
            raise BaselineError(f"--out {path}: is a folder; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(None, "permission denied")


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically, and its folder if that does not exist. Raises BaselineError."""
    with output_errors(path):
        path = path.resolve()  # a symbolic link remains one
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # such as /dev/stdout, which must not be replaced
            path.write_bytes(content)
            return
        with temporary_file(path) as temporary:
            temporary.write_bytes(content)


@contextlib.contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; the file gets its name after its content has reached the disk.

    If what is inside fails, nothing remains of it, and `path` stays what it was.
    """
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
