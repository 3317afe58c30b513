"""Text for a terminal: control characters in names and foreign text are escaped, so that they have no effect."""

from __future__ import annotations

import contextlib
import re
import sys

from subsynth.core.addresses import without_secrets

# Control characters except newline and tab, which could move the cursor or change the terminal; characters that change
# the direction or hide text; surrogates, which represent the bytes of a file name that is not UTF-8.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
MAX_LINE = 2000  # characters of a message; longer ones are cut


def printable(text: str) -> str:
    r"""The text with control and invisible characters written as \uXXXX; newline and tab are kept.

    The escapes are those of JSON, so that JSON text keeps its meaning.
    """
    return _UNPRINTABLE.sub(lambda match: _escape(match[0]), text)


def one_line(text: str, limit: int = MAX_LINE) -> str:
    """The text as one printable line of at most `limit` characters: runs of white space become one space."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def echo(text: str, end: str = "\n") -> None:
    """Write text to standard output. Raises OSError if it is closed or full."""
    if sys.stdout is not None:
        sys.stdout.write(printable(text) + end)
        sys.stdout.flush()


def echo_error(text: str) -> None:
    """Write one line to standard error, above any progress bars, without secrets in addresses; failures are ignored."""
    tqdm = sys.modules.get("tqdm")  # progress bars exist only if it is loaded
    above = tqdm.tqdm.external_write_mode(file=sys.stderr) if tqdm else contextlib.nullcontext()
    with contextlib.suppress(OSError, ValueError, AttributeError), above:
        sys.stderr.write(one_line(without_secrets(text)) + "\n")
        sys.stderr.flush()


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
