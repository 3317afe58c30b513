"""Files that users name: read only if they are regular files of a bounded size."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from subsynth.core.errors import SubsynthError

KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip


def read_regular_file(path: str | Path, what: str, cure: str, limit: int, error: type[SubsynthError]) -> bytes:
    """The content of a regular file of at most `limit` bytes; symbolic links are followed.

    Anything else raises `error`, with a message that starts with `what` ("corpus", "font") and ends with `cure`.
    """
    with open_regular_file(path, what, cure, error) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise error(f"{what} {path}: {size:,} bytes, more than {limit:,}; {cure}")
        return file.read(limit + 1)


@contextmanager
def open_regular_file(
    path: str | Path, what: str, cure: str, error: type[SubsynthError]
) -> Iterator[io.BufferedReader]:
    """Open a regular file for reading in binary mode; symbolic links are followed.

    Devices, FIFOs and sockets are rejected before anything is read, because reading them might never end. Files of
    another kind, and errors of reading, raise `error` as in `read_regular_file`.
    """
    try:
        # Not blocking: opening a FIFO would otherwise wait for a writer.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                kind = KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
                raise error(f"{what} {path}: it is {kind}; {cure}")
            yield file
    except (OSError, ValueError) as reason:  # ValueError: a NUL in the path
        raise error(f"{what} {path}: {getattr(reason, 'strerror', None) or reason}; {cure}") from reason
