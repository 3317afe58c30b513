"""Pairs rendered for training."""

from __future__ import annotations

import dataclasses

import numpy as np

import subsynth
from dbram_baseline.arrays import U8

# What can be rendered: "sub_en", "film_ja" ...; "en" and "zh" are short for "sub_en" and "sub_zh".
SPECS = {f"{name}_{code}": (code, name) for name in ("sub", "film") for code in subsynth.LANGUAGES} | {
    "en": ("en", "sub"),
    "zh": ("zh", "sub"),
}


def render_pairs(preset: str, seed: int, split: str, start: int, stop: int, stride: int) -> tuple[U8, U8]:
    """Every `stride`-th pair from `start` to before `stop`: images (N, H, W, 3) and ground truths (N, H, W).

    `preset` is a key of SPECS. The ground truth of a film frame without text is 255 everywhere.
    """
    pairs = list(subsynth.pairs(_spec(preset, seed), split, start, stop))[::stride]
    return np.stack([p.image for p in pairs]), np.stack([p.ground_truth for p in pairs])


def render_labels(preset: str, seed: int, split: str, start: int, stop: int, stride: int) -> tuple[U8, U8]:
    """As `render_pairs`, with two planes of labels (N, 2, H, W) instead of ground truths.

    The first is soft ground truth: 0 where the fill covers a whole pixel, 255 where it covers nothing. The second is
    the erase mask: 0 where the subtitle changed the picture, 255 elsewhere.
    """
    spec = _spec(preset, seed)
    labels = dataclasses.replace(spec.labels, line_boxes=False, erase_mask=True, coverage=True)
    pairs = list(subsynth.pairs(dataclasses.replace(spec, labels=labels), split, start, stop))[::stride]
    planes = [(255 - p.coverage, p.erase_mask) for p in pairs if p.coverage is not None and p.erase_mask is not None]
    return np.stack([p.image for p in pairs]), np.stack([np.stack(p) for p in planes])


def _spec(preset: str, seed: int) -> subsynth.Spec:
    return dataclasses.replace(subsynth.preset(*SPECS[preset]), n=1_000_000_000, n_test=1_000_000, seed=seed)
