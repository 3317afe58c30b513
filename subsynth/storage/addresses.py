"""Addresses: a path or a URL is opened as the storage that it names."""

from __future__ import annotations

import os
from functools import lru_cache

from subsynth.storage.base import Storage
from subsynth.storage.local import LocalStorage
from subsynth.storage.object_store import ObjectStore

_LOCAL_PROTOCOLS = ("file", "local")


def open_storage(address: str) -> Storage:
    """The storage at an address: a path, or a URL that fsspec supports, such as s3://bucket/sub_zh.

    Raises OutputError if the package for its protocol is not installed.
    """
    protocol, _, rest = address.rpartition("://")
    if not protocol or protocol in _LOCAL_PROTOCOLS:
        return LocalStorage(rest if protocol else address)
    return _object_store(address, frozenset(os.environ.items()))


@lru_cache(maxsize=4)
def _object_store(address: str, environment: frozenset[tuple[str, str]]) -> ObjectStore:
    """One connection is shared by all tasks of a process, until its environment, which holds credentials, changes."""
    return ObjectStore(address)
