"""Fonts: the catalogue of bundled faces, and those of users' files."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont

from subsynth import data
from subsynth.errors import MaterialError


@dataclass(frozen=True)
class Face:
    """One face: a file (and its number in a collection) with the facts that choose it."""

    name: str  # unique, as the column `font` shows it: "Open Sans Bold Italic"
    family: str
    bold: bool
    italic: bool  # italic or oblique by design
    path: str
    number: int  # face number in a .ttc, else 0
    sha256: str  # of the file
    script: str  # "latin", "hans", or "" for a user's font
    role: str  # "train", "unseen", or "user"
    spdx: str


@lru_cache(maxsize=1)
def catalogue() -> tuple[Face, ...]:
    """Every bundled face, in the order of fonts/catalogue.tsv."""
    folder = data.folder("fonts")
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
    """The bundled families of a script ("latin", "hans") and role ("train", "unseen")."""
    return tuple(dict.fromkeys(f.family for f in catalogue() if f.script == script and f.role == role))


def bundled(family: str) -> tuple[Face, ...]:
    """The faces of a bundled family. Raises MaterialError for a name that the catalogue lacks."""
    faces = tuple(f for f in catalogue() if f.family == family)
    if not faces:
        known = ", ".join(dict.fromkeys(f.family for f in catalogue()))
        raise MaterialError(f"fonts.families: no bundled family is called {family!r}; choose from: {known}")
    return faces


def own(path: str) -> tuple[Face, ...]:
    """The faces of a user's font file (.ttf, .otf, .ttc); "name.ttc#2" is one face of a collection, from 0.

    Raises MaterialError if it is not a usable font.
    """
    name, mark, wanted = path.rpartition("#")
    one = bool(mark) and wanted.isdigit() and not Path(path).exists()
    file = Path(name if one else path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise MaterialError(f"font {path}: {error.strerror or error}; check fonts.files") from error
    if content[:4] in (b"wOFF", b"wOF2"):
        raise MaterialError(f"font {path}: it is packed for the web (WOFF); unpack it to .ttf or .otf first")
    try:
        members = TTCollection(file, lazy=True).fonts if content[:4] == b"ttcf" else [TTFont(file, lazy=True)]
        numbers = [int(wanted)] if one else list(range(len(members)))
        if numbers[-1] >= len(members):
            raise MaterialError(f"font {path}: the file has {len(members)} faces, numbered from 0")
        digest = hashlib.sha256(content).hexdigest()
        return tuple(_described(members[n], file, n, digest) for n in numbers)
    except MaterialError:
        raise
    except Exception as error:  # fontTools lets many kinds of error out of a broken table
        raise MaterialError(
            f"font {path}: not a font that can be read ({error}); remove it from fonts.files"
        ) from error


def _described(font: TTFont, file: Path, number: int, digest: str) -> Face:
    if "glyf" not in font and "CFF " not in font and "CFF2" not in font:
        raise MaterialError(f"font {file}: it has no outlines (bitmaps only?); remove it from fonts.files")
    name = font["name"]
    family = name.getDebugName(16) or name.getDebugName(1) or file.stem
    style = name.getDebugName(17) or name.getDebugName(2) or "Regular"
    select = font["OS/2"].fsSelection if "OS/2" in font else 0
    bold = font["OS/2"].usWeightClass >= 600 if "OS/2" in font else False
    italic = bool(select & 0x201)
    return Face(f"{family} {style}", family, bold, italic, str(file.resolve()), number, digest, "", "user", "")
