"""The error of this package."""

from __future__ import annotations


class BaselineError(Exception):
    """Bad input or a bad environment. The message is one line for the user: the value, its source and the cure."""
