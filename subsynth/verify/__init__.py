"""Verification of a rendered data set from its files: each violation is reported with its shard and row.

The files may be a stranger's: what they hold is checked before anything is decoded, opened or drawn because of it.
"""

from subsynth.verify.directory import verify
from subsynth.verify.findings import Report, Violation

__all__ = ["Report", "Violation", "verify"]
