"""The catalogue of bundled font faces, and the record that describes a face."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache

from subsynth.core.errors import MaterialError
from subsynth.data.folders import bundled_folder


@dataclass(frozen=True)
class Face:
    """One face: its file (and number in a collection), and the properties by which faces are chosen."""

    name: str  # unique, as the column `font` shows it: "Open Sans Bold Italic"
    family: str
    bold: bool
    italic: bool  # italic or oblique by design
    path: str
    number: int  # face number in a .ttc, else 0
    sha256: str  # of the file
    script: str  # as in `Language.fonts`, several separated by spaces; "" for a user's font
    role: str  # "train", "unseen", or "user"
    spdx: str
    variations: tuple[tuple[str, float], ...] = ()  # axis values of an instance of a variable font


@lru_cache(maxsize=1)
def catalogue() -> tuple[Face, ...]:
    """Every bundled face, in the order of fonts/catalogue.tsv."""
    folder = bundled_folder("fonts")
    with (folder / "catalogue.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return tuple(
        Face(
            name=f"{row['family']} {row['style']}",
            family=row["family"],
            bold=int(row["weight"]) >= 600,
            italic=row["italic"] == "1",
            path=str(folder / row["file"]),
            number=0,
            sha256=row["sha256"],
            script=row["script"],
            role=row["role"],
            spdx=row["spdx"],
        )
        for row in rows
    )


def families(script: str, role: str) -> tuple[str, ...]:
    """The bundled families of a script (see `Language.fonts`) and role ("train", "unseen")."""
    return tuple(dict.fromkeys(f.family for f in catalogue() if script in f.script.split() and f.role == role))


def bundled(family: str) -> tuple[Face, ...]:
    """The faces of a bundled family. Raises MaterialError for a name that is not in the catalogue."""
    faces = tuple(f for f in catalogue() if f.family == family)
    if not faces:
        known = ", ".join(dict.fromkeys(f.family for f in catalogue()))
        raise MaterialError(f"fonts.families: no bundled family is called {family!r}; choose from: {known}")
    return faces
