"""LocalStorage: a place in a file system, with the verbs of `place.Place`."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from subsynth.core.errors import OutputError
from subsynth.storage.paths import FOLDER, LOCK, PLAN, SCRATCH, unique


class LocalStorage:
    """A directory of a file system."""

    def __init__(self, path: str):
        self.name = path
        self.root = Path(path).absolute()
        self.address = str(self.root)

    def listing(self, folder: str = "") -> dict[str, int]:
        """As Storage has it."""
        with self._telling():
            try:
                with os.scandir(self.root / folder) as found:
                    return {e.name: FOLDER if e.is_dir() else e.stat().st_size for e in found}
            except FileNotFoundError:
                return {}

    def read(self, path: str) -> bytes | None:
        """As Storage has it."""
        with self._telling():
            try:
                return (self.root / path).read_bytes()
            except FileNotFoundError:
                return None

    def read_all(self, paths: list[str]) -> list[bytes | None]:
        """As Storage has it."""
        return [self.read(path) for path in paths]

    def open(self, path: str) -> IO[bytes]:
        """As Storage has it."""
        with self._telling():
            return (self.root / path).open("rb")

    def digest(self, path: str) -> str | None:
        """As Storage has it."""
        with self._telling(), (self.root / path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def put(self, file: Path, path: str) -> None:
        """As Storage has it."""
        with self._telling():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as whole:  # its content is on disk before its name is
                os.fsync(whole.fileno())
            file.replace(self.root / path)

    def write(self, path: str, text: str) -> None:
        """As Storage has it."""
        self.put(self._written(path, text), path)

    def create(self, path: str, text: str) -> bool:
        """As Storage has it."""
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
        """As Storage has it."""
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
        """As Storage has it: on the same file system, so that a file is put by a new name."""
        folder = self.root / SCRATCH
        with self._telling():
            folder.mkdir(parents=True, exist_ok=True)
        yield folder

    def sweep(self) -> None:
        """As Storage has it: all but the lock, the plan, and the entries of finished shards."""
        kept = {Path(LOCK).name, Path(PLAN).name}
        with self._telling():
            for name in self.listing(SCRATCH):
                if name not in kept and not name.endswith(".json"):
                    (self.root / SCRATCH / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, shared: bool) -> Iterator[None]:
        """As Storage has it. The lock goes with the process, however that ends."""
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
