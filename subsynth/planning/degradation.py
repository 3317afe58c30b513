"""Degradation: loss of resolution, blur, noise and JPEG compression after compositing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subsynth.core import rng
from subsynth.core.rng import StreamRange
from subsynth.planning.grid import to_grid
from subsynth.planning.recipe import NOISE_POOL
from subsynth.spec.spec import Spec

WEAK_STRENGTH = 0.5  # of the degradation, if only an outline separates text from background
MACROBLOCK = 16  # px


class Degradation(NamedTuple):
    """The degradation of n samples, each field (n,); zero means that the step is skipped."""

    resample: NDArray[np.float64]
    blur_sigma: NDArray[np.float64]
    noise_sigma: NDArray[np.float64]
    noise_offset: NDArray[np.int64]
    jpeg_quality: NDArray[np.int64]
    jpeg_dx: NDArray[np.int64]
    jpeg_dy: NDArray[np.int64]


def choose_degradation(
    spec: Spec, samples: StreamRange, font_size: NDArray[np.float64], weak: NDArray[np.bool_]
) -> Degradation:
    """Draw each step with its probability and from its range; weak samples are degraded at half the strength."""
    section = spec.degrade
    strength = np.where(weak, WEAK_STRENGTH, 1.0)

    def in_range(name: str, ends: tuple[float, float]) -> NDArray[np.float64]:
        return np.asarray(ends[0] + (ends[1] - ends[0]) * strength * rng.uniform(samples, name))

    def with_probability(name: str, p: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(rng.bernoulli(samples, f"{name}.happens", p), values, 0.0)

    low, high = section.blur_sigma_range
    # Small letters have thin strokes: a blur that only softens 20 px text would erase 14 px text.
    largest = np.where(font_size > 0, np.clip(font_size * 0.05, low, high), high)  # a frame without text is like any
    sigma = low + (largest - low) * strength * rng.uniform(samples, "blur.sigma")
    low_quality, high_quality = section.jpeg_quality_range
    quality = rng.uniform(samples, "jpeg.quality", low_quality, high_quality + 1)
    factor = to_grid(in_range("resample.factor", section.resample_range), 64)
    noise = to_grid(in_range("noise.sigma", section.noise_sigma_range), 16)
    # A stored JPEG file shows only the sample, so its first macroblock has to start at the crop's corner.
    offsets = 1 if spec.image_format == "jpeg" else MACROBLOCK
    return Degradation(
        resample=with_probability("resample", section.p_resample, factor),
        blur_sigma=with_probability("blur", section.p_blur, np.maximum(to_grid(sigma, 64), 1 / 64)),
        noise_sigma=with_probability("noise", section.p_noise, noise),
        noise_offset=rng.randint(samples, "noise.place", NOISE_POOL),
        jpeg_quality=with_probability("jpeg", section.p_jpeg, np.floor(quality)).astype(np.int64),
        jpeg_dx=rng.randint(samples, "jpeg.dx", offsets),
        jpeg_dy=rng.randint(samples, "jpeg.dy", offsets),
    )
