"""Hub: a rendered directory published as a data set of the Hugging Face hub, in one commit, and then looked at.

Everything here may be done twice: what is there already is not sent, committed or tagged again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

from subsynth import verify
from subsynth.core.errors import HubError, OutputError
from subsynth.publish import retry
from subsynth.report import card
from subsynth.storage import paths

BATCH = 100_000_000  # bytes sent, and registered with the hub, at a time: what is lost if the process is killed
Tell = Callable[[str], None]
Tick = Callable[[int], None]


@dataclass(frozen=True)
class File:
    """A file to publish. `content` is where it lies, or what is in it."""

    path: str  # in the repository
    content: Path | bytes
    size: int
    sha256: str

    def is_(self, entry: Any) -> bool:
        """Whether an entry of the remote tree is this file: by SHA-256 if large there, else by git's SHA-1."""
        if entry is None or entry.size != self.size:
            return False
        if entry.lfs is not None:
            return bool(entry.lfs.sha256 == self.sha256)
        content = self.content if isinstance(self.content, bytes) else self.content.read_bytes()
        return bool(entry.blob_id == hashlib.sha1(b"blob %d\0" % self.size + content).hexdigest())


@dataclass(frozen=True)
class Remote:
    """What the hub holds: the newest commit, its files by path, and the tags with the commits that they name."""

    head: str
    private: bool
    files: dict[str, Any]
    tags: dict[str, str]


@dataclass(frozen=True)
class Changes:
    """What a commit would hold; `new` is whether the repository would be created."""

    new: bool
    send: list[File]
    delete: list[str]

    def __bool__(self) -> bool:
        return bool(self.send or self.delete)

    @property
    def bytes(self) -> int:
        """Bytes to send at most: the hub's client leaves out what was sent before."""
        return sum(f.size for f in self.send)


@dataclass(frozen=True)
class Published:
    """What `publish` did: the commit that holds the set, and what was in it, if it was made now."""

    commit: str
    changes: Changes


def changes(directory: Path, repo: str, private: bool, tag: str | None, tell: Tell, verified: Tick) -> Changes:
    """What `publish` would do; asks the hub and changes nothing. Raises as `publish` does."""
    _named(repo, tag)
    files, api = _files(directory, repo, verified), HfApi()
    try:
        remote = _remote(api, repo)
    except retry.FAILURES as error:
        retry.refused(repo, error)
        tell(f"{retry.reason(error)}; what lies there already is unknown")
        remote = None
    _fits(api, repo, remote, private, tag, files)
    return _changes(files, remote)


def publish(
    directory: Path,
    repo: str,
    private: bool = False,
    tag: str | None = None,
    tell: Tell = lambda _line: None,
    verified: Tick = lambda _rows: None,
    begin: Tick = lambda _bytes: None,
    tick: Tick = lambda _bytes: None,
) -> Published:
    """Publish a rendered directory as the data set `repo`, "namespace/name", creating or updating it.

    One commit holds all that differs, and takes away what in data/ is no longer part of the set; `tag` then
    names it. Endpoint and token are those of the hub's client (HF_ENDPOINT, HF_TOKEN, `hf auth login`).
    `verified` is told of rows checked before, `begin` and `tick` of bytes to send and sent, `tell` of failures
    that pass. Raises OutputError if the directory does not verify, and HubError.
    """
    _named(repo, tag)
    api = HfApi()
    _known(api, repo)
    files = _files(directory, repo, verified)
    remote = retry.persist(repo, lambda: _remote(api, repo), tell)
    tagged = retry.persist(repo, lambda: _fits(api, repo, remote, private, tag, files), tell)
    if remote is None:
        retry.persist(repo, lambda: api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True), tell)
    title = f"subsynth {json.loads((directory / paths.MANIFEST).read_text(encoding='utf-8'))['subsynth']}"
    upload = _Upload(api, repo, title, begin, tick)
    with _quietly():  # one bar, by bytes, is the caller's
        commit = retry.persist(repo, lambda: upload(files), tell)
    remote = retry.persist(repo, lambda: _remote(api, repo, commit), tell)
    left = _changes(files, remote)
    if left:
        differ = [f.path for f in left.send] + left.delete
        raise HubError(
            f"{repo}: the hub holds other files than were sent ({', '.join(differ[:3])}); publish once more, "
            "and if that changes nothing, see whether a .gitignore there leaves them out"
        )
    if tag and not tagged:
        retry.persist(repo, lambda: _tag(api, repo, tag, commit, files), tell)
    return Published(commit, upload.changes)


class _Upload:
    """Sends and commits what is missing. Called again after a failure, it goes on."""

    def __init__(self, api: HfApi, repo: str, title: str, begin: Tick, tick: Tick):
        self.api, self.repo, self.title, self.begin, self.tick = api, repo, title, begin, tick
        self.additions: dict[str, CommitOperationAdd] = {}  # kept, since they know what is uploaded
        self.sent: set[str] = set()
        self.changes = Changes(False, [], [])  # what the commit holds

    def __call__(self, files: list[File]) -> str:
        """The commit that holds the files."""
        remote = _remote(self.api, self.repo)
        if remote is None:
            raise HubError(f"{self.repo}: was deleted while it was published; publish it again")
        todo = _changes(files, remote)
        if not todo:  # nothing to do; or all was done, and the answer was lost
            return remote.head
        if not self.changes:
            self.begin(todo.bytes)
        self.changes = todo
        for file in todo.send:
            if file.path not in self.additions:
                self.additions[file.path] = _addition(file)
        for batch in _batches([f for f in todo.send if f.path not in self.sent]):
            self.api.preupload_lfs_files(
                self.repo, [self.additions[f.path] for f in batch], repo_type="dataset", free_memory=False
            )
            self.sent.update(f.path for f in batch)
            self.tick(sum(f.size for f in batch))
        operations = [self.additions[f.path] for f in todo.send] + [CommitOperationDelete(p) for p in todo.delete]
        done = self.api.create_commit(
            self.repo, operations, commit_message=self.title, repo_type="dataset", parent_commit=remote.head
        )
        return str(done.oid)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The client's own bars put away."""
    hidden = huggingface_hub.utils.are_progress_bars_disabled()
    huggingface_hub.utils.disable_progress_bars()
    try:
        yield
    finally:
        if not hidden:
            huggingface_hub.utils.enable_progress_bars()


