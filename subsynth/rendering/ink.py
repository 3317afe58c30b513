"""Ink: where coverage is."""

from __future__ import annotations

import numpy as np

from subsynth.core.pixels import U8
from subsynth.planning.layout import Box


def ink_bounds(coverage: U8, area: Box) -> Box:
    """The bounds of all pixels of coverage (H, W) above 0 in an area: left, top, right, bottom in px, the last two
    exclusive; zeros if there are none.
    """
    left, top = max(0, area[0]), max(0, area[1])
    part = coverage[top : max(0, area[3]), left : max(0, area[2])]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1
