"""Names and other people's text in Markdown: they are shown as they are, and never become markup."""

from __future__ import annotations

import re

from subsynth.core.terminal import one_line

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# A colon and a dot are only markup in an address, which would become a link; @ before a word would name a user.
_MARKUP = re.compile(r"[\\`*_\[\]|~$#!]|://|(?<=www)\.|@(?=\w)")
_BAR = "\N{BOX DRAWINGS LIGHT VERTICAL}"  # in code, nothing can keep a | from ending the cell


def escape(text: str) -> str:
    """Text for a paragraph, a list or a cell of a table."""
    line = "".join(_HTML.get(c, c) for c in one_line(text))
    return _MARKUP.sub(lambda match: "&#58;//" if match[0] == "://" else f"\\{match[0]}", line)


def code(text: str) -> str:
    """Text as inline code, also in a cell of a table; "" for no text."""
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
    """A run of backticks that is longer than each in the text."""
    return "`" * max(shortest, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
