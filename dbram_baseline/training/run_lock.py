"""The lock of a run's folder: two trainings in one folder would mix their logs and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from dbram_baseline.errors import BaselineError
from dbram_baseline.files import output_errors

LOCK = ".lock"  # in the folder of the run


class RunLock:
    """Held from `acquire` until `close`, or until the process ends, however it does."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Lock the folder, which is created, if this object does not hold it yet. Raises BaselineError."""
        if self._file is not None:
            return
        with output_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / LOCK).open("a")
        try:
            import fcntl  # noqa: PLC0415 - exists on POSIX only; elsewhere the folder is not locked

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise BaselineError(
                f"{self.folder}: another training is writing there; wait for it, or name another --out"
            ) from error
        except (ImportError, OSError):  # a file system without locks
            pass
        self._file = file

    def close(self) -> None:
        """Give up the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None
