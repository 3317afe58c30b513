"""Storage in a directory of a file system."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from subsynth.core.errors import OutputError
from subsynth.core.files import read_regular_file
from subsynth.storage.base import READ_LIMIT
from subsynth.storage.paths import FOLDER, LOCK, PLAN, SCRATCH, unique_suffix


class LocalStorage:
    """A directory. Temporary files are written in it, so that moving one to its name is one atomic rename."""

    def __init__(self, path: str):
        self.name = path
        self.root = Path(path).absolute()
        self.address = str(self.root)

    def list_folder(self, folder: str = "") -> dict[str, int]:
        with self._output_errors():
            try:
                with os.scandir(self.root / folder) as entries:
                    return {entry.name: _size(entry) for entry in entries}
            except FileNotFoundError:
                return {}

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        with self._output_errors():
            if not (self.root / path).exists():
                return None
        return read_regular_file(self.root / path, "file", "name another --out", limit, OutputError)

    def read_many(self, paths: list[str]) -> list[bytes | None]:
        return [self.read(path) for path in paths]

    def open(self, path: str) -> IO[bytes]:
        with self._output_errors():
            return (self.root / path).open("rb")

    def digest(self, path: str) -> str | None:
        with self._output_errors(), (self.root / path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def put_file(self, file: Path, path: str) -> None:
        with self._output_errors():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as content:  # the content must be on disk before the name is
                os.fsync(content.fileno())
            file.replace(self.root / path)

    def write_text(self, path: str, text: str) -> None:
        self.put_file(self._write_temporary(path, text), path)

    def create_exclusive(self, path: str, text: str) -> bool:
        temporary = self._write_temporary(path, text)
        with self._output_errors():
            try:
                os.link(temporary, self.root / path)
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links: of two concurrent calls both may succeed here
                if (self.root / path).exists():
                    return False
                temporary.replace(self.root / path)
            finally:
                temporary.unlink(missing_ok=True)
        return True

    def remove(self, paths: Iterable[str]) -> None:
        folders = {self.root}
        with self._output_errors():
            for path in paths:
                (self.root / path).unlink(missing_ok=True)
                folders.add((self.root / path).parent)
        for folder in sorted(folders, reverse=True):  # the deepest first
            with contextlib.suppress(OSError):
                folder.rmdir()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        folder = self.root / SCRATCH
        with self._output_errors():
            folder.mkdir(parents=True, exist_ok=True)
        yield folder

    def remove_unfinished(self) -> None:
        permanent = {Path(LOCK).name, Path(PLAN).name}
        with self._output_errors():
            for name in self.list_folder(SCRATCH):
                if name not in permanent and not name.endswith(".json"):  # JSON: the records of finished shards
                    (self.root / SCRATCH / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, shared: bool) -> Iterator[None]:
        try:
            import fcntl  # noqa: PLC0415 - exists on POSIX only; elsewhere the directory is not locked
        except ImportError:
            yield
            return
        with self.scratch(), self._output_errors():
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

    def _write_temporary(self, path: str, text: str) -> Path:
        """A temporary file that holds a text, synchronised to disk."""
        with self.scratch() as folder, self._output_errors():
            temporary = folder / f"{Path(path).name}.{unique_suffix()}"
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        return temporary

    @contextlib.contextmanager
    def _output_errors(self) -> Iterator[None]:
        """Raise every OSError as an OutputError."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{error.filename or self.name}: {error.strerror or error}; name an --out that can be written and has "
                "room"
            ) from error


def _size(entry: os.DirEntry[str]) -> int:
    """The size of an entry, FOLDER for a folder; a link that leads nowhere has its own size."""
    if entry.is_dir():
        return FOLDER
    try:
        return entry.stat().st_size
    except OSError:
        return entry.stat(follow_symlinks=False).st_size
