"""What can go wrong, said in one line: the value, where it came from, and the cure."""

from __future__ import annotations


class SubsynthError(Exception):
    """Bad input or a bad environment. The message is one line, meant for the user; the exit code is 2."""


class SpecError(SubsynthError):
    """A value in a spec, a flag or a call is unknown, of the wrong type, or out of range."""


class MaterialError(SubsynthError):
    """A font, a picture or a corpus cannot be used."""


class OutputError(SubsynthError):
    """The place to write to is not writable, is full, or holds something else."""


class WorkerError(SubsynthError):
    """A worker process died more often than it may."""


class HubError(SubsynthError):
    """The hub refuses, cannot be reached, or holds something else than was sent."""
