"""Errors for the user: one line that names the value, where it came from, and the cure."""

from __future__ import annotations


class SubsynthError(Exception):
    """Bad input or a bad environment. The message is one line, meant for the user; the exit code is 2."""


class SpecError(SubsynthError):
    """A value in a spec, a flag or a call is unknown, of the wrong type, or out of range."""


class MaterialError(SubsynthError):
    """A font, a picture or a corpus cannot be used."""


class OutputError(SubsynthError):
    """The output location is not writable, is full, or holds other data."""


class WorkerError(SubsynthError):
    """Worker processes died too often."""


class HubError(SubsynthError):
    """The hub rejects a request, cannot be reached, or holds data that differs from what was sent."""
