"""The folders of the bundled assets."""

from __future__ import annotations

from pathlib import Path


def bundled_folder(name: str) -> Path:
    """The folder of one kind of bundled asset: "fonts", "backgrounds" or "corpus".

    In an installed package it is next to this file; in a checkout, fonts/ and backgrounds/ are top-level folders.
    """
    package = Path(__file__).parent
    return package / name if (package / name).is_dir() else package.parents[1] / name
