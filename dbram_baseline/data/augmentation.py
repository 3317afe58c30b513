"""Augmentation of rendered pairs: other resolutions, other hues, negatives."""

from __future__ import annotations

import cv2
import numpy as np

from dbram_baseline.arrays import U8
from dbram_baseline.data.rendering import SPECS, STRIP, render_labels

P_LOW, LOW_RANGE = 0.5, (0.4, 0.9)  # share of bands of a lower resolution, and by which factor it is lower
MIN_BAND_HEIGHT = 64  # px; lower images are strips, which `subsynth binarize` reads enlarged
STRIP_FACTOR = 2
STRIP_LOW_RANGE = 0.38, 0.5  # by which factor the resolution of strips is lower that were cut from a film
P_HUE, P_NEGATIVE = 0.5, 0.15  # shares of images with exchanged colour planes, and of negatives


def render_augmented(preset: str, seed: int, split: str, start: int, stop: int, stride: int) -> tuple[U8, U8]:
    """As `render_labels`, with augmented images. Each depends only on its preset, seed and index.

    Strips and their labels are enlarged to STRIP_FACTOR times their size, as strips are that the network reads.
    """
    images, labels = render_labels(preset, seed, split, start, stop, stride)
    indices, cut = range(start, stop, stride), SPECS[preset][1] == STRIP
    images = np.stack([augment(image, (seed, index), cut) for image, index in zip(images, indices, strict=True)])
    if images.shape[1] >= MIN_BAND_HEIGHT:
        return images, labels
    return _enlarged(images, cv2.INTER_CUBIC), np.stack([_enlarged(planes, cv2.INTER_LINEAR) for planes in labels])


def augment(image: U8, seed: tuple[int, int], cut: bool = False) -> U8:
    """An augmented image uint8 (H, W, 3).

    A band may be reduced and enlarged again, as a strip is that a tool has cut from a film and that is then enlarged
    for the network; an image that stands for such a strip, `cut`, always is. Exchanged planes give hues, and negatives
    dark text with a light outline, more often than the presets do.
    """
    draws = np.random.default_rng(seed)
    low, factor = draws.random() < P_LOW or cut, draws.uniform(*(STRIP_LOW_RANGE if cut else LOW_RANGE))
    hue, order = draws.random() < P_HUE, draws.permutation(3)
    negative = draws.random() < P_NEGATIVE
    height, width = image.shape[:2]
    if low and height >= MIN_BAND_HEIGHT:
        small = cv2.resize(image, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if hue:
        image = image[:, :, order]
    return 255 - image if negative else image


def _enlarged(images: U8, interpolation: int) -> U8:
    """Images (N, H, W) or (N, H, W, 3), each enlarged by STRIP_FACTOR."""
    size = images.shape[2] * STRIP_FACTOR, images.shape[1] * STRIP_FACTOR
    return np.stack([np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8) for image in images])
