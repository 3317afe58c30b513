"""Pairs rendered for training."""

from __future__ import annotations

import numpy as np

import subsynth
from dbram_baseline.arrays import U8

SPECS = {
    "sub_en": subsynth.sub_en, "sub_zh": subsynth.sub_zh, "film_en": subsynth.film_en, "film_zh": subsynth.film_zh,
    "en": subsynth.sub_en, "zh": subsynth.sub_zh,
}  # fmt: skip


def render_pairs(preset: str, seed: int, split: str, start: int, stop: int, stride: int) -> tuple[U8, U8]:
    """Every `stride`-th pair from `start` to before `stop`: images (N, H, W, 3) and ground truths (N, H, W).

    `preset` is a key of SPECS. The ground truth of a film frame without text is 255 everywhere.
    """
    spec = SPECS[preset](n=1_000_000_000, n_test=1_000_000, seed=seed)
    pairs = list(subsynth.pairs(spec, split, start, stop))[::stride]
    return np.stack([p.image for p in pairs]), np.stack([p.ground_truth for p in pairs])
