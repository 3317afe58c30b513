"""Writing whole files: under a temporary name first, so that no reader and no interruption sees a part of one."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from subsynth.core.errors import OutputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_writable(path: Path) -> None:
    """Raise OutputError if a file cannot be written to `path`, before the work whose result it is to hold.

    Nothing is created: the folders of the path may be missing.
    """
    try:
        if path.is_dir():
            raise OutputError(f"--out {path}: is a folder; name a file")
        existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
        if existing.is_file() and existing != path:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(existing, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def check_is_not(path: Path, source: Path) -> None:
    """Raise OutputError if writing `path` would replace the source."""
    with contextlib.suppress(OSError):
        if path.samefile(source):
            raise OutputError(f"--out {path}: is the source itself; name another file")


def write_file(path: Path, content: bytes) -> None:
    """Write a file and the folders it lies in, replacing an older file when the new one is complete.

    Raises OutputError.
    """
    temporary: Path | None = None
    try:
        if path.exists() and not path.is_file():  # such as /dev/stdout, which must not be replaced
            path.write_bytes(content)
            return
        target = path.resolve()  # a symbolic link remains one
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".subsynth-{os.getpid()}.tmp")
        temporary.write_bytes(content)
        temporary.replace(target)
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `path` when everything is written; nothing remains if that fails.

    `path` must not exist, or be an empty folder.
    """
    target = path.resolve()
    temporary = target.with_name(f".subsynth-{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _unwritable(path: Path, error: Exception) -> OutputError:
    full = isinstance(error, OSError) and error.errno in _FULL
    cure = "free some space and run the same command again" if full else "name an --out that can be written"
    return OutputError(f"{path}: {getattr(error, 'strerror', None) or error}; {cure}")
