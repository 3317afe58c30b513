"""Names: of the files that make a data set, relative to where it lies."""

from __future__ import annotations

SPEC, MANIFEST, CARD, LICENCES, DATA, ASSETS = (
    "spec.yaml",
    "manifest.json",
    "README.md",
    "LICENSES.md",
    "data",
    "assets",
)
SHEET, TRUTH, DISTRIBUTIONS = "contact-sheet.png", "ground-truth.png", "distributions.png"
FIGURES = (SHEET, TRUTH, DISTRIBUTIONS)
BESIDE = (CARD, LICENCES, SPEC, MANIFEST, *(f"{ASSETS}/{name}" for name in FIGURES))  # the shards

SCRATCH = ".subsynth-tmp"  # beside data/, never in it: what lies there is read as data
PLAN = f"{SCRATCH}/plan"  # the digest of what is being rendered here
LOCK = f"{SCRATCH}/lock"
