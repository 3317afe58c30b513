"""Palette: the fill colours of subtitles. Each named colour is varied a little; `any` is any hue.

Values are gamma-coded sRGB, 0..255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLORS: dict[str, tuple[int, int, int]] = {
    "white": (252, 252, 252),
    "off_white": (232, 230, 222),
    "yellow": (250, 226, 64),
    "pale_yellow": (246, 238, 170),
    "cyan": (110, 230, 240),
    "green": (120, 232, 120),
    "orange": (250, 170, 70),
    "pink": (248, 170, 200),
    "blue": (130, 170, 250),
    "grey": (186, 186, 186),
    "red": (236, 84, 72),
    "black": (14, 14, 14),
    "dark_blue": (28, 40, 110),
    "dark_red": (120, 20, 24),
}
ANY = "any"  # hue, saturation and brightness are drawn uniformly
NAMES = (*COLORS, ANY)
DEVIATION = 12  # largest deviation of a channel of a named colour


def fills(name: NDArray[np.int64], draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices into NAMES (n,) and draws in [0, 1) (n, 3) -> RGB int64 (n, 3)."""
    named = np.array([COLORS.get(n, (0, 0, 0)) for n in NAMES])[name]
    varied = np.rint(named + (draws * 2 - 1) * DEVIATION)
    free = _hsv(draws[:, 0] * 6, 0.25 + 0.75 * draws[:, 1], 0.55 + 0.45 * draws[:, 2])
    rgb = np.where((name == NAMES.index(ANY))[:, None], free, varied)
    return np.clip(rgb, 0, 255).astype(np.int64)


def _hsv(hue: NDArray[np.float64], saturation: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hue in [0, 6), saturation and value in [0, 1] -> RGB 0..255, rounded."""
    ramp = np.abs((hue[:, None] + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    return np.rint(255 * value[:, None] * (1 - saturation[:, None] * (1 - np.clip(ramp, 0, 1))))
