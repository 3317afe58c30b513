"""The state of a test hub: repositories of data sets with commits and tags, files, faults, and a log of requests."""

import hashlib
import re
import threading
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

from hub import xet

OWNER, READER, STRANGER = "hf_owner_of_subsynth", "hf_reader_of_subsynth", "hf_somebody_else"
ACCOUNTS = {OWNER: ("ann", "subsynth", "write"), READER: ("ann", "subsynth", "read"), STRANGER: ("bob", "", "write")}


class Refusal(Exception):  # noqa: N818 - part of normal control flow, not an error
    """An unsuccessful answer. `code` is the hub's name of the error, which its client reads."""

    def __init__(self, status: int, code: str = "", message: str = "", url: str = ""):
        self.status, self.code, self.message, self.url = status, code, message, url


@dataclass(frozen=True)
class File:
    size: int
    oid: str  # SHA-1, as in git
    sha256: str = ""  # only of large files


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str
    title: str
    tree: dict[str, File]


@dataclass
class Repo:
    name: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, title: str, tree: dict[str, File]) -> Commit:
        content = f"{self.head} {title} {len(self.commits)} {sorted(tree.items())!r}"
        commit = Commit(hashlib.sha1(content.encode()).hexdigest(), self.head, title, tree)
        self.commits[commit.oid] = commit
        self.head = commit.oid
        return commit

    def at(self, revision: str) -> Commit:
        revision = urllib.parse.unquote(revision)
        oid = self.head if revision == "main" else self.tags.get(revision, revision)
        if oid not in self.commits:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return self.commits[oid]

    def log(self) -> list[Commit]:
        """The commits of main, newest first, without the hub's own initial commit."""
        commits, oid = [], self.head
        while self.commits[oid].parent:
            commits.append(self.commits[oid])
            oid = self.commits[oid].parent
        return commits


@dataclass
class Fault:
    """A planned failure of requests: an answer with `status`; or a connection that is dropped `before`, within
    (`body`) or `after` the work; or one on which nothing is sent (`hang`, `hang after`) until the hub closes."""

    method: str
    pattern: str
    status: int
    times: int
    skip: int
    drop: str
    headers: dict[str, str]


@dataclass
class Request:
    method: str
    path: str
    sent: int = 0  # bytes of its body
    status: int = 0


class State:
    """Everything that a hub holds. `leaks` lists requests that sent a token where none belongs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.repos: dict[str, Repo] = {}
        self.small: dict[str, bytes] = {}  # SHA-1 -> content
        self.files: dict[str, tuple[str, list[xet.Term]]] = {}  # SHA-256 -> Xet hash, terms
        self.xorbs: dict[str, list[xet.Chunk]] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.leaks: list[str] = []
        self.ignored = ""  # a path that the hub excludes from commits, as a .gitignore does

    def fail(self, method: str, pattern: str, status: int = 0, *, times: int = 1, skip: int = 0, drop: str = "",
             headers: dict[str, str] | None = None) -> None:  # fmt: skip
        """Let the next `times` requests whose path matches `pattern` fail, after `skip` of them that succeed."""
        self.faults.append(Fault(method, pattern, status, times, skip, drop, headers or {}))

    def fault(self, method: str, path: str) -> Fault | None:
        """The planned failure of this request, if there is one."""
        with self.lock:
            for fault in self.faults:
                if fault.method == method and fault.times > 0 and re.search(fault.pattern, path):
                    if fault.skip == 0:
                        fault.times -= 1
                        return fault
                    fault.skip -= 1
        return None

    def count(self, method: str, pattern: str) -> int:
        """How many such requests were received."""
        return sum(r.method == method and bool(re.search(pattern, r.path)) for r in self.requests)

    def uploaded(self) -> int:
        """Bytes of content that were received completely, by LFS or Xet."""
        content = [r for r in self.requests if r.path.startswith(("/lfs/", "/cas/v1/xorbs/"))]
        return sum(r.sent for r in content if r.status == 200)

    def put_small(self, content: bytes) -> File:
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        self.small[oid] = content
        return File(len(content), oid)

    def stored(self, sha256: str) -> bool:
        return sha256 in self.files or (self.folder / sha256).exists()

    def read(self, file: File, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes start..stop-1 of a file, from wherever they are stored."""
        stop = file.size if stop is None else min(stop, file.size)
        if not file.sha256:
            return self.small[file.oid][start:stop]
        if file.sha256 not in self.files:
            with (self.folder / file.sha256).open("rb") as blob:
                blob.seek(start)
                return blob.read(stop - start)
        parts, position = [], 0
        for term in self.files[file.sha256][1]:
            if position < stop and position + term.length > start:
                xorb = (self.folder / f"{term.xorb}.xorb").read_bytes()
                for chunk in self.xorbs[term.xorb][term.start : term.stop]:
                    if position < stop and position + chunk.length > start:
                        parts.append(xet.unpack(xorb, chunk)[max(0, start - position) : stop - position])
                    position += chunk.length
            else:
                position += term.length
        return b"".join(parts)

    def reconstruction(self, name: str, start: int, stop: int | None) -> dict[str, object]:
        """How to reconstruct a file, in the form that Xet's clients read; the addresses of xorbs are relative."""
        terms = next((t for n, t in self.files.values() if n == name), None)
        if terms is None:
            raise Refusal(404)
        position, skipped, runs, ranges = 0, 0, [], {}
        for term in terms:
            chunks, first = self.xorbs[term.xorb], None
            for number in range(term.start, term.stop):
                size = chunks[number].length
                if position + size > start and (stop is None or position < stop):
                    first = number if first is None else first
                    last = number + 1
                    skipped = start - position if not runs and first == number else skipped
                position += size
            if first is not None:
                length = sum(c.length for c in chunks[first:last])
                run = {"start": first, "end": last}
                runs.append({"hash": term.xorb, "unpacked_length": length, "range": run})
                bytes_ = {"start": chunks[first].start, "end": chunks[last - 1].stop - 1}
                entry = {"range": run, "url": f"/xorbs/{term.xorb}", "url_range": bytes_}
                if entry not in ranges.setdefault(term.xorb, []):
                    ranges[term.xorb].append(entry)
        if not runs:
            raise Refusal(416)
        return {"offset_into_first_range": skipped, "terms": runs, "fetch_info": ranges}
