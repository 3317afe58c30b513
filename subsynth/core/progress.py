"""Progress: the protocol by which long-running work reports to a display such as a progress bar."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one piece of work, counted in a unit that the work documents (rows, bytes)."""

    def start(self, total: int, done: int = 0) -> None:
        """Work of `total` units starts; `done` of them were finished before."""
        ...

    def advance(self, amount: int) -> None:
        """`amount` more units are finished."""
        ...

    def message(self, text: str) -> None:
        """One line for the user, such as the name of a step or a transient failure."""
        ...


class NoProgress:
    """Ignores all progress: the default."""

    def start(self, total: int, done: int = 0) -> None:
        """Ignore it."""

    def advance(self, amount: int) -> None:
        """Ignore it."""

    def message(self, text: str) -> None:
        """Ignore it."""
