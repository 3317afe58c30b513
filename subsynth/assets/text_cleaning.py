"""Text cleaning: the form in which text is drawn and stored."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from fontTools.unicodedata import script
from uniseg.derived import default_ignorable_code_point

_JOINERS = "\u200c\u200d"  # zero-width non-joiner and joiner
# Scripts whose letters change shape next to a joiner.
_JOINING_SCRIPTS = frozenset((
    "Arab", "Syrc", "Mong", "Nkoo", "Mand", "Adlm", "Rohg", "Phag", "Deva", "Beng", "Guru", "Gujr", "Orya", "Taml",
    "Telu", "Knda", "Mlym", "Sinh", "Khmr", "Mymr", "Tibt",
))  # fmt: skip


def clean_text(text: str) -> str:
    """A line in Unicode's composed form (NFC), without invisible characters, and with single spaces.

    Default-ignorable characters (soft hyphens, byte order marks, direction marks, variation selectors ...) are removed,
    except joiners next to a letter of a joining script or between the parts of an emoji.
    """
    composed = unicodedata.normalize("NFC", text)
    if not composed.isascii() and any(map(is_ignorable, composed)):
        composed = "".join(c for i, c in enumerate(composed) if not is_ignorable(c) or _shapes(composed, i))
    return re.sub(r"\s+", " ", composed).strip()


@lru_cache(maxsize=4096)
def is_ignorable(char: str) -> bool:
    """Whether a character is default-ignorable: invisible if the font has no glyph for it."""
    return char > "\x7f" and bool(default_ignorable_code_point(char))


def _shapes(text: str, at: int) -> bool:
    """Whether the ignorable character at a position is a joiner that changes how its neighbours look."""
    if text[at] not in _JOINERS:
        return False
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if any(c and script(c) in _JOINING_SCRIPTS for c in (before, after)):
        return True
    return bool(before and after) and unicodedata.category(after) == "So" and not before.isspace()
