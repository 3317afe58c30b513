"""The cache folder, where prepared assets are kept between runs; entries are created atomically."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from subsynth.core.errors import OutputError


def cache_folder() -> Path:
    """The cache folder: $SUBSYNTH_CACHE, else $XDG_CACHE_HOME/subsynth, else ~/.cache/subsynth."""
    own = os.environ.get("SUBSYNTH_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "subsynth"


def build_once(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` in the cache; if it does not exist, `build` fills a temporary folder that is then renamed.

    Two processes may build at once: the first rename wins, and the other copy is discarded.
    Raises OutputError where the cache cannot be written.
    """
    entry = cache_folder() / name
    if entry.is_dir():
        return entry
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=entry.parent))
    except OSError as error:
        raise OutputError(
            f"cache {entry.parent}: {error.strerror}; set SUBSYNTH_CACHE to a folder that can be written"
        ) from error
    try:
        build(scratch)
        try:
            scratch.rename(entry)
        except OSError:
            if not entry.is_dir():
                raise
    except OSError as error:
        raise OutputError(f"cache {entry}: {error.strerror or error}; free some space or set SUBSYNTH_CACHE") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return entry


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Hold the cache's lock, where the file system has locks, so that processes of one machine do not repeat work."""
    try:
        import fcntl  # noqa: PLC0415 - only on POSIX
    except ImportError:
        yield
        return
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        handle = (cache_folder() / ".lock").open("w")
    except OSError as error:
        raise OutputError(
            f"cache {cache_folder()}: {error.strerror}; set SUBSYNTH_CACHE to a folder that can be written"
        ) from error
    with handle:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
