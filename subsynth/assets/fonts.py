"""Users' font files: each face of a .ttf, .otf or .ttc file, and each named instance of a variable font."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont

from subsynth.core.errors import MaterialError
from subsynth.core.files import read_regular_file
from subsynth.data.font_catalogue import Face

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
MAX_FILE = 1 << 29  # bytes
BOLD_FROM = 600  # weight class
Variations = tuple[tuple[str, float], ...]

_NUMBER = re.compile(r"\d+")
_AXES = re.compile(r"[A-Za-z0-9 ]{4}=-?\d+(\.\d+)?(,[A-Za-z0-9 ]{4}=-?\d+(\.\d+)?)*")


def find_fonts(entry: str) -> list[str]:
    """The fonts that an entry of fonts.files names: a file, a pattern such as *.ttf, or a folder with its subfolders.

    "~" is the home folder; a file may be followed by "#2" (a face of a collection) or "#wght=700" (an instance of a
    variable font). Raises MaterialError if there is none.
    """
    path = Path(entry).expanduser()
    if path.is_dir():
        files = sorted(str(p) for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not files:
            raise MaterialError(f"font {entry}: the folder has no file of {', '.join(SUFFIXES)}; check fonts.files")
        return files
    if any(c in entry for c in "*?[") and not path.exists():
        anchor = Path(path.anchor) if path.anchor else Path()
        files = sorted(str(p) for p in anchor.glob(str(path.relative_to(path.anchor))) if p.is_file())
        if not files:
            raise MaterialError(f"font {entry}: no file matches; check fonts.files")
        return files
    return [str(path)]


def read_font_file(path: str) -> tuple[Face, ...]:
    """The faces of a font file: all faces of a collection, or one of them ("name.ttc#2", counted from 0).

    The faces of a variable font are its named instances, or one instance ("name.ttf#wght=700,wdth=80"). Raises
    MaterialError if the file is not a usable font.
    """
    file, selector = _split(path)
    content = read_regular_file(file, "font", "check fonts.files", MAX_FILE, MaterialError)
    if content[:4] in (b"wOFF", b"wOF2"):
        raise MaterialError(
            f"font {path}: WOFF, a compressed web font, is not supported; convert it to .ttf or .otf first"
        )
    try:
        stream = io.BytesIO(content)
        members = TTCollection(stream, lazy=True).fonts if content[:4] == b"ttcf" else [TTFont(stream, lazy=True)]
        digest = hashlib.sha256(content).hexdigest()
        numbers = [int(selector)] if _NUMBER.fullmatch(selector) else list(range(len(members)))
        if numbers[-1] >= len(members):
            raise MaterialError(f"font {path}: the file has {len(members)} faces, numbered from 0")
        axes = "" if _NUMBER.fullmatch(selector) else selector
        return tuple(face for n in numbers for face in _faces(members[n], file, n, digest, axes))
    except MaterialError:
        raise
    except KeyError as error:
        raise MaterialError(f"font {path}: it lacks the table {error}; the font is damaged, remove it") from error
    except Exception as error:  # fontTools raises many kinds of error for a broken table
        raise MaterialError(f"font {path}: not a readable font ({error}); remove it from fonts.files") from error


def _split(path: str) -> tuple[Path, str]:
    """The file, and the text after "#" if that selects a face or an instance of it."""
    name, mark, selector = path.rpartition("#")
    if mark and not Path(path).exists() and (_NUMBER.fullmatch(selector) or _AXES.fullmatch(selector)):
        return Path(name).expanduser(), selector
    return Path(path).expanduser(), ""


def _faces(font: TTFont, file: Path, number: int, digest: str, axes: str) -> Iterator[Face]:
    if "glyf" not in font and "CFF " not in font and "CFF2" not in font:
        raise MaterialError(f"font {file}: it has no outlines (bitmaps only?); remove it from fonts.files")
    family, style = _names(font, file)
    weight, italic = _weight(font), _is_italic(font)
    path = str(file.resolve())
    if "fvar" not in font:
        if axes:
            raise MaterialError(f"font {file}#{axes}: it is not a variable font; remove #{axes}")
        yield Face(f"{family} {style}", family, weight >= BOLD_FROM, italic, path, number, digest, "", "user", "")
        return
    for instance_style, variations in _instances(font, file, style, axes):
        at = dict(variations)
        bold = at.get("wght", weight) >= BOLD_FROM
        slanted = at.get("ital", 0) >= 0.5 or at.get("slnt", 0) < 0 or (italic and "ital" not in at)
        name = f"{family} {instance_style}"
        yield Face(name, family, bold, slanted, path, number, digest, "", "user", "", variations)


def _names(font: TTFont, file: Path) -> tuple[str, str]:
    """Family and style: the typographic names if there are any, else the file's name and "Regular"."""
    name = font.get("name")

    def first(*ids: int) -> str:
        entries = (name.getDebugName(i) for i in ids) if name is not None else ()
        return next((" ".join(str(n).split()) for n in entries if n and str(n).strip()), "")

    return first(16, 1) or file.stem, first(17, 2) or "Regular"


def _weight(font: TTFont) -> int:
    if "OS/2" in font:
        return int(font["OS/2"].usWeightClass)
    return 700 if "head" in font and font["head"].macStyle & 1 else 400


def _is_italic(font: TTFont) -> bool:
    if "OS/2" in font:
        return bool(font["OS/2"].fsSelection & 0x201)  # italic or oblique
    return bool("head" in font and font["head"].macStyle & 2)


def _instances(font: TTFont, file: Path, style: str, axes: str) -> Sequence[tuple[str, Variations]]:
    """The style and the axis values of the chosen instance, or of every named one."""
    ranges = {axis.axisTag: (axis.minValue, axis.defaultValue, axis.maxValue) for axis in font["fvar"].axes}
    if axes:
        chosen = {tag: float(value) for tag, value in (part.split("=") for part in axes.split(","))}
        for tag, value in chosen.items():
            if tag not in ranges or not ranges[tag][0] <= value <= ranges[tag][2]:
                known = ", ".join(f"{t} {low:g} to {high:g}" for t, (low, _, high) in ranges.items())
                raise MaterialError(f"font {file}#{axes}: {tag}={value:g} is not within its axes ({known})")
        return [(axes.replace("=", " ").replace(",", " "), tuple(sorted(chosen.items())))]
    names = font.get("name")
    named: list[tuple[str, Variations]] = []
    for instance in font["fvar"].instances:
        label = names.getDebugName(instance.subfamilyNameID) if names is not None else None
        values = tuple(sorted((tag, float(value)) for tag, value in instance.coordinates.items()))
        label = label or " ".join(f"{tag} {value:g}" for tag, value in values)
        if values not in [v for _, v in named]:
            named.append((str(label), values))
    default = tuple(sorted((tag, float(middle)) for tag, (_, middle, _) in ranges.items()))
    return named or [(style, default)]
