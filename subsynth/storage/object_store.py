"""Storage behind fsspec, such as an object store."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from subsynth.core.addresses import hide_address, without_secrets
from subsynth.core.errors import OutputError
from subsynth.storage.base import READ_LIMIT
from subsynth.storage.paths import FOLDER, SCRATCH, unique_suffix

# Protocols whose objects appear only when their upload is complete. Elsewhere a file is uploaded under a temporary
# name and then renamed.
_ATOMIC_PROTOCOLS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "r2"})
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}


class ObjectStore:
    """A URL that fsspec supports. Settings and credentials are fsspec's own (environment, configuration files).

    It cannot be locked: concurrent renders of one data set write the same bytes under the same names.
    """

    def __init__(self, address: str):
        import fsspec  # noqa: PLC0415 - slow to import, and only needed for URLs

        self.address = address
        self.name = without_secrets(address).rstrip("/")
        with self._output_errors():
            try:
                # Without its caches: other processes write to the same store, and an instance keeps the credentials
                # and the endpoint that it found when it first connected.
                self.fs, self.root = fsspec.core.url_to_fs(address, use_listings_cache=False, skip_instance_cache=True)
            except ImportError as error:
                protocol = address.partition("://")[0]
                package = _PACKAGES.get(protocol, f"the one for {protocol}")
                raise OutputError(
                    f"--out {self.name}: {protocol}:// needs a package that is not installed; "
                    f"pip install {package} ({hide_address(str(error), address)})"
                ) from error
        protocols = (self.fs.protocol,) if isinstance(self.fs.protocol, str) else self.fs.protocol
        self._atomic = bool(_ATOMIC_PROTOCOLS & set(protocols))

    def list_folder(self, folder: str = "") -> dict[str, int]:
        path = self._full_path(folder)
        with self._output_errors():
            try:
                entries = self.fs.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
        sizes = {}
        for entry in entries:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if str(entry["name"]).strip("/") != path.strip("/"):  # some stores keep an empty object for a folder
                sizes[name] = FOLDER if entry["type"] == "directory" else int(entry["size"])
        return sizes

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        with self._output_errors():
            try:
                size = int(self.fs.info(self._full_path(path))["size"] or 0)
            except FileNotFoundError:
                return None
        if size > limit:
            raise OutputError(f"{self.name}/{path}: {size:,} bytes, more than {limit:,}; name another location")
        return self.read_many([path])[0]

    def read_many(self, paths: list[str]) -> list[bytes | None]:
        if not paths:
            return []
        full_paths = [self._full_path(path) for path in paths]
        with self._output_errors():
            contents = self.fs.cat(full_paths, on_error="return")
            results: list[bytes | None] = []
            for content in (contents[path] for path in full_paths):
                if isinstance(content, BaseException) and not isinstance(content, FileNotFoundError):
                    raise content
                results.append(None if isinstance(content, BaseException) else content)
        return results

    def open(self, path: str) -> IO[bytes]:
        # Nothing is read ahead: only the small columns of a shard are read, not the images between them.
        with self._output_errors():
            file: IO[bytes] = self.fs.open(self._full_path(path), "rb", cache_type="none")
        return file

    def digest(self, path: str) -> str | None:
        return None

    def put_file(self, file: Path, path: str) -> None:
        with self._output_errors():
            self._make_folder(path)
            if self._atomic:
                self.fs.put_file(str(file), self._full_path(path))
            else:
                temporary = f"{SCRATCH}/{Path(path).name}.{unique_suffix()}"
                self._make_folder(temporary)
                self.fs.put_file(str(file), self._full_path(temporary))
                self.fs.mv(self._full_path(temporary), self._full_path(path))
        file.unlink()

    def write_text(self, path: str, text: str) -> None:
        with self._output_errors():
            self._make_folder(path)
            self.fs.pipe_file(self._full_path(path), text.encode())

    def create_exclusive(self, path: str, text: str) -> bool:
        with self._output_errors():
            if self.fs.exists(self._full_path(path)):
                return False
            self._make_folder(path)
            try:
                self.fs.pipe_file(self._full_path(path), text.encode(), mode="create")  # on S3 a conditional put
            except FileExistsError:
                return False
        return True

    def remove(self, paths: Iterable[str]) -> None:
        requested = list(paths)
        folders = {path.rpartition("/")[0] for path in requested}
        existing = {f"{folder}/{name}".lstrip("/") for folder in folders for name in self.list_folder(folder)}
        removable = [self._full_path(path) for path in requested if path in existing]
        with self._output_errors():
            if removable:
                self.fs.rm(removable)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="subsynth-") as folder:  # below $TMPDIR
            yield Path(folder)

    def remove_unfinished(self) -> None:
        """Nothing to do: an unfinished upload is no object."""

    @contextlib.contextmanager
    def lock(self, shared: bool) -> Iterator[None]:
        yield

    def _full_path(self, path: str) -> str:
        return f"{self.root}/{path}".rstrip("/")

    def _make_folder(self, path: str) -> None:
        """Create the parent folder of a path, where folders are more than prefixes of names."""
        if not self._atomic:
            self.fs.makedirs(self._full_path(path).rpartition("/")[0], exist_ok=True)

    @contextlib.contextmanager
    def _output_errors(self) -> Iterator[None]:
        """Raise every error of the storage library as an OutputError, without credentials."""
        try:
            yield
        except OutputError:
            raise
        except Exception as error:  # a storage library raises its own errors, and those of HTTP and of sockets
            message = hide_address(" ".join(str(error).split()), self.address)[:500] or type(error).__name__
            raise OutputError(
                f"{self.name}: {type(error).__name__}: {message}; check that it exists and can be written, "
                "then run the same command again"
            ) from (None if without_secrets(self.address) != self.address else error)  # a traceback would show secrets
