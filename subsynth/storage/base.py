"""Storage: where a data set lies: a directory, or an address of an object store, with the same few verbs.

What is put or written is there whole or not at all, for every reader, however the writer ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Protocol


class Storage(Protocol):
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
