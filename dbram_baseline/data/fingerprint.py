"""A fingerprint of the data behind a reference, by which results know what they were measured on."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from dbram_baseline.data import dibco
from dbram_baseline.data.pairs import hub_commit
from dbram_baseline.data.refs import DataRef

DIGITS = 12


def fingerprint(ref: DataRef) -> str:
    """Twelve hexadecimal digits of the data that the reference names now; "" if there is none, or for "render:".

    For a rendered directory it is the digest of its manifest, which contains a digest of all pixels; for other
    folders, of the names and sizes of the files; for a data set on the hub, its commit. Raises BaselineError if the
    hub has no such set.
    """
    if ref.scheme == "render":
        return ""
    if ref.scheme == "set" and not Path(ref.path).is_dir() and re.fullmatch(r"[\w.-]+(/[\w.-]+)?", ref.path):
        return hub_commit(ref.path)[:DIGITS]
    digest = hashlib.sha256()
    for folder in dibco.select_folders(ref) if ref.scheme == "dibco" else [Path(ref.path)]:
        if (folder / "manifest.json").is_file():
            digest.update((folder / "manifest.json").read_bytes())
            continue
        if not folder.is_dir():
            return ""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            digest.update(f"{path.relative_to(folder.parent)} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:DIGITS]
