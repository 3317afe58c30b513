"""Corpus: lines of text, cut where a subtitle would be cut, and divided so that train and test share no line."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.line_cutting import cut, cut_bundled
from subsynth.assets.user_text import TextRow, content_digest, name_files, read_text_file
from subsynth.core import cache
from subsynth.data.folders import bundled_folder
from subsynth.data.languages import LANGUAGES

PACK = "lines-2"  # changes with the rules for cutting and dividing
# The sources of the bundled text, in drawing order.
SOURCES = {code: tuple(name for name, _ in language.sources) for code, language in LANGUAGES.items()}
SHORT = 3  # characters of the longest short form
TEST_SHARE = 10  # one line in TEST_SHARE belongs to the test splits
_NOT_ALNUM = re.compile(r"[\W_]+")
# Words, with the marks of Hebrew, Arabic, Devanagari and Thai, which are no letters.
_WORDS = re.compile(r"[\w'’\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0e31-\u0e4e]+[.!?,。！？]?")


@dataclass(frozen=True)
class Lines:
    """The lines of train, or of the test splits. `source` holds the origin of each line as an index into `sources`."""

    text: tuple[str, ...]
    id: tuple[str, ...]
    source: NDArray[np.int64]
    sources: tuple[str, ...]

    @cached_property
    def length(self) -> NDArray[np.int64]:
        """The number of characters of each line."""
        return np.array([len(t) for t in self.text], dtype=np.int64)


def bundled_rows(lang: str) -> Iterator[TextRow]:
    """The bundled text of a language, uncut."""
    with gzip.open(_bundle(lang), "rt", encoding="utf-8") as table:
        next(table)
        for row in table:
            yield TextRow(*row.rstrip("\n").split("\t"))


def _bundle(lang: str) -> Path:
    return bundled_folder("corpus") / f"{lang}.tsv.gz"


@lru_cache(maxsize=8)
def bundled_digest(lang: str) -> str:
    """SHA-256, hex, of the bundled text of a language."""
    return hashlib.sha256(_bundle(lang).read_bytes()).hexdigest()


def bundled_lines(lang: str, sources: Sequence[str], max_chars: int, test: bool) -> Lines:
    """The lines of the named bundled sources (see `divide`), cut once and kept in the cache."""

    def divide_side(side: bool) -> Lines:
        rows = (row for row in bundled_rows(lang) if row.source in sources)
        return divide(rows, lang, max_chars, side, cut_bundled if lang in ("en", "zh") else cut)

    return _cached([bundled_digest(lang), *sources, str(max_chars)], divide_side, test)


def user_lines(paths: Sequence[str], lang: str, max_chars: int, test: bool) -> Lines:
    """The lines of a user's text files (see `divide`), parsed and cut once and kept in the cache.

    Raises MaterialError for a file that cannot be used.
    """

    def divide_side(side: bool) -> Lines:
        rows = (row for file in name_files(paths) for row in read_text_file(file.path, file.name))
        return divide(rows, lang, max_chars, side)

    return _cached(["files", content_digest(paths), lang, str(max_chars)], divide_side, test)


def _cached(key: list[str], divide_side: Callable[[bool], Lines], test: bool) -> Lines:
    """The lines of one side. The cache holds both sides of a division in one entry, named by the digest of `key`."""
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]

    def build(folder: Path) -> None:
        for side in (False, True):
            lines = divide_side(side)
            columns = {"text": lines.text, "id": lines.id, "sources": lines.sources}
            (folder / f"{side}.json").write_text(json.dumps(columns, ensure_ascii=False), encoding="utf-8")
            np.save(folder / f"{side}.npy", lines.source)

    def read(folder: Path) -> Lines:
        columns = json.loads((folder / f"{test}.json").read_text(encoding="utf-8"))
        text, ids, sources = (tuple(columns[c]) for c in ("text", "id", "sources"))
        return Lines(text, ids, np.load(folder / f"{test}.npy"), sources)

    return cache.read_entry(f"{PACK}/{name}", build, read)


def with_short_forms(lines: Lines, test: bool) -> Lines:
    """The lines, and after them their short forms that belong to the same side: words and beginnings of 1 to 3 letters.

    A short form has the source and the id of the first line that it is taken from.
    """
    known, short = set(lines.text), dict[str, int]()
    for number, text in enumerate(lines.text):
        for piece in _short_forms(text):
            if piece not in known and piece not in short and is_test(piece) == test:
                short[piece] = number
    origin = np.array(list(short.values()), dtype=np.int64)
    return Lines(
        lines.text + tuple(short),
        lines.id + tuple(lines.id[number] for number in short.values()),
        np.concatenate((lines.source, lines.source[origin])),
        lines.sources,
    )


def _short_forms(text: str) -> list[str]:
    """Words of at most SHORT characters, or, in a script without spaces, the first characters of a line."""
    words = _WORDS.findall(text)
    pieces = [word for word in words if len(word) <= SHORT]
    if words and len(words[0]) > SHORT and words[0][0] >= "\u2e80":
        pieces += [words[0][:count] for count in range(1, SHORT + 1)]
    return [piece for piece in pieces if piece[0].isalnum()]


def lines_of_cues(lines: Lines, count: int) -> NDArray[np.int64]:
    """The first `count` lines by pairs that follow each other in one cue of a file: int64 (c, 2) of indices."""
    cues = [(source, *_cue_and_line(number)) for source, number in zip(lines.source[:count], lines.id, strict=False)]
    first = [i for i in range(len(cues) - 1) if cues[i][2] and cues[i + 1] == (*cues[i][:2], cues[i][2] + 1)]
    return np.stack((first, np.array(first, dtype=np.int64) + 1), axis=1).astype(np.int64)


def _cue_and_line(number: str) -> tuple[str, int]:
    """The cue and the line of an id such as "12.2"; line 0 for an id that is not of a cue with several lines."""
    cue, _, line = number.partition(".")
    return cue, int(line) if line.isdecimal() else 0


def letters_and_digits(text: str) -> str:
    """A line's letters and digits, case-folded; lines in which these agree count as the same line."""
    return _NOT_ALNUM.sub("", text.casefold())


def is_test(text: str) -> bool:
    """Whether a line belongs to the test splits, which depends only on its letters and digits.

    Lines that differ only in case, spaces or punctuation fall on the same side.
    """
    digest = hashlib.blake2b((letters_and_digits(text) or text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % TEST_SHARE == 0


def divide(
    rows: Iterable[TextRow],
    lang: str,
    max_chars: int,
    test: bool,
    cut_line: Callable[[str, str, int], list[str]] = cut,
) -> Lines:
    """Cut rows into lines, drop duplicates and lines without a letter or digit, and keep one side of the division.

    The side is that of the test splits if `test`, otherwise that of train. The order of the rows is kept.
    """
    kept: dict[str, TextRow] = {}
    for row in rows:
        for piece in cut_line(row.text, lang, max_chars):
            if piece not in kept and is_test(piece) == test and any(c.isalnum() for c in piece):
                kept[piece] = row
    sources = tuple(dict.fromkeys(row.source for row in kept.values()))
    number = {source: i for i, source in enumerate(sources)}
    return Lines(
        text=tuple(kept),
        id=tuple(row.id for row in kept.values()),
        source=np.array([number[row.source] for row in kept.values()], dtype=np.int64),
        sources=sources,
    )
