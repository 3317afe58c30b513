"""Procedural scenes: random backgrounds, drawn with exact arithmetic only (no exp, no pow).

Each function returns RGB uint8 (height, width, 3).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from subsynth.core import rng
from subsynth.core.pixels import U8

KINDS = ("gradient", "clouds", "bokeh", "stripes", "clutter")
Draws = NDArray[np.float64]


def draw(kind: str, seed: int, split: str, number: int, width: int, height: int) -> U8:
    """Scene `number` of a kind: RGB uint8 (height, width, 3). It depends only on the arguments."""
    stream = rng.StreamRange(seed, split, number * 4096, number * 4096 + 4096)
    draws = rng.uniform(stream, f"scenery.{kind}")
    paint = {
        "gradient": _gradient,
        "clouds": _clouds,
        "bokeh": _bokeh,
        "stripes": _stripes,
        "clutter": _clutter,
    }
    return paint[kind](draws, width, height)


def _color(draws: Draws, low: float = 10, high: float = 200) -> Draws:
    """A colour as in films: one brightness, with channels that deviate from it moderately."""
    base = low + (high - low) * draws[0]
    return np.clip(base + (draws[1:4] - 0.5) * (20 + 0.8 * base), 0, 255)


def _mix(a: Draws, b: Draws, share: Draws) -> U8:
    return np.asarray(np.rint(a + (b - a) * share[..., None]), dtype=np.uint8)


def _gradient(draws: Draws, width: int, height: int) -> U8:
    """Two colours along any direction, with a third in a soft spot: skies, walls, fades."""
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    a, b = draws[8] * 2 - 1, draws[9] * 2 - 1
    ramp = a * x + b * y
    ramp = (ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-9)
    base = _mix(_color(draws[0:4]), _color(draws[4:8]), ramp)
    spot = np.clip(1 - ((x - draws[10]) ** 2 + (y - draws[11]) ** 2) / (0.1 + 0.3 * draws[12]), 0, 1)
    return _mix(base.astype(np.float64), _color(draws[13:17], 40, 255), spot * spot * 0.8)


def _octaves(draws: Draws, width: int, height: int, coarsest: int) -> Draws:
    """Noise summed over octaves, each half as strong as the one before -> float64 (height, width) in 0..1."""
    total, weight, at = np.zeros((height, width)), 1.0, 0
    for octave in range(5):
        columns, rows = coarsest << octave, max(2, (coarsest << octave) * height // width)
        count = columns * rows
        values = np.resize(np.roll(draws, -at), count).reshape(rows, columns)
        grid = np.asarray(np.rint(values * 255), dtype=np.uint8)
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        weight, at = weight / 2, at + count
    total -= total.min()
    return np.asarray(total / max(float(total.max()), 1e-9))


def _clouds(draws: Draws, width: int, height: int) -> U8:
    """Fog, water, foliage out of focus: a colour ramp over noise octaves."""
    noise = _octaves(draws[64:], width, height, 3 + int(draws[17] * 8))
    base = _mix(_color(draws[0:4]), _color(draws[4:8]), noise)
    return _mix(base.astype(np.float64), _color(draws[8:12], 60, 255), np.clip(noise * 3 - 2, 0, 1))


def _bokeh(draws: Draws, width: int, height: int) -> U8:
    """Lights out of focus over a dark gradient."""
    image = (_gradient(draws, width, height).astype(np.float64)) * 0.45
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float64)
    for i in range(24 + int(draws[20] * 40)):
        d = draws[64 + 12 * i : 76 + 12 * i]
        radius = height * (0.02 + 0.09 * d[0] * d[0])
        cx, cy = d[1] * width, d[2] * height
        rows = slice(max(0, int(cy - radius)), int(cy + radius) + 2)
        columns = slice(max(0, int(cx - radius)), int(cx + radius) + 2)
        distance = np.sqrt((xs[rows, columns] - cx) ** 2 + (ys[rows, columns] - cy) ** 2)
        inside = np.clip(radius - distance, 0, 2) / 2 * (0.6 + 0.4 * np.clip(distance / radius, 0, 1))
        image[rows, columns] += inside[..., None] * _color(d[3:7], 90, 255) * (0.25 + 0.6 * d[7])
    return np.asarray(np.clip(np.rint(image), 0, 255), dtype=np.uint8)


def _stripes(draws: Draws, width: int, height: int) -> U8:
    """Blinds, fences, floors, shelves: bands of uneven width and colour along one direction."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    along = x * (draws[8] * 2 - 1) + y * (draws[9] * 2 - 1)
    along -= along.min()
    edges = np.cumsum(6 + draws[64:264] * (20 + 60 * draws[10]))
    band = np.searchsorted(edges, along)
    palette = np.array([_color(draws[300 + 4 * i : 304 + 4 * i]) for i in range(4)])
    choice = (draws[400 + np.arange(201)] * 4).astype(np.int64)
    flat = palette[choice[band]] * (0.75 + 0.5 * draws[700 + np.arange(201)][band])[..., None]
    shade = _octaves(draws[1000:], width, height, 4)
    lit = np.clip(flat * (0.6 + 0.6 * shade)[..., None], 0, 255)
    soft = cv2.blur(np.asarray(np.rint(lit), dtype=np.uint8), (3, 3))
    return np.asarray(soft, dtype=np.uint8)


def _clutter(draws: Draws, width: int, height: int) -> U8:
    """Boxes and discs over noise, some as fine as letters: shelves, signs, crowds."""
    image = _clouds(draws, width, height)
    for i in range(260):
        d = draws[200 + 12 * i : 212 + 12 * i]
        color = tuple(int(c) for c in np.rint(_color(d[3:7], 5, 245)))
        cx, cy = int(d[0] * width), int(d[1] * height)
        size = 2 + int(d[2] * d[2] * d[2] * height / 4)
        if d[7] < 0.7:
            cv2.rectangle(image, (cx, cy), (cx + size, cy + 1 + int(size * (0.2 + 2 * d[8]))), color, -1)
        else:
            cv2.circle(image, (cx, cy), size // 2 + 1, color, -1 if d[8] < 0.7 else 2)
    return np.asarray(cv2.blur(image, (3, 3)), dtype=np.uint8)
