"""Line cutting: divides a line of text that is too long for one subtitle.

Lines are cut at grapheme cluster boundaries and at line break opportunities (Unicode Standard Annexes 29 and 14, by
uniseg), never before closing punctuation and never after opening punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

from uniseg.graphemecluster import grapheme_cluster_boundaries
from uniseg.linebreak import line_break_boundaries

from subsynth.core.errors import MaterialError
from subsynth.data.languages import LANGUAGES

# The best cut is after one of these.
STOPS = {code: ".,;:!?،؛؟।" if language.has_spaces else "，。！？；：、…—" for code, language in LANGUAGES.items()}
STOPS["en"] = ".,;:!?"
_NO_LINE_START = frozenset(
    "!%,.:;?…—～‼⁇⁈⁉·・ー、。，．：；？！％々ゝゞヽヾぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ"
)
# Text whose boundaries are known without Unicode's tables, which are slow: the letters of alphabets with spaces between
# words (Latin, Greek, Cyrillic), hanzi, and the usual punctuation of both.
_PLAIN = re.compile(
    r"[ -~\u00a1-\u00ac\u00ae-\u024f\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u3400-\u4dbf\u4e00-\u9fff"
    r"，。！？；：、“”‘’（）《》【】「」『』…—·]*"
)
_AFTER_ALPHABETS = "\u2000"
_CONTEXT = 8  # characters after the last possible cut that its line break class may depend on

_AT_STOP, _AT_SPACE, _BETWEEN_CHARACTERS, _INSIDE_WORD = 0.0, 4.0, 6.0, 40.0  # costs, in characters off the target


def cut(text: str, lang: str, max_chars: int) -> list[str]:
    """Cut a line into pieces of at most `max_chars` characters, as evenly as its possible breaks allow.

    The preferred cut is after nearby punctuation, then at a space, then at another line break opportunity (for example
    between hanzi). A word is cut only if it is longer than a piece.
    """
    pieces = []
    start, end = 0, len(text)
    while end - start > max_chars:
        at = start + _break_after(text, start, end, lang, max_chars)
        pieces.append(text[start:at].strip())
        start = at
        while start < end and text[start].isspace():
            start += 1
    return [*pieces, text[start:end].strip()]


def _break_after(text: str, start: int, end: int, lang: str, max_chars: int) -> int:
    """The number of characters of the first piece of text[start:end], which is longer than max_chars."""
    parts = -(-(end - start) // max_chars)
    target = -(-(end - start) // parts)
    window = text[start : min(end, start + max_chars + _CONTEXT)]
    clusters, opportunities = _boundaries(window)
    if lang == "th":
        opportunities = _thai_opportunities(window)
    best, best_cost = 0, float("inf")
    for at in range(max(1, target // 2), max_chars + 1):
        # A cut after a space is the same as the one before it.
        if at in clusters and not window[at - 1].isspace() and not _forbidden(window, at):
            cost = _cost(window, at, lang, at in opportunities) + abs(at - target)
            if cost < best_cost:
                best, best_cost = at, cost
    return best or _forced_break(window, max_chars, clusters)


def _cost(window: str, at: int, lang: str, opportunity: bool) -> float:
    before, after = window[at - 1], window[at]
    if before in STOPS[lang] and (after.isspace() or not LANGUAGES[lang].has_spaces):
        return _AT_STOP
    if after.isspace():
        return _AT_SPACE
    return _BETWEEN_CHARACTERS if opportunity else _INSIDE_WORD


def _forbidden(window: str, at: int) -> bool:
    """Whether a cut here would end a piece with an opening bracket, or start one with closing punctuation."""
    left, right = window[:at].rstrip(), window[at:].lstrip()
    if not left or not right:
        return True
    return unicodedata.category(left[-1]) in ("Ps", "Pi") or _closes(right[0])


def _closes(char: str) -> bool:
    return char in _NO_LINE_START or unicodedata.category(char) in ("Pe", "Pf")


def _forced_break(window: str, max_chars: int, clusters: set[int]) -> int:
    """The last cluster boundary, if possible one that is not forbidden; max_chars inside an overlong cluster."""
    inside = sorted((at for at in clusters if 0 < at <= max_chars), reverse=True)
    return next((at for at in inside if not _forbidden(window, at)), inside[0] if inside else max_chars)


def _boundaries(window: str) -> tuple[set[int], set[int]]:
    """The positions of cluster boundaries and of line break opportunities in a piece of text."""
    if _PLAIN.fullmatch(window):
        return set(range(1, len(window))), set(_plain_opportunities(window))
    return set(grapheme_cluster_boundaries(window)), set(line_break_boundaries(window))


def _thai_opportunities(window: str) -> set[int]:
    """The ends of the words of Thai text, which only a dictionary can tell."""
    try:
        from pythainlp.tokenize import word_tokenize  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MaterialError(
            f"the Thai line {window[:40]!r} ... must be cut between words, which needs pythainlp; pip install "
            "'.[thai]', or use shorter lines"
        ) from error
    ends = accumulate(len(word) for word in word_tokenize(window, engine="newmm", keep_whitespace=True))
    return set(ends)


def _plain_opportunities(window: str) -> Iterator[int]:
    """Line break opportunities of plain text: everywhere except between two characters of an alphabet."""
    for at in range(1, len(window)):
        if window[at - 1] >= _AFTER_ALPHABETS or window[at] >= _AFTER_ALPHABETS:
            yield at


def cut_bundled(text: str, lang: str, max_chars: int) -> list[str]:
    """`cut` with simpler rules, for the bundled text: they ignore clusters and opening brackets.

    Every sample of the presets depends on these pieces. They differ from those of `cut` in ten Chinese lines.
    """
    pieces = []
    while len(text) > max_chars:
        at = _bundled_break(text, lang, max_chars)
        pieces.append(text[:at].strip())
        text = text[at:].strip()
    return [*pieces, text]


def _bundled_break(text: str, lang: str, max_chars: int) -> int:
    parts = -(-len(text) // max_chars)
    target = -(-len(text) // parts)
    best, best_cost = max_chars, float("inf")
    for at in range(max(1, target // 2), max_chars + 1):
        before, after = text[at - 1], text[at]
        if after in STOPS[lang] or after in "”’》）)":
            continue
        if before in STOPS[lang] and (lang == "zh" or after == " "):
            cost = _AT_STOP
        elif after == " ":
            cost = _AT_SPACE
        elif lang == "zh" and not (before.isascii() and after.isascii()):
            cost = _BETWEEN_CHARACTERS
        else:
            cost = _INSIDE_WORD
        cost += abs(at - target)
        if cost < best_cost:
            best, best_cost = at, cost
    return best
