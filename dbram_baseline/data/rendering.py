"""Pairs rendered for training."""

from __future__ import annotations

import numpy as np

import subsynth
from dbram_baseline.arrays import U8

SPECS = {"en": subsynth.sub_en, "zh": subsynth.sub_zh}


def render_pairs(language: str, seed: int, split: str, start: int, stop: int, stride: int) -> tuple[U8, U8]:
    """Every `stride`-th pair from `start` to before `stop`: images (N, H, W, 3) and ground truths (N, H, W)."""
    spec = SPECS[language](n=1_000_000_000, n_test=1_000_000, seed=seed)
    pairs = list(subsynth.pairs(spec, split, start, stop))[::stride]
    return np.stack([p.image for p in pairs]), np.stack([p.ground_truth for p in pairs])
