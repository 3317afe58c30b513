"""Users' text files as rows of a corpus; each file has a name that is unique within the spec."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from subsynth.assets.subtitle_files import read_cues
from subsynth.assets.text_cleaning import clean_text
from subsynth.core.errors import MaterialError
from subsynth.core.files import read_regular_file

MAX_FILE = 1 << 30  # bytes


class TextRow(NamedTuple):
    """A line of text before it is cut: its source (bundled source or file name), its id in the source, and the text."""

    source: str
    id: str
    text: str


@dataclass(frozen=True)
class TextFile:
    """A user's text file: its path, and its name in the column `text_source`."""

    path: str
    name: str


def name_files(paths: Sequence[str]) -> list[TextFile]:
    """The files without duplicates, each named by the shortest end of its path that no other file shares."""
    resolved = list(dict.fromkeys(str(Path(path).expanduser().resolve()) for path in paths))
    files = []
    for path in resolved:
        parts = Path(path).parts
        others = [Path(other).parts for other in resolved if other != path]
        length = 1
        while length < len(parts) and any(other[-length:] == parts[-length:] for other in others):
            length += 1
        files.append(TextFile(path, "/".join(parts[-length:])))
    return files


def read_content(path: str) -> bytes:
    """The content of a user's text file. Raises MaterialError."""
    return read_regular_file(path, "corpus", "check text.files", MAX_FILE, MaterialError)


def read_text_file(path: str, name: str | None = None) -> Iterator[TextRow]:
    """The lines of a UTF-8 file: .txt (one per line), .srt, .vtt, .ass, .ssa or .sub (MicroDVD, MPL2).

    Raises MaterialError for a file that is missing, empty, in another encoding, of an unknown kind, or contains
    characters that cannot be drawn in a subtitle line: control characters, or right-to-left text.
    """
    try:
        content = read_content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MaterialError(
            f"corpus {path}: byte {error.start} is not UTF-8; convert the file, for instance with iconv -t UTF-8"
        ) from error
    empty = True
    source = name or Path(path).name
    for cue in read_cues(path, content):
        text = clean_text(cue.text)
        if text:
            _check(text, f"corpus {path}, {'line' if Path(path).suffix.lower() == '.txt' else 'cue'} {cue.id}")
            empty = False
            yield TextRow(source, cue.id, text)
    if empty:
        raise MaterialError(f"corpus {path}: it holds no line of text; name another file in text.files")


def content_digest(paths: Sequence[str]) -> str:
    """SHA-256, hex, of the names and the content of text files."""
    digest = hashlib.sha256()
    for file in name_files(paths):
        content = hashlib.sha256(read_content(file.path)).hexdigest()
        digest.update(f"{file.name}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _check(text: str, where: str) -> None:
    if text.isascii() and text.isprintable():
        return
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cs", "Cn"):
            raise MaterialError(f"{where}: U+{ord(char):04X} cannot be drawn; remove it")
