"""Pairs rendered for training."""

from __future__ import annotations

import dataclasses

import numpy as np

import subsynth
from dbram_baseline.arrays import U8
from subsynth.spec.weights import Weights

STRIP = "strip"
# What can be rendered: "sub_en", "film_ja", "strip_hi" ...; "en" and "zh" are short for "sub_en" and "sub_zh".
SPECS = {f"{name}_{code}": (code, name) for name in ("sub", "film", STRIP) for code in subsynth.LANGUAGES} | {
    "en": ("en", "sub"),
    "zh": ("zh", "sub"),
}

STRIP_SIZE = 77, 672  # height and width of strips, px: 32 x 280 px, enlarged by 2.4
STRIP_COLORS = {
    "white": 0.22,
    "off_white": 0.08,
    "grey": 0.1,
    "yellow": 0.09,
    "pale_yellow": 0.04,
    "cyan": 0.06,
    "blue": 0.05,
    "green": 0.04,
    "orange": 0.04,
    "pink": 0.03,
    "red": 0.03,
    "black": 0.08,
    "dark_blue": 0.03,
    "dark_red": 0.02,
    "any": 0.09,
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
    code, name = SPECS[preset]
    spec = _strips(subsynth.preset(code, "film")) if name == STRIP else subsynth.preset(code, name)
    return dataclasses.replace(spec, n=1_000_000_000, n_test=1_000_000, seed=seed)


def _strips(film: subsynth.Spec) -> subsynth.Spec:
    """Strips as subtitle tools cut them from films, at the size to which they are enlarged before they are read.

    Unlike `film`, they have one line, which often runs out of the strip, thinner outlines, more greys and pastels, and
    text that differs from its background by little but its outline or shadow.
    """
    height, width = STRIP_SIZE
    return dataclasses.replace(
        film,
        height=height,
        width=width,
        text=dataclasses.replace(
            film.text,
            lines=Weights({"none": 0.1, "one": 0.9}),
            p_short=0.1,
            p_prefer_longer=0.6,
            max_chars=max(2, round(0.65 * film.text.max_chars)),
        ),
        fonts=dataclasses.replace(film.fonts, size_range=(40.0, 62.0)),
        layout=dataclasses.replace(film.layout, p_clipped=0.4),
        fill=dataclasses.replace(film.fill, colors=Weights(STRIP_COLORS), contrast_floor=1.15),
        style=dataclasses.replace(
            film.style,
            kinds=Weights({"plain": 0.15, "shadow": 0.25, "outline": 0.35, "outline_shadow": 0.12, "box": 0.13}),
            outline_range=(0.5, 3.0),
        ),
        # Most of the blur of a strip comes from its reduction; outlines would not survive more.
        degrade=dataclasses.replace(film.degrade, p_resample=0.15, p_blur=0.25),
    )
