"""Writing whole files: under a temporary name first, so that no reader and no interruption sees a part of one."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from subsynth.core.errors import OutputError


def check_writable(path: Path) -> None:
    """Raise OutputError if a file cannot be written to `path`, before the work whose result it is to hold."""
    try:
        if path.is_dir():
            raise OutputError(f"--out {path}: is a folder; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file, replacing an older one when it is complete. Raises OutputError."""
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")
    try:
        if path.exists() and not path.is_file():  # such as /dev/stdout, which must not be replaced
            path.write_bytes(content)
            return
        target = path.resolve()  # a symbolic link remains one
        temporary = target.with_name(temporary.name)
        temporary.write_bytes(content)
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _unwritable(path: Path, error: Exception) -> OutputError:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "free some space and run the same command again" if full else "name an --out that can be written"
    return OutputError(f"{path}: {getattr(error, 'strerror', None) or error}; {cure}")
