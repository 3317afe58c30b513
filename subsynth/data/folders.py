"""The folders of the bundled assets."""

from __future__ import annotations

from pathlib import Path


def bundled_folder(name: str) -> Path:
    """The folder of one kind of bundled asset: "fonts", "backgrounds" or "corpus".

    In an installed package it lies beside this file; in a checkout, fonts/ and backgrounds/ are top-level folders.
    """
    here = Path(__file__).parent
    return here / name if (here / name).is_dir() else here.parents[1] / name
