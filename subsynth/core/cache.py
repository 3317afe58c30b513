"""Where prepared material is kept between runs, and how it gets there whole or not at all."""

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
    """The folder `name` in the cache; if it is not there, `build` fills a temporary one that is renamed.

    Two processes may build at once: the first rename wins, and the other copy is thrown away.
    Raises OutputError where the cache cannot be written.
    """
    place = cache_folder() / name
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=place.parent))
    except OSError as error:
        raise OutputError(
            f"cache {place.parent}: {error.strerror}; set SUBSYNTH_CACHE to a folder that can be written"
        ) from error
    try:
        build(scratch)
        try:
            scratch.rename(place)
        except OSError:
            if not place.is_dir():
                raise
    except OSError as error:
        raise OutputError(f"cache {place}: {error.strerror or error}; free some space or set SUBSYNTH_CACHE") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """One process of this machine after the other, where locks are to be had: so that work is not done twice."""
    try:
        import fcntl  # noqa: PLC0415 - only on POSIX
    except ImportError:
        yield
        return
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        handle = (cache_folder() / ".turn").open("w")
    except OSError as error:
        raise OutputError(
            f"cache {cache_folder()}: {error.strerror}; set SUBSYNTH_CACHE to a folder that can be written"
        ) from error
    with handle:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
