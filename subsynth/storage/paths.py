"""Names: of the files that make a data set, relative to where it lies, and of those that are not finished."""

from __future__ import annotations

import os
import platform

SPEC, MANIFEST, CARD, LICENCES = "spec.yaml", "manifest.json", "README.md", "LICENSES.md"
DATA, ASSETS = "data", "assets"
SHEET, TRUTH, DISTRIBUTIONS = "contact-sheet.png", "ground-truth.png", "distributions.png"
FIGURES = (SHEET, TRUTH, DISTRIBUTIONS)
BESIDE = (CARD, LICENCES, SPEC, MANIFEST, *(f"{ASSETS}/{name}" for name in FIGURES))  # the shards

SCRATCH = ".subsynth-tmp"  # beside data/, never in it: what lies there is read as data
PLAN = f"{SCRATCH}/plan"  # the digest of what is being rendered here
LOCK = f"{SCRATCH}/lock"

FOLDER = -1  # the size of a folder in a listing


def unique() -> str:
    """A suffix that no other process of any machine uses."""
    return f"{platform.node()}-{os.getpid()}"
