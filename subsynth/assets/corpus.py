"""Corpus: lines of text, cut where a subtitle would be cut, and divided so that no two splits share a line."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.subtitle_files import TextRow
from subsynth.core import cache
from subsynth.data.folders import bundled_folder

PACK = "lines-1"  # changes with the rules for cutting and dividing
SOURCES = {"en": ("tatoeba",), "zh": ("tang", "tatoeba", "words")}  # sources of the bundled text
TEST_SHARE = 10  # one line in this many belongs to the test splits
_STOPS = {"en": ".,;:!?", "zh": "，。！？；：、…—"}
_NOT_ALNUM = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Lines:
    """The lines of one side of the division. `source` is an index into `sources`: where each line comes from."""

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
    """The lines of some bundled sources (see `divide`), cut once and kept in the cache."""
    key = json.dumps([bundled_digest(lang), list(sources), max_chars])
    name = hashlib.sha256(key.encode()).hexdigest()[:24]

    def build(folder: Path) -> None:
        rows = [row for row in bundled_rows(lang) if row.source in sources]
        for side in (False, True):
            lines = divide(rows, lang, max_chars, side)
            columns = ["\n".join(column) for column in (lines.text, lines.id, lines.sources)]
            (folder / f"{side}.txt").write_text("\n\n".join(columns), encoding="utf-8")
            np.save(folder / f"{side}.npy", lines.source)

    folder = cache.build_once(f"{PACK}/{name}", build)
    columns = (folder / f"{test}.txt").read_text(encoding="utf-8").split("\n\n")
    text, ids, names = (tuple(column.split("\n")) if column else () for column in columns)
    return Lines(text, ids, np.load(folder / f"{test}.npy"), names)


def cut(text: str, lang: str, max_chars: int) -> list[str]:
    """Cut a line into pieces of at most `max_chars` characters, as evenly as its possible breaks allow.

    A cut falls after punctuation where there is some near, otherwise at a space, otherwise (in Chinese, or in a word
    longer than a whole line) between any two characters, but never before closing punctuation.
    """
    pieces = []
    while len(text) > max_chars:
        at = _best_break(text, lang, max_chars)
        pieces.append(text[:at].strip())
        text = text[at:].strip()
    return [*pieces, text]


def _best_break(text: str, lang: str, max_chars: int) -> int:
    """Where to cut the first piece off a line that is too long: the number of its characters."""
    parts = -(-len(text) // max_chars)
    target = -(-len(text) // parts)
    best, best_cost = max_chars, float("inf")
    for at in range(max(1, target // 2), max_chars + 1):
        before, after = text[at - 1], text[at]
        if after in _STOPS[lang] or after in "”’》）)":
            continue
        if before in _STOPS[lang] and (lang == "zh" or after == " "):
            cost = 0.0
        elif after == " ":
            cost = 4.0
        elif lang == "zh" and not (before.isascii() and after.isascii()):
            cost = 6.0
        else:
            cost = 40.0
        cost += abs(at - target)
        if cost < best_cost:
            best, best_cost = at, cost
    return best


def letters_and_digits(text: str) -> str:
    """A line's letters and digits, case-folded: lines that agree in them count as the same line."""
    return _NOT_ALNUM.sub("", text.casefold())


def is_test(text: str) -> bool:
    """Whether a line belongs to the test splits: a function of its letters and digits alone.

    Lines that differ only in case, spaces or punctuation fall on the same side.
    """
    digest = hashlib.blake2b((letters_and_digits(text) or text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % TEST_SHARE == 0


def divide(rows: Iterable[TextRow], lang: str, max_chars: int, test: bool) -> Lines:
    """Cut rows into lines, drop duplicates and lines without a letter or digit, and keep one side of the division.

    The side is that of the test splits if `test`, otherwise that of train. The order of the rows is kept.
    """
    kept: dict[str, TextRow] = {}
    for row in rows:
        for piece in cut(row.text, lang, max_chars):
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
