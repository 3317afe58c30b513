"""The error of this package."""

from __future__ import annotations

from subsynth import SubsynthError


class BaselineError(SubsynthError):
    """Bad input or a bad environment. The message is one line for the user: the value, its source and the cure."""


def reason(error: BaseException) -> str:
    """What an error says, as one line of at most 200 characters."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split())[:200] or type(error).__name__
