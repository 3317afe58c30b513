"""Corpus: lines of text, cut where a subtitle would be cut, and parted so that no split shares a line."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subsynth.core import cache
from subsynth.core.errors import MaterialError
from subsynth.data.folders import bundled_folder

PACK = "lines-1"  # changes with the cutting and the parting
SOURCES = {"en": ("tatoeba",), "zh": ("tang", "tatoeba", "words")}  # of the bundled text
TEST_SHARE = 10  # one line in so many belongs to the test splits
_STOPS = {"en": ".,;:!?", "zh": "，。！？；：、…—"}
_SRT_TIME = re.compile(r"^\d+:\d\d:\d\d[,.]\d+ --> ")
_NOT_ALNUM = re.compile(r"[\W_]+")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


@dataclass(frozen=True)
class Lines:
    """The lines of one split. `source` numbers the entry of `sources` that a line came from."""

    text: tuple[str, ...]
    id: tuple[str, ...]
    source: NDArray[np.int64]
    sources: tuple[str, ...]

    @cached_property
    def length(self) -> NDArray[np.int64]:
        """The number of characters of each line."""
        return np.array([len(t) for t in self.text], dtype=np.int64)


def bundled(lang: str) -> Iterator[tuple[str, str, str]]:
    """The bundled lines of a language as (source, id, text), whole, as their makers wrote them."""
    with gzip.open(_bundle(lang), "rt", encoding="utf-8") as table:
        next(table)
        for row in table:
            source, name, text = row.rstrip("\n").split("\t")
            yield source, name, text


def _bundle(lang: str) -> Path:
    return bundled_folder("corpus") / f"{lang}.tsv.gz"


@lru_cache(maxsize=8)
def digest(lang: str) -> str:
    """SHA-256, hex, of the bundled text of a language."""
    return hashlib.sha256(_bundle(lang).read_bytes()).hexdigest()


def bundled_lines(lang: str, sources: Sequence[str], longest: int, test: bool) -> Lines:
    """The `lines` of some bundled sources, cut once and kept in the cache."""
    name = hashlib.sha256(json.dumps([digest(lang), list(sources), longest]).encode()).hexdigest()[:24]

    def build(folder: Path) -> None:
        rows = [row for row in bundled(lang) if row[0] in sources]
        for side in (False, True):
            cut_lines = lines(rows, lang, longest, side)
            texts = ["\n".join(column) for column in (cut_lines.text, cut_lines.id, cut_lines.sources)]
            (folder / f"{side}.txt").write_text("\n\n".join(texts), encoding="utf-8")
            np.save(folder / f"{side}.npy", cut_lines.source)

    place = cache.build_once(f"{PACK}/{name}", build)
    texts = (place / f"{test}.txt").read_text(encoding="utf-8").split("\n\n")
    text, ids, names = (tuple(column.split("\n")) if column else () for column in texts)
    return Lines(text, ids, np.load(place / f"{test}.npy"), names)


def own(path: str) -> Iterator[tuple[str, str, str]]:
    """The lines of a user's UTF-8 file, .txt (a line each), .srt or .ass, as (source, id, text).

    Raises MaterialError for a file that is missing, empty, in another encoding, or holds what cannot be a
    line of a subtitle: control characters, or writing from right to left.
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
    reader = {".srt": _srt, ".ass": _ass, ".ssa": _ass}.get(file.suffix.lower(), _plain)
    found = False
    for number, line in reader(content):
        text = unicodedata.normalize("NFC", _MARKUP.sub("", line) if reader is not _plain else line).strip()
        if not text:
            continue
        for char in text:
            _check(char, f"corpus {path}, line {number}")
        found = True
        yield file.name, str(number), re.sub(r"\s+", " ", text)
    if not found:
        raise MaterialError(f"corpus {path}: it holds no line of text; name another file in text.files")


def _check(char: str, where: str) -> None:
    if char != "\t" and unicodedata.category(char) in ("Cc", "Cs", "Cn"):
        raise MaterialError(f"{where}: U+{ord(char):04X} cannot be drawn; remove it")
    if unicodedata.bidirectional(char) in ("R", "AL"):
        raise MaterialError(
            f"{where}: U+{ord(char):04X} is written from right to left, which is not supported; remove it"
        )


def _plain(content: str) -> Iterable[tuple[int, str]]:
    return enumerate(re.split(r"\r\n|\n|\r", content), 1)


def _srt(content: str) -> Iterable[tuple[int, str]]:
    lines = list(_plain(content))
    for (number, line), (_, following) in zip(lines, [*lines[1:], (0, "")], strict=True):
        counter = line.strip().isdigit() and _SRT_TIME.match(following.strip())
        if not counter and not _SRT_TIME.match(line.strip()):
            yield number, line


def _ass(content: str) -> Iterable[tuple[int, str]]:
    for number, line in _plain(content):
        if line.startswith("Dialogue:"):
            fields = line.split(",", 9)
            for part in re.split(r"\\[Nn]", fields[9] if len(fields) == 10 else ""):
                yield number, part


def cut(text: str, lang: str, longest: int) -> list[str]:
    """Cut a line into pieces of at most `longest` characters, as evenly as its joints allow.

    A cut falls after punctuation where there is some near, else at a space, else (Chinese, or a word
    longer than a whole line) between any two characters, but never before closing punctuation.
    """
    pieces = []
    while len(text) > longest:
        at = _joint(text, lang, longest)
        pieces.append(text[:at].strip())
        text = text[at:].strip()
    return [*pieces, text]


def _joint(text: str, lang: str, longest: int) -> int:
    """Where to cut the first piece off a line that is too long: the number of its characters."""
    parts = -(-len(text) // longest)
    aim = -(-len(text) // parts)
    best, best_cost = longest, float("inf")
    for at in range(max(1, aim // 2), longest + 1):
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
        cost += abs(at - aim)
        if cost < best_cost:
            best, best_cost = at, cost
    return best


def bare(text: str) -> str:
    """A line's letters and digits alone, without case: what makes two lines the same."""
    return _NOT_ALNUM.sub("", text.casefold())


def is_test(text: str) -> bool:
    """Whether a line belongs to the test splits: decided by its letters and digits alone.

    Lines that differ only in case, spaces or punctuation fall on the same side.
    """
    digest = hashlib.blake2b((bare(text) or text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % TEST_SHARE == 0


def lines(rows: Iterable[tuple[str, str, str]], lang: str, longest: int, test: bool) -> Lines:
    """Cut, clean of doubles, and keep the side of the parting that is asked for, in the order given."""
    kept: dict[str, tuple[str, str]] = {}
    for source, name, text in rows:
        for piece in cut(text, lang, longest):
            if piece not in kept and is_test(piece) == test and any(c.isalnum() for c in piece):
                kept[piece] = (source, name)
    sources = tuple(dict.fromkeys(s for s, _ in kept.values()))
    number = {s: i for i, s in enumerate(sources)}
    return Lines(
        text=tuple(kept),
        id=tuple(name for _, name in kept.values()),
        source=np.array([number[s] for s, _ in kept.values()], dtype=np.int64),
        sources=sources,
    )
