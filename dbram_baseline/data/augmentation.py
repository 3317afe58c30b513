"""Augmentation of rendered bands: lower resolutions, other hues, negatives. The labels stay as they are."""

from __future__ import annotations

import cv2
import numpy as np

from dbram_baseline.arrays import U8
from dbram_baseline.data.rendering import render_labels

P_LOW, LOW_RANGE = 0.5, (0.4, 0.9)  # share of bands of a lower resolution, and by which factor it is lower
MIN_LOW_HEIGHT = 64  # px: strips already have the resolution at which tools cut them
P_HUE, P_NEGATIVE = 0.5, 0.15  # shares of images with exchanged colour planes, and of negatives


def render_augmented(preset: str, seed: int, split: str, start: int, stop: int, stride: int) -> tuple[U8, U8]:
    """As `render_labels`, with augmented images. Each depends only on its preset, seed and index."""
    images, labels = render_labels(preset, seed, split, start, stop, stride)
    indices = range(start, stop, stride)
    return np.stack([augment(image, (seed, index)) for image, index in zip(images, indices, strict=True)]), labels


def augment(image: U8, seed: tuple[int, int]) -> U8:
    """An augmented image uint8 (H, W, 3).

    A band may be reduced and enlarged again, as a strip is that a tool has cut from a film and that is then enlarged
    for the network. Exchanged planes give hues, and negatives dark text with a light outline, more often than the
    presets do.
    """
    draws = np.random.default_rng(seed)
    low, factor = draws.random() < P_LOW, draws.uniform(*LOW_RANGE)
    hue, order = draws.random() < P_HUE, draws.permutation(3)
    negative = draws.random() < P_NEGATIVE
    height, width = image.shape[:2]
    if low and height >= MIN_LOW_HEIGHT:
        small = cv2.resize(image, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if hue:
        image = image[:, :, order]
    return 255 - image if negative else image
