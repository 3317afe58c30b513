"""Bundled material: fonts, photographs and sentences, each with its licences."""

from __future__ import annotations

from pathlib import Path


def folder(name: str) -> Path:
    """The folder of a kind of material: "fonts", "backgrounds" or "corpus".

    Installed, it lies here; in a checkout, fonts/ and backgrounds/ lie at the top.
    """
    here = Path(__file__).parent
    return here / name if (here / name).is_dir() else here.parents[1] / name
