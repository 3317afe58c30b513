"""Store: a place that fsspec reaches, such as an object store, with the verbs of `place.Place`."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from subsynth.core.errors import OutputError
from subsynth.storage.paths import FOLDER, SCRATCH, unique

# Stores whose objects appear when their upload is complete. Elsewhere a file is moved to its name when it is whole.
OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "r2"})


class Store:
    """A place that fsspec reaches. Settings and credentials are its own (environment, configuration files)."""

    def __init__(self, address: str):
        import fsspec  # noqa: PLC0415 - only for those who go there

        self.address = address
        self.name = _without_user(address.rstrip("/"))
        with self._telling():
            try:
                # Without its cache of listings: others write there too.
                self.fs, self.root = fsspec.core.url_to_fs(address, use_listings_cache=False)
            except ImportError as error:
                protocol = address.partition("://")[0]
                package = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
                raise OutputError(
                    f"--out {self.name}: {protocol}:// needs a package that is not installed; "
                    f"pip install {package.get(protocol, 'the one for ' + protocol)} ({error})"
                ) from error
        protocols = (self.fs.protocol,) if isinstance(self.fs.protocol, str) else self.fs.protocol
        self.whole = bool(OBJECTS & set(protocols))

    def listing(self, folder: str = "") -> dict[str, int]:
        """As Storage has it."""
        path = self._path(folder)
        with self._telling():
            try:
                found = self.fs.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
        sizes = {}
        for entry in found:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if str(entry["name"]).strip("/") != path.strip("/"):  # some stores keep an empty object for a folder
                sizes[name] = FOLDER if entry["type"] == "directory" else int(entry["size"])
        return sizes

    def read(self, path: str) -> bytes | None:
        """As Storage has it."""
        return self.read_all([path])[0]

    def read_all(self, paths: list[str]) -> list[bytes | None]:
        """As Storage has it: many at once."""
        if not paths:
            return []
        full = [self._path(path) for path in paths]
        with self._telling():
            found = self.fs.cat(full, on_error="return")
            held: list[bytes | None] = []
            for content in (found[path] for path in full):
                if isinstance(content, BaseException) and not isinstance(content, FileNotFoundError):
                    raise content
                held.append(None if isinstance(content, BaseException) else content)
        return held

    def open(self, path: str) -> IO[bytes]:
        """As Storage has it. Nothing is read ahead: what is wanted of a shard is the little beside its images."""
        with self._telling():
            file: IO[bytes] = self.fs.open(self._path(path), "rb", cache_type="none")
        return file

    def digest(self, path: str) -> str | None:
        """As Storage has it: None."""
        return None

    def put(self, file: Path, path: str) -> None:
        """As Storage has it."""
        with self._telling():
            self._makedirs(path)
            if self.whole:
                self.fs.put_file(str(file), self._path(path))
            else:
                part = f"{SCRATCH}/{Path(path).name}.{unique()}"
                self._makedirs(part)
                self.fs.put_file(str(file), self._path(part))
                self.fs.mv(self._path(part), self._path(path))
        file.unlink()

    def write(self, path: str, text: str) -> None:
        """As Storage has it."""
        with self._telling():
            self._makedirs(path)
            self.fs.pipe_file(self._path(path), text.encode())

    def create(self, path: str, text: str) -> bool:
        """As Storage has it; on S3 by a conditional put."""
        with self._telling():
            if self.fs.exists(self._path(path)):
                return False
            self._makedirs(path)
            try:
                self.fs.pipe_file(self._path(path), text.encode(), mode="create")
            except FileExistsError:
                return False
        return True

    def remove(self, paths: Iterable[str]) -> None:
        """As Storage has it. Folders of a store are only names."""
        wanted = list(paths)
        folders = {path.rpartition("/")[0] for path in wanted}
        held = {f"{folder}/{name}".lstrip("/") for folder in folders for name in self.listing(folder)}
        gone = [self._path(path) for path in wanted if path in held]
        with self._telling():
            if gone:
                self.fs.rm(gone)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """As Storage has it: in the temporary folder of this machine ($TMPDIR)."""
        with tempfile.TemporaryDirectory(prefix="subsynth-") as folder:
            yield Path(folder)

    def sweep(self) -> None:
        """As Storage has it: what is unfinished is not there."""

    @contextlib.contextmanager
    def lock(self, shared: bool) -> Iterator[None]:
        """As Storage has it: a store cannot be held. Two at once write the same bytes under the same names."""
        yield

    def _path(self, path: str) -> str:
        return f"{self.root}/{path}".rstrip("/")

    def _makedirs(self, path: str) -> None:
        """Folders, where they are more than names."""
        if not self.whole:
            self.fs.makedirs(self._path(path).rpartition("/")[0], exist_ok=True)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except Exception as error:  # a storage library raises errors of its own, of HTTP's and of sockets
            told = " ".join(str(error).split()).replace(self.address, self.name) or type(error).__name__
            raise OutputError(
                f"{self.name}: {type(error).__name__}: {told}; see that it is there and may be written, "
                "then run the same command again"
            ) from error


def _without_user(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)
