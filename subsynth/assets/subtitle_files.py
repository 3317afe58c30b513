"""Users' text files: .txt, .srt and .ass, as lines of text with the place that each came from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from subsynth.core.errors import MaterialError

_SRT_TIME = re.compile(r"^\d+:\d\d:\d\d[,.]\d+ --> ")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


class TextRow(NamedTuple):
    """A line of text before it is cut: its source (a bundled source or a file name), its id there, and the text."""

    source: str
    id: str
    text: str


def read_text_file(path: str) -> Iterator[TextRow]:
    """The lines of a UTF-8 file: .txt (one per line), .srt or .ass.

    Raises MaterialError for a file that is missing, empty, in another encoding, or holds what cannot be drawn in a
    subtitle line: control characters, or right-to-left text.
    """
    file = Path(path)
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise MaterialError(f"corpus {path}: {error.strerror or error}; check text.files") from error
    except UnicodeDecodeError as error:
        raise MaterialError(
            f"corpus {path}: byte {error.start} is not UTF-8; convert the file, for instance with iconv -t UTF-8"
        ) from error
    reader = {".srt": _srt_lines, ".ass": _ass_lines, ".ssa": _ass_lines}.get(file.suffix.lower(), _numbered_lines)
    empty = True
    for number, line in reader(content):
        text = unicodedata.normalize("NFC", line if reader is _numbered_lines else _MARKUP.sub("", line)).strip()
        if not text:
            continue
        for char in text:
            _check(char, f"corpus {path}, line {number}")
        empty = False
        yield TextRow(file.name, str(number), re.sub(r"\s+", " ", text))
    if empty:
        raise MaterialError(f"corpus {path}: it holds no line of text; name another file in text.files")


def _check(char: str, where: str) -> None:
    if char != "\t" and unicodedata.category(char) in ("Cc", "Cs", "Cn"):
        raise MaterialError(f"{where}: U+{ord(char):04X} cannot be drawn; remove it")
    if unicodedata.bidirectional(char) in ("R", "AL"):
        raise MaterialError(
            f"{where}: U+{ord(char):04X} is written from right to left, which is not supported; remove it"
        )


def _numbered_lines(content: str) -> Iterable[tuple[int, str]]:
    return enumerate(re.split(r"\r\n|\n|\r", content), 1)


def _srt_lines(content: str) -> Iterable[tuple[int, str]]:
    lines = list(_numbered_lines(content))
    for (number, line), (_, following) in zip(lines, [*lines[1:], (0, "")], strict=True):
        counter = line.strip().isdigit() and _SRT_TIME.match(following.strip())
        if not counter and not _SRT_TIME.match(line.strip()):
            yield number, line


def _ass_lines(content: str) -> Iterable[tuple[int, str]]:
    for number, line in _numbered_lines(content):
        if line.startswith("Dialogue:"):
            fields = line.split(",", 9)
            for part in re.split(r"\\[Nn]", fields[9] if len(fields) == 10 else ""):
                yield number, part
