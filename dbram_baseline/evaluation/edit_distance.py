"""Edit distances between the text that a reader returns and the true text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from dbram_baseline.errors import BaselineError


def edit_distance(text: str, truth: str) -> int:
    """The Levenshtein distance in characters, after `normalize`. Raises BaselineError without rapidfuzz."""
    return levenshtein()(normalize(text), normalize(truth))


def normalized_edit_distance(text: str, truth: str) -> float:
    """The edit distance divided by the length of the true text."""
    return edit_distance(text, truth) / max(1, len(normalize(truth)))


def normalize(text: str) -> str:
    """The text in NFKC, with single spaces between its words."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def levenshtein() -> Callable[[str, str], int]:
    """The function of rapidfuzz. Raises BaselineError where it is not installed."""
    try:
        from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BaselineError(f"edit distances need rapidfuzz ({error}); pip install '.[ocr]'") from error
    distance: Callable[[str, str], int] = Levenshtein.distance
    return distance
