"""Place: where a data set lies: a directory, or an address of an object store, with the same few verbs.

What is put or written is there whole or not at all, for every reader, however the writer ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Protocol

from subsynth.errors import OutputError
from subsynth.names import LOCK, PLAN, SCRATCH

FOLDER = -1  # the size of a folder in a listing
HERE = ("file", "local")  # protocols of this machine's own file system
# Stores whose objects appear when their upload is complete. Elsewhere a file is moved to its name when it is whole.
OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "r2"})


class Place(Protocol):
    """A data set's place. Paths are relative to it, with "/". Failures are OutputErrors that name the place."""

    name: str  # for people: no user, no password
    address: str  # for other processes

    def listing(self, folder: str = "") -> dict[str, int]:
        """What lies in a folder, name -> bytes (FOLDER for a folder); empty where there is no such folder."""
        ...

    def read(self, path: str) -> bytes | None:
        """What a file holds; None where there is none."""
        ...

    def read_all(self, paths: list[str]) -> list[bytes | None]:
        """What each of many small files holds."""
        ...

    def open(self, path: str) -> IO[bytes]:
        """A file to read parts of."""
        ...

    def digest(self, path: str) -> str | None:
        """SHA-256, hex, of a file; None where reading it again is no use, since it was put in one piece."""
        ...

    def put(self, file: Path, path: str) -> None:
        """Take over a local file out of `scratch`."""
        ...

    def write(self, path: str, text: str) -> None:
        """Write a small file."""
        ...

    def create(self, path: str, text: str) -> bool:
        """Write a small file unless there is one; whether it was written. Of two at once, one does."""
        ...

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, those that are there, and folders that become empty."""
        ...

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """A local folder to make files in that are then put."""
        ...

    def sweep(self) -> None:
        """Remove what writers that are gone left unfinished."""
        ...

    def lock(self, shared: bool) -> contextlib.AbstractContextManager[None]:
        """Hold the place, alone or together with others who share it, where places can be held."""
        ...


def at(address: str) -> Place:
    """The place of an address: a path, or any that fsspec knows, such as s3://bucket/sub_zh."""
    protocol, _, rest = address.rpartition("://")
    if not protocol or protocol in HERE:
        return Directory(rest if protocol else address)
    return _store(address)


class Directory:
    """A directory of a file system."""

    def __init__(self, path: str):
        self.name = path
        self.root = Path(path).absolute()
        self.address = str(self.root)

    def listing(self, folder: str = "") -> dict[str, int]:
        """As Place has it."""
        with self._telling():
            try:
                with os.scandir(self.root / folder) as found:
                    return {e.name: FOLDER if e.is_dir() else e.stat().st_size for e in found}
            except FileNotFoundError:
                return {}

    def read(self, path: str) -> bytes | None:
        """As Place has it."""
        with self._telling():
            try:
                return (self.root / path).read_bytes()
            except FileNotFoundError:
                return None

    def read_all(self, paths: list[str]) -> list[bytes | None]:
        """As Place has it."""
        return [self.read(path) for path in paths]

    def open(self, path: str) -> IO[bytes]:
        """As Place has it."""
        with self._telling():
            return (self.root / path).open("rb")

    def digest(self, path: str) -> str | None:
        """As Place has it."""
        with self._telling(), (self.root / path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def put(self, file: Path, path: str) -> None:
        """As Place has it."""
        with self._telling():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as whole:  # its content is on disk before its name is
                os.fsync(whole.fileno())
            file.replace(self.root / path)

    def write(self, path: str, text: str) -> None:
        """As Place has it."""
        self.put(self._written(path, text), path)

    def create(self, path: str, text: str) -> bool:
        """As Place has it."""
        whole = self._written(path, text)
        with self._telling():
            try:
                os.link(whole, self.root / path)
            except FileExistsError:
                return False
            except OSError:  # a file system without links: the last of two at once would win
                if (self.root / path).exists():
                    return False
                whole.replace(self.root / path)
            finally:
                whole.unlink(missing_ok=True)
        return True

    def remove(self, paths: Iterable[str]) -> None:
        """As Place has it."""
        folders = {self.root}
        with self._telling():
            for path in paths:
                (self.root / path).unlink(missing_ok=True)
                folders.add((self.root / path).parent)
        for folder in sorted(folders, reverse=True):  # the deepest first
            with contextlib.suppress(OSError):
                folder.rmdir()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """As Place has it: on the same file system, so that a file is put by a new name."""
        folder = self.root / SCRATCH
        with self._telling():
            folder.mkdir(parents=True, exist_ok=True)
        yield folder

    def sweep(self) -> None:
        """As Place has it: all but the lock, the plan, and the entries of finished shards."""
        kept = {Path(LOCK).name, Path(PLAN).name}
        with self._telling():
            for name in self.listing(SCRATCH):
                if name not in kept and not name.endswith(".json"):
                    (self.root / SCRATCH / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, shared: bool) -> Iterator[None]:
        """As Place has it. The lock goes with the process, however that ends."""
        try:
            import fcntl  # noqa: PLC0415 - only on POSIX; elsewhere the directory is not locked
        except ImportError:
            yield
            return
        with self.scratch(), self._telling():
            handle = (self.root / LOCK).open("w")
        with handle:
            try:
                fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutputError(
                    f"{self.name}: another render is writing there; wait for it or name another --out"
                ) from error
            except OSError:  # a file system without locks
                pass
            yield

    def _written(self, path: str, text: str) -> Path:
        """A temporary that holds a text, on disk."""
        with self.scratch() as folder, self._telling():
            temporary = folder / f"{Path(path).name}.{unique()}"
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        return temporary

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{error.filename or self.name}: {error.strerror or error}; name an --out that can be written and has "
                "room"
            ) from error


