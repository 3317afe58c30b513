"""Changes: the files of a data set, the files that the hub holds, and what a commit has to change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from subsynth.storage.paths import DATA
from subsynth.storage.regular_files import read_regular


@dataclass(frozen=True)
class File:
    """A file to publish, at `path` in the repository: `content` is its content, or the directory that has it there."""

    path: str
    content: Path | bytes
    size: int
    sha256: str

    def equals(self, remote: RepoFile | None) -> bool:
        """Whether the hub holds this content: compared by SHA-256 if it is a large file there, else by git's SHA-1."""
        if remote is None or remote.size != self.size:
            return False
        if remote.lfs is not None:
            return bool(remote.lfs.sha256 == self.sha256)
        content = self.content
        if isinstance(content, Path):
            content = read_regular(content, self.path, self.size)
        return bool(remote.blob_id == hashlib.sha1(b"blob %d\0" % self.size + content).hexdigest())


@dataclass(frozen=True)
class RemoteState:
    """What a repository holds: its newest commit, the files of it by path, and the commit that each tag names."""

    head: str
    private: bool
    files: Mapping[str, RepoFile]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    """What a commit would change. `new` is whether the repository would be created. False if nothing would change."""

    new: bool
    send: tuple[File, ...]
    delete: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.send or self.delete)

    @property
    def bytes(self) -> int:
        """An upper bound of the bytes to send: the hub's client skips content that was sent before."""
        return sum(file.size for file in self.send)


def read_remote(api: HfApi, repo: str, revision: str | None = None) -> RemoteState | None:
    """What the hub holds, or None if there is no such repository (or this token may not see it)."""
    try:
        info = api.repo_info(repo, repo_type="dataset", revision=revision)
    except RepositoryNotFoundError:
        return None
    tree = api.list_repo_tree(repo, repo_type="dataset", revision=info.sha, recursive=True)
    files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(repo, repo_type="dataset").tags}
    return RemoteState(str(info.sha), bool(info.private), files, tags)


def compare(files: list[File], remote: RemoteState | None) -> Changes:
    """What has to change for a repository to hold these files, and in data/ no others.

    Everything in data/ is read as data; files elsewhere that are not part of the data set belong to its owner.
    """
    existing: Mapping[str, RepoFile] = remote.files if remote else {}
    paths = {file.path for file in files}
    obsolete = sorted(path for path in existing if path.startswith(f"{DATA}/") and path not in paths)
    changed = tuple(file for file in files if not file.equals(existing.get(file.path)))
    return Changes(remote is None, changed, tuple(obsolete))
