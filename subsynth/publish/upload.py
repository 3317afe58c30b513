"""The upload of a data set in batches, and its one commit."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import huggingface_hub
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from subsynth.core.errors import HubError, OutputError
from subsynth.core.progress import Progress
from subsynth.publish.changes import Changes, File, compare, read_remote
from subsynth.storage.regular_files import open_regular

BATCH_BYTES = 100_000_000  # sent, and registered with the hub, at a time: at most this is lost with a killed process


class Upload:
    """Sends what is missing and commits it. It can be run again after a failure, and then resumes.

    `progress` counts bytes. `changes` is what the commit holds.
    """

    def __init__(self, api: HfApi, repo: str, title: str, progress: Progress, batch_bytes: int = BATCH_BYTES):
        self.changes = Changes(False, (), ())
        self._api, self._repo, self._title = api, repo, title
        self._progress, self._batch_bytes = progress, batch_bytes
        self._additions: dict[str, CommitOperationAdd] = {}  # kept, since each knows whether it is uploaded
        self._sent: set[str] = set()

    def run(self, files: list[File]) -> str:
        """The commit that holds the files. Raises HubError, and the errors of the hub's client."""
        remote = read_remote(self._api, self._repo)
        if remote is None:
            raise HubError(f"{self._repo}: was deleted while it was being published; publish it again")
        changes = compare(files, remote)
        if not changes:  # up to date; or an earlier commit succeeded, and only its answer was lost
            return remote.head
        if not self.changes:
            self._progress.start(changes.bytes)
        self.changes = changes
        self._send(file for file in changes.send if file.path not in self._sent)
        additions = [self._additions[file.path] for file in changes.send]
        deletions = [CommitOperationDelete(path) for path in changes.delete]
        commit = self._api.create_commit(
            self._repo,
            [*additions, *deletions],
            commit_message=self._title,
            repo_type="dataset",
            parent_commit=remote.head,
        )
        return str(commit.oid)

    def _send(self, files: Iterable[File]) -> None:
        for batch in _batches(files, self._batch_bytes):
            with _private_folder() as folder:
                additions = {file.path: _addition(file, folder / str(i)) for i, file in enumerate(batch)}
                self._api.preupload_lfs_files(
                    self._repo, list(additions.values()), repo_type="dataset", free_memory=False
                )
                for addition in additions.values():
                    _keep_content(addition)
            self._additions |= additions
            self._sent.update(additions)
            self._progress.advance(sum(file.size for file in batch))


@contextlib.contextmanager
def hide_client_bars() -> Iterator[None]:
    """Hide the progress bars of the hub's client: the caller shows its own."""
    hidden = huggingface_hub.utils.are_progress_bars_disabled()
    huggingface_hub.utils.disable_progress_bars()
    try:
        yield
    finally:
        if not hidden:
            huggingface_hub.utils.enable_progress_bars()


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder for copies of what is sent. Raises OutputError if it cannot be made or is full."""
    try:
        with tempfile.TemporaryDirectory(prefix="subsynth-") as folder:
            yield Path(folder)
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise  # a failure of the network
        raise OutputError(
            f"{error.filename or tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a folder with room for "
            f"{BATCH_BYTES / 1e6:.0f} MB"
        ) from error


def _addition(file: File, copy: Path) -> CommitOperationAdd:
    """What sends a file: from a private copy, so that what is sent is what was checked, whoever writes to the file."""
    if isinstance(file.content, bytes):
        addition = CommitOperationAdd(file.path, file.content)
    else:
        with open_regular(file.content, file.path) as source, copy.open("xb") as target:
            _copy(source, target, file.size + 1)
        addition = CommitOperationAdd(file.path, copy)
    if addition.upload_info.size != file.size or addition.upload_info.sha256.hex() != file.sha256:
        raise OutputError(f"{file.path}: changed while it was being published; leave it unchanged, and publish again")
    return addition


def _copy(source: IO[bytes], target: IO[bytes], limit: int) -> None:
    """Copy at most `limit` bytes: a file that grows while it is read comes to an end."""
    while limit > 0 and (content := source.read(min(limit, 1 << 20))):
        target.write(content)
        limit -= len(content)


def _keep_content(addition: CommitOperationAdd) -> None:
    """Keep what the commit itself will hold, small files, when the copy is removed."""
    if isinstance(addition.path_or_fileobj, str) and not addition._is_uploaded:
        addition.path_or_fileobj = Path(addition.path_or_fileobj).read_bytes()


def _batches(files: Iterable[File], batch_bytes: int) -> Iterator[list[File]]:
    """Files in batches of at most `batch_bytes`, or of one larger file."""
    batch: list[File] = []
    for file in files:
        if batch and sum(other.size for other in batch) + file.size > batch_bytes:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch
