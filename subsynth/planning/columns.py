"""Columns: the decisions for a range of samples, one array or list per column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from subsynth.planning.distractor import Distractor

# A number or boolean array (n,), an integer array (n, 3) of colours, or a list of n strings or tuples of distractors.
Column = NDArray[Any] | list[str] | list[tuple[Distractor, ...]]
Columns = Mapping[str, Column]
