"""Files below a directory that somebody else may have written: opened by descriptor, never through a link.

A link, or a folder that is one, could lead to a file that its reader may read and did not mean. A hard link cannot be
told from the file, but the file then has several names. In a finished data set every file has one: `LocalStorage`
links spec.yaml only for the moment in which it is first written.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

from subsynth.core.errors import OutputError
from subsynth.core.files import KINDS

_CURE = "publish the directory as subsynth wrote it"
_COPY = "if its content is meant to be published, copy the directory (cp -r) and publish the copy"


def open_regular(directory: Path, path: str) -> IO[bytes]:
    """Open a regular file at `path` (with "/") below a directory; no component of `path` may be a symbolic link.

    Raises OutputError, also for what is no regular file, and for one with several names (hard links). What is opened
    is what was checked: nobody can swap it.
    """
    *folders, name = path.split("/")
    place = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))  # the user named it: links are followed
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inner
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    except OSError as error:
        raise OutputError(f"{directory / path}: {_reason(error)}; {_CURE}") from error
    finally:
        os.close(place)
    file = os.fdopen(handle, "rb")
    problem = _problem(os.fstat(handle))
    if problem:
        file.close()
        raise OutputError(f"{directory / path}: {problem}")
    return file


def read_regular(directory: Path, path: str, limit: int) -> bytes:
    """The content of such a file of at most `limit` bytes. Raises OutputError."""
    with open_regular(directory, path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OutputError(f"{directory / path}: more than {limit:,} bytes; {_CURE}")
    return content


def _problem(status: os.stat_result) -> str:
    """Why an open file is not read, and the cure; "" if it is."""
    if not stat.S_ISREG(status.st_mode):
        return f"it is {KINDS.get(stat.S_IFMT(status.st_mode), 'no regular file')}; {_CURE}"
    if status.st_nlink > 1:  # 0 is a file that was removed since it was opened
        return f"it has {status.st_nlink} names (hard links), one of which may be a private file's; {_COPY}"
    return ""


def _reason(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
        return "it is, or lies behind, a symbolic link"
    return "is missing" if isinstance(error, FileNotFoundError) else str(error.strerror)