class Store:
    """A place that fsspec reaches. Settings and credentials are its own (environment, configuration files)."""

    def __init__(self, address: str):
        import fsspec  # noqa: PLC0415 - only for those who go there

        self.address = address
        self.name = _without_user(address.rstrip("/"))
        with self._telling():
            try:
                # Without its cache of listings: others write there too.
                self.fs, self.root = fsspec.core.url_to_fs(address, use_listings_cache=False)
            except ImportError as error:
                protocol = address.partition("://")[0]
                package = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
                raise OutputError(
                    f"--out {self.name}: {protocol}:// needs a package that is not installed; "
                    f"pip install {package.get(protocol, 'the one for ' + protocol)} ({error})"
                ) from error
        protocols = (self.fs.protocol,) if isinstance(self.fs.protocol, str) else self.fs.protocol
        self.whole = bool(OBJECTS & set(protocols))

    def listing(self, folder: str = "") -> dict[str, int]:
        """As Place has it."""
        path = self._path(folder)
        with self._telling():
            try:
                found = self.fs.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
        sizes = {}
        for entry in found:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if str(entry["name"]).strip("/") != path.strip("/"):  # some stores keep an empty object for a folder
                sizes[name] = FOLDER if entry["type"] == "directory" else int(entry["size"])
        return sizes

    def read(self, path: str) -> bytes | None:
        """As Place has it."""
        return self.read_all([path])[0]

    def read_all(self, paths: list[str]) -> list[bytes | None]:
        """As Place has it: many at once."""
        if not paths:
            return []
        full = [self._path(path) for path in paths]
        with self._telling():
            found = self.fs.cat(full, on_error="return")
            held: list[bytes | None] = []
            for content in (found[path] for path in full):
                if isinstance(content, BaseException) and not isinstance(content, FileNotFoundError):
                    raise content
                held.append(None if isinstance(content, BaseException) else content)
        return held

    def open(self, path: str) -> IO[bytes]:
        """As Place has it."""
        with self._telling():
            file: IO[bytes] = self.fs.open(self._path(path), "rb")
        return file

    def digest(self, path: str) -> str | None:
        """As Place has it: None."""
        return None

    def put(self, file: Path, path: str) -> None:
        """As Place has it."""
        with self._telling():
            self._makedirs(path)
            if self.whole:
                self.fs.put_file(str(file), self._path(path))
            else:
                part = f"{SCRATCH}/{Path(path).name}.{unique()}"
                self._makedirs(part)
                self.fs.put_file(str(file), self._path(part))
                self.fs.mv(self._path(part), self._path(path))
        file.unlink()

    def write(self, path: str, text: str) -> None:
        """As Place has it."""
        with self._telling():
            self._makedirs(path)
            self.fs.pipe_file(self._path(path), text.encode())

    def create(self, path: str, text: str) -> bool:
        """As Place has it; on S3 by a conditional put."""
        with self._telling():
            if self.fs.exists(self._path(path)):
                return False
            self._makedirs(path)
            try:
                self.fs.pipe_file(self._path(path), text.encode(), mode="create")
            except FileExistsError:
                return False
        return True

    def remove(self, paths: Iterable[str]) -> None:
        """As Place has it. Folders of a store are only names."""
        wanted = list(paths)
        folders = {path.rpartition("/")[0] for path in wanted}
        held = {f"{folder}/{name}".lstrip("/") for folder in folders for name in self.listing(folder)}
        gone = [self._path(path) for path in wanted if path in held]
        with self._telling():
            if gone:
                self.fs.rm(gone)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """As Place has it: in the temporary folder of this machine ($TMPDIR)."""
        with tempfile.TemporaryDirectory(prefix="subsynth-") as folder:
            yield Path(folder)

    def sweep(self) -> None:
        """As Place has it: what is unfinished is not there."""

    @contextlib.contextmanager
    def lock(self, shared: bool) -> Iterator[None]:
        """As Place has it: a store cannot be held. Two at once write the same bytes under the same names."""
        yield

    def _path(self, path: str) -> str:
        return f"{self.root}/{path}".rstrip("/")

    def _makedirs(self, path: str) -> None:
        """Folders, where they are more than names."""
        if not self.whole:
            self.fs.makedirs(self._path(path).rpartition("/")[0], exist_ok=True)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except Exception as error:  # a storage library raises errors of its own, of HTTP's and of sockets
            told = " ".join(str(error).split()).replace(self.address, self.name) or type(error).__name__
            raise OutputError(
                f"{self.name}: {type(error).__name__}: {told}; see that it is there and may be written, "
                "then run the same command again"
            ) from error


@lru_cache(maxsize=4)
def _store(address: str) -> Store:
    """One connection for many tasks."""
    return Store(address)


def unique() -> str:
    """A suffix that no other process of any machine uses."""
    return f"{platform.node()}-{os.getpid()}"


def _without_user(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)
