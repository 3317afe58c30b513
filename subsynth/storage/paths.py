"""Names of the files of a data set, relative to its root, and of its temporary files."""

from __future__ import annotations

import os
import platform

SPEC, MANIFEST, CARD, LICENCES = "spec.yaml", "manifest.json", "README.md", "LICENSES.md"
DATA, ASSETS = "data", "assets"
SHEET, TRUTH, DISTRIBUTIONS = "contact-sheet.png", "ground-truth.png", "distributions.png"
FIGURES = (SHEET, TRUTH, DISTRIBUTIONS)
DOCUMENTS = (CARD, LICENCES, SPEC, MANIFEST, *(f"{ASSETS}/{name}" for name in FIGURES))  # every file but the shards

SCRATCH = ".subsynth-tmp"  # beside data/, not inside it: every parquet file in data/ would be read as data
PLAN = f"{SCRATCH}/plan"  # holds the plan digest of the data set that is being rendered
LOCK = f"{SCRATCH}/lock"

FOLDER = -1  # the size that `Storage.list_folder` gives for a folder


def unique_suffix() -> str:
    """A suffix for temporary files that no other running process on any machine uses."""
    return f"{platform.node()}-{os.getpid()}"
