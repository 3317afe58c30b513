"""The cache folder, where prepared assets are kept between runs: entries are complete, checked, and built atomically.

An entry is a folder of files with an index, written last, that holds the size and the SHA-256 of each file. When a
process opens an entry, it compares the size, inode and timestamps of each file with those at the last full check. If
they differ, or that check is older than a day, every file is hashed again. A write to a file is therefore noticed at
once, and corruption on the disk, which changes no timestamp, within a day. A damaged entry is reported, removed and
built again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from subsynth.core.errors import OutputError

T = TypeVar("T")

INDEX, CHECKED = "index.json", "checked.json"
MAX_AGE = 24 * 3600.0  # seconds; a full check that is older is repeated
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # lack of file handles or memory, not damage
_BUILDING = ".building-"
_checked_here: set[Path] = set()  # entries that this process has checked
_always_hash = False

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """The cache folder: $SUBSYNTH_CACHE, else $XDG_CACHE_HOME/subsynth, else ~/.cache/subsynth.

    Raises OutputError if there is no home folder.
    """
    own = os.environ.get("SUBSYNTH_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(shared) if shared else Path.home() / ".cache") / "subsynth"
    except RuntimeError as error:
        raise OutputError(
            "cache: there is no home folder; set SUBSYNTH_CACHE to a folder that can be written"
        ) from error


def has_entry(name: str) -> bool:
    """Whether the cache has this entry, complete and undamaged. A damaged entry is removed."""
    entry = cache_folder() / name
    if entry in _checked_here:
        return True
    if not entry.is_dir():
        return False
    damage = _damage(entry)
    if damage:
        log.warning("cache %s is damaged (%s); it is removed, and built again when needed", entry, damage)
        discard(name)
        return False
    return True


def build_once(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` in the cache. If it does not exist, `build` fills a temporary folder, which is then renamed.

    Two processes may build at once: the first rename wins, and the other copy is discarded.
    Raises OutputError if the cache cannot be written.
    """
    entry = cache_folder() / name
    if has_entry(name):
        return entry
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        _sweep(entry.parent)
        scratch = Path(tempfile.mkdtemp(prefix=f"{_BUILDING}{platform.node()}-{os.getpid()}-", dir=entry.parent))
    except OSError as error:
        raise OutputError(
            f"cache {entry.parent}: {error.strerror}; set SUBSYNTH_CACHE to a folder that can be written"
        ) from error
    try:
        build(scratch)
        _complete(scratch)
        try:
            scratch.rename(entry)
        except OSError:
            if not entry.is_dir():
                raise
        _sync_folder(entry.parent)
    except OSError as error:
        raise OutputError(f"cache {entry}: {error.strerror or error}; free some space or set SUBSYNTH_CACHE") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    mark_checked(entry)
    return entry


def read_entry(name: str, build: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """The result of `read` for an entry, which is built if it is missing and rebuilt once if it cannot be read.

    An entry that is deleted or damaged between its check and its use therefore does no harm.
    """
    try:
        return read(build_once(name, build))
    except (OSError, ValueError, KeyError, EOFError) as error:
        if getattr(error, "errno", None) in _SCARCE:
            raise
        log.warning("cache %s cannot be read (%s); it is built again", cache_folder() / name, _reason(error))
        discard(name)
    return read(build_once(name, build))


def discard(name: str) -> None:
    """Remove an entry. Raises OutputError if it cannot be removed."""
    entry = cache_folder() / name
    _checked_here.discard(entry)
    trash = entry.with_name(f"{_BUILDING}{platform.node()}-{os.getpid()}-{entry.name}")
    try:
        entry.rename(trash)  # atomic: no process sees half an entry
        shutil.rmtree(trash, ignore_errors=True)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(
            f"cache {entry}: damaged, and cannot be removed ({error.strerror}); set SUBSYNTH_CACHE to another folder"
        ) from error


@contextlib.contextmanager
def checking_again() -> Iterator[None]:
    """Within this context, entries are checked again, as in a new process."""
    _checked_here.clear()
    yield


@contextlib.contextmanager
def checking_fully() -> Iterator[None]:
    """Within this context, every entry is hashed in full when it is opened, regardless of earlier checks."""
    global _always_hash  # noqa: PLW0603 - a mode of the process, for every entry that it opens
    before, _always_hash = _always_hash, True
    _checked_here.clear()
    try:
        yield
    finally:
        _always_hash = before


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Hold the cache's lock, if the file system supports locks, so that processes on one machine do not repeat work."""
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


def _complete(folder: Path) -> None:
    """Write the index of a filled folder, and flush everything to the disk."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    index = {str(path.relative_to(folder)): [path.stat().st_size, _sha256(path)] for path in files}
    for path in files:
        _sync(path)
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")
    _sync(folder / INDEX)
    _sync_folder(folder)


def _damage(entry: Path) -> str:
    """A description of the damage to an entry; "" if it is intact."""
    try:
        index = json.loads((entry / INDEX).read_text(encoding="utf-8"))
        for name, (size, _) in index.items():
            if (entry / name).stat().st_size != size:
                return f"{name} has {(entry / name).stat().st_size} bytes, not {size}"
        if not _always_hash and _was_checked(entry):
            _checked_here.add(entry)
            return ""
        for name, (_, digest) in index.items():
            if _sha256(entry / name) != digest:
                return f"{name} has changed"
    except (OSError, ValueError, TypeError, AttributeError) as error:
        if getattr(error, "errno", None) in _SCARCE:
            raise
        return _reason(error)
    mark_checked(entry)
    return ""


def mark_checked(entry: Path) -> None:
    """Record that every file of an entry currently matches its index."""
    _checked_here.add(entry)
    with contextlib.suppress(OSError, ValueError):  # if the cache is read-only, every process hashes it
        checked = {"time": time.time(), "files": _signature(entry)}
        (entry / CHECKED).write_text(json.dumps(checked), encoding="utf-8")


def _signature(entry: Path) -> list[list[object]]:
    """The inode and timestamps of each file, which change when it is written to or replaced."""
    index = json.loads((entry / INDEX).read_text(encoding="utf-8"))
    status = {name: (entry / name).stat() for name in index}
    return [[name, s.st_ino, s.st_mtime_ns, s.st_ctime_ns] for name, s in status.items()]


def _was_checked(entry: Path) -> bool:
    """Whether the files are unchanged since the last full check, and that check is recent enough."""
    try:
        checked = json.loads((entry / CHECKED).read_text(encoding="utf-8"))
        return bool(checked["files"] == _signature(entry) and 0 <= time.time() - checked["time"] < MAX_AGE)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _sweep(folder: Path) -> None:
    """Remove unfinished folders that dead processes of this machine have left."""
    prefix = f"{_BUILDING}{platform.node()}-"
    for path in folder.glob(f"{prefix}*"):
        pid = path.name.removeprefix(prefix).partition("-")[0]
        if pid.isdigit() and int(pid) != os.getpid() and not _runs(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not on every system
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _reason(error: BaseException) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(reason).split())[:120]
