"""Background: the scene, scale and crop of a sample, and its colour grade."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.assets import Assets
from subsynth.assets.pyramids import Level
from subsynth.core import rng
from subsynth.core.rng import StreamRange
from subsynth.planning.placement import Placement
from subsynth.spec.sections import Background

SIDE_DEVIATIONS = 1.25  # the dark and bright sides of a crop: its mean luma minus and plus this many deviations


class Crop(NamedTuple):
    """A crop of a level: position in px of the level, and mean and standard deviation of its luma."""

    scene: str
    level: int
    x: int
    y: int
    flip: bool
    mean: float
    deviation: float


class CropChoice(NamedTuple):
    """The crops of n samples, field by field."""

    scene: list[str]
    level: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    flip: NDArray[np.bool_]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


class Grade(NamedTuple):
    """The colour grade of n samples: saturation (n,) and gains (n, 3) of R, G, B in 1/256, lift (n,) in levels."""

    saturation: NDArray[np.int64]
    gain: NDArray[np.int64]
    lift: NDArray[np.int64]


def choose_crops(assets: Assets, samples: StreamRange) -> CropChoice:
    """A crop for each sample; with p_texture, the one with the finest structure of several."""
    section, spec = assets.spec.background, assets.spec
    crops = _draw_crops(assets, samples, "")
    if section.p_texture:
        fine = np.flatnonzero(rng.bernoulli(samples, "background.texture", section.p_texture))
        others = [_draw_crops(assets, samples, f".texture{k}", fine) for k in range(section.texture_crops)]
        for i, candidates in zip(fine, zip(*others, strict=True), strict=True):
            levels = [assets.scene(crop.scene).levels[crop.level] for crop in candidates]
            areas = [(crop.x, crop.y, spec.width, spec.height) for crop in candidates]
            crops[i] = candidates[int(np.argmax(list(map(_fineness, levels, areas))))]
    return _columns(crops)


def choose_busiest_crops(assets: Assets, samples: StreamRange, placement: Placement) -> CropChoice:
    """For each sample, several crops are drawn and the busiest one under the line is chosen.

    Fine structure counts in favour of a crop; large structure counts against it, because it hides whole words. The
    returned mean and deviation are those of the part under the line.
    """
    spec = assets.spec
    drawn = [_draw_crops(assets, samples, f".{i}") for i in range(spec.hard.crops)]
    chosen = []
    for i, (ink_left, _, ink_right, _) in enumerate(placement.bounds.tolist()):
        left, right = (ink_left, ink_right) if ink_left < ink_right else (0, spec.width)
        best, best_score = None, -np.inf
        for crops in drawn:
            crop = crops[i]
            level = assets.scene(crop.scene).levels[crop.level]
            start = spec.width - right if crop.flip else left
            area = crop.x + start, crop.y, right - left, spec.height
            score = _fineness(level, area)
            if score > best_score:
                mean, deviation = level.moments(*area)
                best, best_score = crop._replace(mean=mean, deviation=deviation), score
        assert best is not None
        chosen.append(best)
    return _columns(chosen)


def _fineness(level: Level, area: tuple[int, int, int, int]) -> float:
    """How fine the structure of an area (x, y, width, height) is: large structure counts against it."""
    _, _, width, height = area
    fine, coarse = level.texture(*area, max(1, width // height))
    return fine - coarse


def choose_grade(section: Background, samples: StreamRange) -> Grade:
    """Saturation, gain with a red-blue tint, and lift, each from its range."""
    gain = rng.uniform(samples, "grade.gain", *section.gain_range)
    tint = rng.uniform(samples, "grade.tint", *section.tint_range)
    gains = np.stack((gain * (1 + tint), gain, gain * (1 - tint)), axis=1)
    return Grade(
        saturation=np.rint(rng.uniform(samples, "grade.saturation", *section.saturation_range) * 256).astype(int),
        gain=np.maximum(0, np.rint(gains * 256)).astype(int),
        lift=np.rint(rng.uniform(samples, "grade.lift", *section.lift_range)).astype(int),
    )


def graded_levels(crops: CropChoice, grade: Grade) -> NDArray[np.float64]:
    """Luma levels (n, 3) of the graded crops: the mean, the dark side and the bright side."""
    gain = grade.gain @ np.array([77, 150, 29]) / (256 * 256)
    mean, deviation = crops.mean * gain + grade.lift, crops.deviation * gain
    sides = (mean, mean - SIDE_DEVIATIONS * deviation, mean + SIDE_DEVIATIONS * deviation)
    return np.clip(np.rint(np.stack(sides, axis=1)), 0, 255)


def _draw_crops(
    assets: Assets, samples: StreamRange, suffix: str, wanted: NDArray[np.int64] | None = None
) -> list[Crop]:
    """One crop per sample, or per position in `wanted`; `suffix` distinguishes the streams of several draws."""
    spec = assets.spec
    procedural = rng.bernoulli(samples, f"background.procedural{suffix}", spec.background.p_procedural)
    flip = rng.bernoulli(samples, f"background.flip{suffix}", spec.background.p_flip)
    names = ("background.scene", "background.level", "background.x", "background.y")
    scene_draw, level_draw, x_draw, y_draw = (rng.uniform(samples, name + suffix) for name in names)
    crops = []
    for i in range(len(procedural)) if wanted is None else wanted:
        scenes = assets.procedural if procedural[i] else assets.photographs
        scene = scenes[int(scene_draw[i] * len(scenes))]
        number = int(level_draw[i] * len(scene.levels))
        level = scene.levels[number]
        height, width = level.planes.shape[1:]
        x = int(x_draw[i] * (width - spec.width + 1))
        y = int(y_draw[i] * (height - spec.height + 1))
        crops.append(Crop(scene.name, number, x, y, bool(flip[i]), *level.moments(x, y, spec.width, spec.height)))
    return crops


def _columns(crops: list[Crop]) -> CropChoice:
    numbers = np.array([(c.level, c.x, c.y) for c in crops], dtype=np.int64).reshape(-1, 3)
    moments = np.array([(c.mean, c.deviation) for c in crops], dtype=np.float64).reshape(-1, 2)
    flip = np.array([c.flip for c in crops], dtype=np.bool_)
    level, x, y = numbers.T
    mean, deviation = moments.T
    return CropChoice([c.scene for c in crops], level, x, y, flip, mean, deviation)
