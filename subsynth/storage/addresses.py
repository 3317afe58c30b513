"""Addresses: a path or a URL becomes the storage that it names."""

from __future__ import annotations

from functools import lru_cache

from subsynth.storage.base import Storage
from subsynth.storage.local import LocalStorage
from subsynth.storage.object_store import Store

HERE = ("file", "local")  # protocols of this machine's own file system


def open_storage(address: str) -> Storage:
    """The place of an address: a path, or any that fsspec knows, such as s3://bucket/sub_zh."""
    protocol, _, rest = address.rpartition("://")
    if not protocol or protocol in HERE:
        return LocalStorage(rest if protocol else address)
    return _store(address)


@lru_cache(maxsize=4)
def _store(address: str) -> Store:
    """One connection for many tasks."""
    return Store(address)
