"""Escaping for Markdown: names and foreign text are shown literally and never become markup."""

from __future__ import annotations

import re

from subsynth.core.terminal import one_line

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# A colon or a dot is escaped only in an address, which would become a link; @ before a word would mention a user.
_MARKUP = re.compile(r"[\\`*_\[\]|~$#!]|://|(?<=www)\.|@(?=\w)")
_BAR = "\N{BOX DRAWINGS LIGHT VERTICAL}"  # in code, a | cannot be escaped and would end the cell


def escape(text: str) -> str:
    """Text escaped for a paragraph, a list or a table cell."""
    line = "".join(_HTML.get(c, c) for c in one_line(text))
    return _MARKUP.sub(lambda match: "&#58;//" if match[0] == "://" else f"\\{match[0]}", line)


def code(text: str) -> str:
    """Text as inline code, also for a table cell; "" for empty text."""
    line = one_line(text).replace("|", _BAR)
    if not line:
        return ""
    fence = _fence(line, 1)
    return f"{fence} {line} {fence}" if line[0] == "`" or line[-1] == "`" else f"{fence}{line}{fence}"


def code_block(text: str) -> str:
    """One line of text as a block of code."""
    line = one_line(text)
    fence = _fence(line, 3)
    return f"{fence}\n{' ' * line.startswith('#')}{line}\n{fence}"  # no line of a block looks like a heading


def _fence(text: str, shortest: int) -> str:
    """A run of backticks that is longer than any in the text, and at least `shortest` long."""
    return "`" * max(shortest, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
