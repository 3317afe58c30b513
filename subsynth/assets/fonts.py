"""Users' font files: each face of a .ttf, .otf or .ttc file, described by its tables."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont

from subsynth.core.errors import MaterialError
from subsynth.data.font_catalogue import Face


def read_font_file(path: str) -> tuple[Face, ...]:
    """The faces of a user's font file (.ttf, .otf, .ttc); "name.ttc#2" is one face of a collection, counted from 0.

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
        raise MaterialError(
            f"font {path}: WOFF, a compressed web font, is not supported; convert it to .ttf or .otf first"
        )
    try:
        members = TTCollection(file, lazy=True).fonts if content[:4] == b"ttcf" else [TTFont(file, lazy=True)]
        numbers = [int(wanted)] if one else list(range(len(members)))
        if numbers[-1] >= len(members):
            raise MaterialError(f"font {path}: the file has {len(members)} faces, numbered from 0")
        digest = hashlib.sha256(content).hexdigest()
        return tuple(_describe(members[n], file, n, digest) for n in numbers)
    except MaterialError:
        raise
    except Exception as error:  # fontTools raises many kinds of error for a broken table
        raise MaterialError(f"font {path}: not a readable font ({error}); remove it from fonts.files") from error


def _describe(font: TTFont, file: Path, number: int, digest: str) -> Face:
    if "glyf" not in font and "CFF " not in font and "CFF2" not in font:
        raise MaterialError(f"font {file}: it has no outlines (bitmaps only?); remove it from fonts.files")
    name = font["name"]
    family = name.getDebugName(16) or name.getDebugName(1) or file.stem
    style = name.getDebugName(17) or name.getDebugName(2) or "Regular"
    select = font["OS/2"].fsSelection if "OS/2" in font else 0
    bold = font["OS/2"].usWeightClass >= 600 if "OS/2" in font else False
    italic = bool(select & 0x201)
    return Face(f"{family} {style}", family, bold, italic, str(file.resolve()), number, digest, "", "user", "")
