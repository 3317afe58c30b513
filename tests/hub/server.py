"""A hub on loopback: the protocol that `huggingface_hub` and `datasets` speak, over real HTTP, with faults on demand.

Uploads are accepted by LFS and by Xet. The viewer, gating, branches, pull requests, and the hub's own limits are not
imitated. `python -m hub.server` (in tests/) serves an empty hub until it is stopped.

    with Hub(folder) as hub:
        hub.fail("POST", "/commit/", status=503)    # refuses the next commit, once
        ...                                         # clients with HF_ENDPOINT=hub.url and HF_TOKEN=OWNER
        assert len(hub.repos["subsynth/sub_en"].log()) == 1
"""

import base64
import hashlib
import json
import re
import socket
import struct
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hub import xet
from hub.state import ACCOUNTS, OWNER, Commit, File, Refusal, Repo, Request, State

PAGE = 40  # entries of a tree per answer
LARGE = (".parquet", ".png")
XET_TOKEN = "access-token-for-xet"
ROUTES: list[tuple[str, re.Pattern[str], Callable[..., None]]] = []


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)  # a dropped connection sends RST without a FIN before it


class Hub(State):
    """A `State` served over HTTP. `url` is the endpoint."""

    def __init__(self, folder: Path, port: int = 0):
        super().__init__(folder)
        self.server = _Server(("127.0.0.1", port), type("Handler", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.storage = f"http://localhost:{self.server.server_port}"  # another origin, which must get no token

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


def route(method: str, pattern: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Serve matching requests by the decorated function, with the pattern's groups as arguments."""
    compiled = re.compile(pattern.replace("{R}", "(?P<name>[^/]+/[^/]+)") + "$")

    def register(function: Callable[..., None]) -> Callable[..., None]:
        ROUTES.append((method, compiled, function))
        return function

    return register


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def serve(self) -> None:
        self.entry = Request(self.command, self.path)
        self.hub.requests.append(self.entry)
        self.fault = self.hub.fault(self.command, self.path)
        self.drop = self.fault.drop if self.fault else ""
        if self.drop == "hang":
            self.hub.closing.wait(60)
        if self.drop in ("before", "hang"):
            return self.reset()
        cut = self.drop == "body" and self.command in ("POST", "PUT")
        self.body = self.receive(cut)
        if cut:
            return self.reset()
        self.entry.sent = len(self.body)
        try:
            if self.fault and self.fault.status:
                raise Refusal(self.fault.status, "", "planned by a test")
            return self.dispatch()
        except Refusal as refusal:
            headers = {"X-Error-Code": refusal.code} if refusal.code else {}
            headers |= {"X-Error-Message": refusal.message} if refusal.message else {}
            headers |= self.fault.headers if self.fault else {}
            return self.answer({"error": refusal.message, "url": self.hub.url + refusal.url}, refusal.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

    def dispatch(self) -> None:
        path = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(path.query))
        for method, pattern, function in ROUTES:
            match = pattern.match(path.path)
            if match and method in (self.command, {"HEAD": "GET"}.get(self.command)):
                return function(self, **match.groupdict())
        raise Refusal(404, "", "no such page")

    def receive(self, half: bool) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
                if half:
                    break
            else:
                self.rfile.readline()
            return b"".join(parts)
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length // 2 if half else length)

    def reset(self) -> None:
        """Drop the connection as a network failure does: by RST, without an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def answer(self, body: Any = b"", status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.entry.status = status
        if self.drop == "hang after":
            self.hub.closing.wait(60)
        if self.drop in ("after", "hang after"):
            return self.reset()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if self.drop == "body" else data)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        if self.drop == "body":
            self.reset()
        return None

    def data(self, file: Callable[[int, int | None], bytes], size: int, headers: dict[str, str] | None = None) -> None:
        """Answer with a file, or with the requested range of it."""
        extra = {"Accept-Ranges": "bytes"} | (headers or {})
        start, stop = self.range()
        if start is None:
            length = {"Content-Length": str(size)} if self.command == "HEAD" else {}
            return self.answer(b"" if self.command == "HEAD" else file(0, None), 200, extra | length)
        start, stop = (max(0, size + start), size) if start < 0 else (start, min(size, stop or size))
        if start >= size:
            return self.answer(b"", 416, {"Content-Range": f"bytes */{size}"})
        return self.answer(file(start, stop), 206, extra | {"Content-Range": f"bytes {start}-{stop - 1}/{size}"})

    def range(self) -> tuple[int | None, int | None]:
        """First byte (from the end, if negative) and the one after the last, if a range is requested."""
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not match:
            return None, None
        first, last = match.groups()
        return (int(first), int(last) + 1 if last else None) if first else (-int(last), None)

    # Authentication and authorisation.

    def token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def account(self) -> tuple[str, str, str] | None:
        """Name, organisation and role; None without a token. As on the hub, a wrong token is refused on every page."""
        if self.token() and self.token() not in ACCOUNTS:
            raise Refusal(401, "", "Invalid credentials in Authorization header")
        return ACCOUNTS.get(self.token())

    def repo(self, name: str, write: bool = False) -> Repo:
        account, repo = self.account(), self.hub.repos.get(name)
        owned = bool(account) and name.split("/", maxsplit=1)[0] in account[:2]
        if repo is None or (repo.private and not owned):
            raise Refusal(404 if account else 401, "RepoNotFound", "Repository not found")
        if write and (account is None or not owned or account[2] != "write"):
            raise Refusal(403 if account else 401, "", "You don't have the rights to write here")
        return repo

    def json(self) -> Any:
        return json.loads(self.body)

    def check_no_token(self) -> None:
        """Record a token that was sent to the storage, whose signed addresses need none."""
        if any(token in str(self.headers) for token in ACCOUNTS):
            self.hub.leaks.append(f"{self.command} {self.path}")


# Repositories.


@route("GET", "/api/whoami-v2")
def whoami(self: Handler) -> None:
    account = self.account()
    if account is None:
        raise Refusal(401, "", "Invalid username or password.")
    orgs = [{"name": account[1], "type": "org", "id": "1"}] if account[1] else []
    auth = {"accessToken": {"role": account[2], "displayName": "test"}}
    self.answer({"type": "user", "name": account[0], "orgs": orgs, "auth": auth})


@route("POST", "/api/repos/create")
def create(self: Handler) -> None:
    request, account = self.json(), self.account()
    if account is None:
        raise Refusal(401, "", "Invalid username or password.")
    name = f"{request.get('organization') or account[0]}/{request['name']}"
    if account[2] != "write" or name.split("/", maxsplit=1)[0] not in account[:2]:
        raise Refusal(403, "", f'You don\'t have the rights to create a dataset under the namespace "{name}"')
    with self.hub.lock:
        if name in self.hub.repos:
            raise Refusal(409, "", "You already created this dataset repo", f"/datasets/{name}")
        private = request.get("visibility") == "private" or bool(request.get("private"))
        repo = self.hub.repos[name] = Repo(name, private)
        attributes = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE)
        repo.commit("initial commit", {".gitattributes": self.hub.put_small(attributes.encode())})
    self.answer({"url": f"{self.hub.url}/datasets/{name}", "name": name, "id": name})


@route("DELETE", "/api/repos/delete")
def delete(self: Handler) -> None:
    request = self.json()
    name = f"{request.get('organization')}/{request['name']}"
    self.repo(name, write=True)
    del self.hub.repos[name]
    self.answer({})


@route("GET", "/api/datasets/{R}")
def info(self: Handler, name: str) -> None:
    revision(self, name, "main")


@route("GET", "/api/datasets/{R}/revision/(?P<rev>[^/]+)")
def revision(self: Handler, name: str, rev: str) -> None:
    repo = self.repo(name)
    commit = repo.at(rev)
    info = {
        "id": name,
        "_id": "1",
        "author": name.split("/", maxsplit=1)[0],
        "sha": commit.oid,
        "private": repo.private,
    }
    info |= {"lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z", "gated": False}
    info |= {"disabled": False, "downloads": 0, "likes": 0, "tags": []}
    self.answer(info | {"siblings": [{"rfilename": path} for path in sorted(commit.tree)]})


@route("GET", "/api/datasets/{R}/refs")
def refs(self: Handler, name: str) -> None:
    repo = self.repo(name)
    tags = [{"name": t, "ref": f"refs/tags/{t}", "targetCommit": oid} for t, oid in repo.tags.items()]
    main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head}
    self.answer({"branches": [main], "tags": tags, "converts": []})


@route("GET", "/api/datasets/{R}/commits/(?P<rev>[^/]+)")
def commits(self: Handler, name: str, rev: str) -> None:
    oid, entries = self.repo(name).at(rev).oid, []
    while oid:
        commit = self.repo(name).commits[oid]
        entries.append(
            {"id": oid, "title": commit.title, "message": "", "date": "2026-01-01T00:00:00.000Z", "authors": []}
        )
        oid = commit.parent
    self.answer(entries)


@route("POST", "/api/datasets/{R}/tag/(?P<rev>[^/]+)")
def tag(self: Handler, name: str, rev: str) -> None:
    repo, new_tag = self.repo(name, write=True), self.json()["tag"]
    if new_tag in repo.tags:
        raise Refusal(409, "", f"Tag reference exists already: {new_tag}")
    repo.tags[new_tag] = repo.at(rev).oid
    self.answer({})


# Trees and files.


def _entry(hub: Hub, path: str, file: File) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
    if file.sha256:
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
    if file.sha256 in hub.files:
        entry["xetHash"] = hub.files[file.sha256][0]
    return entry


@route("GET", "/api/datasets/{R}/tree/(?P<rev>[^/]+)(?P<folder>/.*)?")
def tree(self: Handler, name: str, rev: str, folder: str | None) -> None:
    commit, within = self.repo(name).at(rev), urllib.parse.unquote(folder or "").strip("/")
    below = {p: f for p, f in commit.tree.items() if not within or p.startswith(within + "/")}
    if within and not below:
        raise Refusal(404, "EntryNotFound", f"{within} does not exist")
    entries = {}
    for path, file in sorted(below.items()):
        rest = path[len(within) + 1 :] if within else path
        for end in [i for i, c in enumerate(rest) if c == "/"]:
            parent = path[: len(path) - len(rest) + end]
            entries[parent] = {"type": "directory", "path": parent, "size": 0, "oid": "0" * 40}
        entries[path] = _entry(self.hub, path, file)
    if self.query.get("recursive", "").lower() != "true":
        entries = {p: e for p, e in entries.items() if "/" not in p[len(within) :].strip("/")}
    page, start = list(entries.values()), int(self.query.get("cursor", 0))
    query = urllib.parse.urlencode(self.query | {"cursor": start + PAGE})
    more = f'<{self.hub.url}{urllib.parse.urlsplit(self.path).path}?{query}>; rel="next"'
    self.answer(page[start : start + PAGE], 200, {"Link": more} if len(page) > start + PAGE else {})


@route("POST", "/api/datasets/{R}/paths-info/(?P<rev>[^/]+)")
def paths_info(self: Handler, name: str, rev: str) -> None:
    files = self.repo(name).at(rev).tree
    requested = [v for k, v in urllib.parse.parse_qsl(self.body.decode()) if k == "paths"]
    self.answer([_entry(self.hub, p, files[p]) for p in requested if p in files])


@route("GET", "/datasets/{R}/resolve/(?P<rev>[^/]+)/(?P<path>.+)")
def resolve(self: Handler, name: str, rev: str, path: str) -> None:
    commit = self.repo(name).at(rev)
    file = commit.tree.get(urllib.parse.unquote(path))
    if file is None:
        raise Refusal(404, "EntryNotFound", "Entry not found")
    headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{file.oid}"'}
    if not file.sha256:
        return self.data(lambda a, b: self.hub.read(file, a, b), file.size, headers)
    headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
    headers["Location"] = f"{self.hub.storage}/cdn/{file.sha256}?size={file.size}"
    if file.sha256 in self.hub.files:
        headers["X-Xet-Hash"] = self.hub.files[file.sha256][0]
        headers["Link"] = f'<{self.hub.url}/api/datasets/{name}/xet-read-token/{commit.oid}>; rel="xet-auth"'
    return self.answer(b"", 302, headers)


@route("GET", "/cdn/(?P<sha256>[0-9a-f]+)")
def cdn(self: Handler, sha256: str) -> None:
    self.check_no_token()
    file = File(int(self.query["size"]), "", sha256)
    self.data(lambda a, b: self.hub.read(file, a, b), file.size, {"ETag": f'"{sha256}"'})


# Uploads.


@route("POST", "/api/validate-yaml")
def validate_yaml(self: Handler) -> None:
    self.answer({"errors": [], "warnings": []})


@route("POST", "/api/datasets/{R}/preupload/(?P<rev>[^/]+)")
def preupload(self: Handler, name: str, rev: str) -> None:
    existing, answers = self.repo(name, write=True).at(rev).tree, []
    for file in self.json()["files"]:
        remote = existing.get(file["path"])
        mode = "lfs" if file["path"].endswith(LARGE) else "regular"
        oid = {"oid": remote.sha256 or remote.oid} if remote else {}
        answers.append(
            {"path": file["path"], "uploadMode": mode, "shouldIgnore": file["path"] == self.hub.ignored} | oid
        )
    self.answer({"files": answers})


@route("POST", r"/datasets/{R}\.git/info/lfs/objects/batch")
def batch(self: Handler, name: str) -> None:
    self.repo(name, write=True)
    answers = []
    for requested in self.json()["objects"]:
        verify = f"{self.hub.url}/datasets/{name}/lfs-verify"
        steps = {"upload": {"href": f"{self.hub.storage}/lfs/{requested['oid']}"}, "verify": {"href": verify}}
        answers.append(requested | ({} if self.hub.stored(requested["oid"]) else {"actions": steps}))
    self.answer({"transfer": "basic", "objects": answers})


@route("PUT", "/lfs/(?P<oid>[0-9a-f]{64})")
def put(self: Handler, oid: str) -> None:
    self.check_no_token()
    if hashlib.sha256(self.body).hexdigest() != oid:
        raise Refusal(400, "", "the content does not have this digest")
    scratch = self.hub.folder / f"{oid}.{threading.get_ident()}"
    scratch.write_bytes(self.body)
    scratch.replace(self.hub.folder / oid)
    self.answer()


@route("POST", "/datasets/{R}/lfs-verify")
def lfs_verify(self: Handler, name: str) -> None:
    self.repo(name, write=True)
    if not self.hub.stored(self.json()["oid"]):
        raise Refusal(404, "", "not uploaded")
    self.answer({})


@route("POST", "/api/datasets/{R}/commit/(?P<rev>[^/]+)")
def commit(self: Handler, name: str, rev: str) -> None:
    repo = self.repo(name, write=True)
    lines = [json.loads(line) for line in self.body.splitlines()]
    header = lines[0]["value"]
    with self.hub.lock:
        if header.get("parentCommit") not in (None, repo.head):
            raise Refusal(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(repo.at(rev).tree)
        for line in lines[1:]:
            _apply(self.hub, files, line["key"], line["value"])
        created: Commit = repo.commit(header["summary"], files)
    self.answer(
        {"success": True, "commitOid": created.oid, "commitUrl": f"{self.hub.url}/datasets/{name}/commit/{created.oid}"}
    )


def _apply(hub: Hub, files: dict[str, File], key: str, value: dict[str, Any]) -> None:
    path = value["path"]
    if key == "file":
        files[path] = hub.put_small(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        if not hub.stored(value["oid"]):
            raise Refusal(404, "", f"{path}: its content was not uploaded")
        files[path] = File(value["size"], hashlib.sha1(value["oid"].encode()).hexdigest(), value["oid"])
    elif key == "deletedFile":
        if path not in files:
            raise Refusal(404, "EntryNotFound", "A file with this name doesn't exist")
        del files[path]
    else:
        raise Refusal(400, "", f"{key}: unknown operation")


# Xet: access tokens, then the storage of chunks.


@route("GET", "/api/datasets/{R}/xet-(?P<kind>read|write)-token/(?P<rev>[^/]+)")
def xet_token(self: Handler, name: str, kind: str, rev: str) -> None:
    self.repo(name, write=kind == "write")
    expiry, cas_url = str(int(time.time()) + 3600), f"{self.hub.storage}/cas"
    headers = {"X-Xet-Access-Token": XET_TOKEN, "X-Xet-Token-Expiration": expiry, "X-Xet-Cas-Url": cas_url}
    self.answer({"accessToken": XET_TOKEN, "exp": int(expiry), "casUrl": cas_url}, 200, headers)


def _check_xet_token(self: Handler) -> None:
    self.check_no_token()
    if self.token() != XET_TOKEN:
        raise Refusal(401, "", "no access token")


@route("POST", "/cas/v1/xorbs/default/(?P<xorb>[0-9a-f]{64})")
def put_xorb(self: Handler, xorb: str) -> None:
    _check_xet_token(self)
    scratch = self.hub.folder / f"{xorb}.{threading.get_ident()}"
    scratch.write_bytes(self.body)
    scratch.replace(self.hub.folder / f"{xorb}.xorb")
    self.hub.xorbs[xorb] = xet.chunks(self.body)
    self.answer({"was_inserted": True})


@route("POST", "/cas/v1/shards")
def put_shard(self: Handler) -> None:
    _check_xet_token(self)
    for sha256, (name, terms) in xet.files(self.body).items():
        if any(term.xorb not in self.hub.xorbs for term in terms):
            raise Refusal(400, "", "one of its xorbs was not uploaded")
        self.hub.files[sha256] = (name, terms)
    self.answer({"result": 1})


@route("GET", "/cas/v1/reconstructions/(?P<file>[0-9a-f]{64})")
def reconstruction(self: Handler, file: str) -> None:
    _check_xet_token(self)
    start, stop = self.range()
    answer = self.hub.reconstruction(file, start or 0, stop)
    for runs in answer["fetch_info"].values():
        for run in runs:
            run["url"] = f"{self.hub.storage}{run['url']}"
    self.answer(answer)


@route("GET", "/xorbs/(?P<xorb>[0-9a-f]{64})")
def get_xorb(self: Handler, xorb: str) -> None:
    self.check_no_token()
    path = self.hub.folder / f"{xorb}.xorb"
    with path.open("rb") as stored:

        def part(start: int, stop: int | None) -> bytes:
            stored.seek(start)
            return stored.read(-1 if stop is None else stop - start)

        self.data(part, path.stat().st_size)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Hub(Path(folder), 8765) as hub:
        print(f"HF_ENDPOINT={hub.url} HF_TOKEN={OWNER}", flush=True)  # noqa: T201 - for the person who starts it
        threading.Event().wait()
