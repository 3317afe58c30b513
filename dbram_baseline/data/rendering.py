"""Pairs rendered for training."""

from __future__ import annotations

import dataclasses

import numpy as np

import subsynth
from dbram_baseline.arrays import U8

STRIP = "strip"
# What can be rendered: "sub_en", "film_ja", "strip_hi" ...; "en" and "zh" are short for "sub_en" and "sub_zh".
SPECS = {f"{name}_{code}": (code, name) for name in ("sub", "film", STRIP) for code in subsynth.LANGUAGES} | {
    "en": ("en", "sub"),
    "zh": ("zh", "sub"),
}

# Strips as subtitle tools cut them from films, 32 x 280 px, at the size to which they are enlarged before they are
# read. Unlike the preset film, they have one line, which often runs out of the strip, thinner outlines, more greys and
# pastels, and text that differs from its background by little but its outline or shadow. Most of the blur of a strip
# comes from its reduction; thin outlines would not survive more.
STRIP_SPEC = """
lang: {code}
preset: film
height: 77
width: 672
text: {{lines: {{none: 0.1, one: 0.9}}, p_short: 0.1, p_prefer_longer: 0.6, max_chars: {max_chars}}}
fonts: {{size_range: [40, 62]}}
layout: {{p_clipped: 0.4}}
fill:
  colors: {{white: 0.22, off_white: 0.08, grey: 0.1, yellow: 0.09, pale_yellow: 0.04, cyan: 0.06, blue: 0.05,
    green: 0.04, orange: 0.04, pink: 0.03, red: 0.03, black: 0.08, dark_blue: 0.03, dark_red: 0.02, any: 0.09}}
  contrast_floor: 1.15
style:
  kinds: {{plain: 0.15, shadow: 0.25, outline: 0.35, outline_shadow: 0.12, box: 0.13}}
  outline_range: [0.5, 3]
degrade: {{p_resample: 0.15, p_blur: 0.25}}
"""
STRIP_CHARS = 0.65  # of the characters of a band's longest line


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
    code, name = SPECS[preset]
    spec = _strips(code) if name == STRIP else subsynth.preset(code, name)
    return dataclasses.replace(spec, n=1_000_000_000, n_test=1_000_000, seed=seed)


def _strips(code: str) -> subsynth.Spec:
    max_chars = max(2, round(STRIP_CHARS * subsynth.preset(code, "film").text.max_chars))
    return subsynth.Spec.from_yaml(STRIP_SPEC.format(code=code, max_chars=max_chars))
