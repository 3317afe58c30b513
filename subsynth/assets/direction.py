"""Direction: the runs of a line in which glyphs follow each other from left to right, or from right to left.

Lines have one direction, that of their letters. In a line from right to left, numbers run from left to right: of the
bidirectional algorithm (Unicode Standard Annex 9), this is all that text needs which does not mix such letters with
Latin ones; text that does is rejected (see `mixes_directions`).
"""

from __future__ import annotations

import re
import unicodedata

Run = tuple[int, int, bool]  # start and end in the text, and whether it runs from right to left

_RTL = frozenset(("R", "AL"))
# Numbers by rules W1 to W7: after an Arabic letter, digits are Arabic ones, which signs and hyphens do not join.
_EUROPEAN = re.compile(r"[#$%°€₪]*\d+(?:[.,:/+\-]\d+)*[#$%°€₪]*")
_ARABIC = re.compile(r"[\d\u066b\u066c]+(?:[.,:/]\d+)*")


def is_rtl(text: str) -> bool:
    """Whether the first letter of a text belongs to a script that runs from right to left."""
    if text.isascii():
        return False
    strong = (c for c in map(unicodedata.bidirectional, text) if c in ("L", "R", "AL"))
    return next(strong, "L") in _RTL


def mixes_directions(text: str) -> bool:
    """Whether a text has letters of both directions."""
    if text.isascii():
        return False
    kinds = set(map(unicodedata.bidirectional, text))
    return "L" in kinds and bool(_RTL & kinds)


def visual_runs(text: str) -> list[Run]:
    """The runs of a line, in the order in which they stand from left to right."""
    if not is_rtl(text):
        return [(0, len(text), False)]
    runs: list[Run] = []
    end = 0
    while number := _next_number(text, end):
        if number.start() > end:
            runs.append((end, number.start(), True))
        runs.append((*number.span(), False))
        end = number.end()
    if end < len(text):
        runs.append((end, len(text), True))
    return runs[::-1]


def _next_number(text: str, start: int) -> re.Match[str] | None:
    first = re.compile(r"\d").search(text, start)
    if first is None:
        return None
    before = text[: first.start()]
    is_arabic = unicodedata.bidirectional(first[0]) == "AN" or any(unicodedata.bidirectional(c) == "AL" for c in before)
    return (_ARABIC if is_arabic else _EUROPEAN).search(text, start)
