"""Storage of data sets: one protocol for directories and for addresses of object stores.

Files are written atomically: every reader sees a file complete or not at all, however its writer ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Protocol

READ_LIMIT = 1 << 20  # bytes of a small file: a spec, a plan, a record


class Storage(Protocol):
    """Where one data set is stored. Paths are relative to its root, separated by "/".

    Every method raises OutputError, with the name of the storage, if it cannot be reached, read or written.
    """

    name: str  # for messages: without user name and password
    address: str  # for other processes: `open_storage(address)` opens the same storage

    def list_folder(self, folder: str = "") -> dict[str, int]:
        """The entries of a folder as name -> size in bytes, FOLDER for a folder; empty if the folder does not exist."""
        ...

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        """The content of a file of at most `limit` bytes, or None if it does not exist.

        Raises OutputError for a larger file, and for what is no regular file.
        """
        ...

    def read_many(self, paths: list[str]) -> list[bytes | None]:
        """The contents of many small files, in the order of `paths`; an object store reads them concurrently.

        Their sizes are known from `list_folder`.
        """
        ...

    def open(self, path: str) -> IO[bytes]:
        """A seekable file object, for reading parts of a large file. Raises OutputError if it does not exist."""
        ...

    def digest(self, path: str) -> str | None:
        """SHA-256 (hex) of a file, or None where a file cannot be damaged after it was written, as in object stores."""
        ...

    def put_file(self, file: Path, path: str) -> None:
        """Move a local file, written into `scratch()`, to `path`: atomically, replacing a file of that name."""
        ...

    def write_text(self, path: str, text: str) -> None:
        """Write a small file in UTF-8: atomically, replacing a file of that name."""
        ...

    def create_exclusive(self, path: str, text: str) -> bool:
        """Write a small file unless it exists already; whether it was written. Of concurrent calls, one succeeds."""
        ...

    def remove(self, paths: Iterable[str]) -> None:
        """Remove those of the files that exist, and folders that become empty."""
        ...

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """A local folder for temporary files that `put_file` then moves to their names."""
        ...

    def remove_unfinished(self) -> None:
        """Remove temporary files of writers that no longer run. Call it only while holding an exclusive lock."""
        ...

    def lock(self, shared: bool) -> contextlib.AbstractContextManager[None]:
        """Lock the storage, exclusively or together with other shared locks. Object stores cannot be locked.

        Raises OutputError at once if another process holds a conflicting lock. The lock ends with the process.
        """
        ...