def _addition(file: File) -> CommitOperationAdd:
    addition = CommitOperationAdd(file.path, file.content)
    if addition.upload_info.sha256.hex() != file.sha256:
        raise OutputError(f"{file.content!s}: changed while it was published; let it be, and publish again")
    return addition


def _batches(files: list[File]) -> Iterator[list[File]]:
    batch: list[File] = []
    for file in files:
        if batch and sum(f.size for f in batch) + file.size > BATCH:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _named(repo: str, tag: str | None) -> None:
    try:
        huggingface_hub.utils.validate_repo_id(repo)
    except HFValidationError as error:
        raise HubError(f"--repo {repo!r}: {str(error).split(' - ')[0]}") from error
    if repo.count("/") != 1:
        raise HubError(f"--repo {repo!r}: a name of the form namespace/name is needed, such as you/sub_en")
    if tag is not None and not re.fullmatch(r"(?!.*(\.\.|\.lock$|\.$))[A-Za-z0-9_][A-Za-z0-9_.+-]*", tag):
        raise HubError(f"--tag {tag!r}: letters, digits, and . _ + - within; such as v1.0.0")


def _known(api: HfApi, repo: str) -> None:
    """Tell a missing or wrong token before a large directory is verified. Other failures are not this one's to tell."""
    try:
        api.whoami()
    except retry.FAILURES as error:
        if not isinstance(error, HfHubHTTPError) or error.response.status_code == 401:
            retry.refused(repo, error)


def _files(directory: Path, repo: str, verified: Tick) -> list[File]:
    """What a directory publishes: what subsynth wrote and nothing else. Raises OutputError if it does not verify."""
    found = verify.verify(directory, tick=verified).violations
    if found:
        shard, row, what = found[0]
        raise OutputError(
            f"{directory} is not fit to be published: {shard}{f', row {row}' if row >= 0 else ''}: {what}"
            f"{f' (and {len(found) - 1} more, told by `subsynth verify`)' if found[1:] else ''}; render it again"
        )
    manifest = json.loads((directory / paths.MANIFEST).read_text(encoding="utf-8"))
    text = (directory / paths.CARD).read_text(encoding="utf-8")
    scores = directory / card.SCORES
    completed = card.completed(text, repo, scores.read_text(encoding="utf-8") if scores.exists() else "")
    files = [File(e["file"], directory / e["file"], e["bytes"], e["sha256"]) for e in manifest["shards"]]
    for name in paths.DOCUMENTS:
        content = completed.encode() if name == paths.CARD else (directory / name).read_bytes()
        files.append(File(name, content, len(content), hashlib.sha256(content).hexdigest()))
    return files


def _remote(api: HfApi, repo: str, revision: str | None = None) -> Remote | None:
    """What the hub holds, or None if there is no such repository (that this token may see)."""
    try:
        info = api.repo_info(repo, repo_type="dataset", revision=revision)
    except RepositoryNotFoundError:
        return None
    tree = api.list_repo_tree(repo, repo_type="dataset", revision=info.sha, recursive=True)
    files = {entry.path: entry for entry in tree if hasattr(entry, "size")}
    tags = {t.name: t.target_commit for t in api.list_repo_refs(repo, repo_type="dataset").tags}
    return Remote(str(info.sha), bool(info.private), files, tags)


def _changes(files: list[File], remote: Remote | None) -> Changes:
    held = remote.files if remote else {}
    named = {f.path for f in files}
    # All of data/ is read as data; what else lies there is its owner's.
    gone = sorted(path for path in held if path.startswith("data/") and path not in named)
    return Changes(remote is None, [f for f in files if not f.is_(held.get(f.path))], gone)


def _fits(api: HfApi, repo: str, remote: Remote | None, private: bool, tag: str | None, files: list[File]) -> bool:
    """Refuse what would surprise before anything is changed; whether the tag names this very set already."""
    if remote is None:
        return False
    if private and not remote.private:
        raise HubError(f"{repo}: is public already; make it private in its settings, or drop --private")
    if tag is None or tag not in remote.tags:
        return False
    if _changes(files, _remote(api, repo, tag)):
        raise HubError(f"{repo}: tag {tag!r} names another set already; choose another tag")
    return True


def _tag(api: HfApi, repo: str, tag: str, commit: str, files: list[File]) -> None:
    try:
        api.create_tag(repo, tag=tag, revision=commit, repo_type="dataset")
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
        if _changes(files, _remote(api, repo, tag)):  # else it was made, and the answer was lost
            raise HubError(f"{repo}: tag {tag!r} names another set already; choose another tag") from error
