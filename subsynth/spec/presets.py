"""Presets: strips of one line (`sub`, in English and Chinese those of the paper), and bands of video (`film`)."""

from __future__ import annotations

import dataclasses

from subsynth.core.errors import SpecError
from subsynth.data import font_catalogue
from subsynth.data.languages import LANGUAGES, Language, unknown_language
from subsynth.spec.sections import Background, Distractors, Fill, Fonts, Labels, Layout, Style, Text
from subsynth.spec.spec import PRESETS, Spec
from subsynth.spec.weights import Weights

FILM_COLORS = {
    "white": 0.3,
    "off_white": 0.08,
    "yellow": 0.09,
    "pale_yellow": 0.04,
    "cyan": 0.07,
    "green": 0.04,
    "orange": 0.03,
    "pink": 0.02,
    "blue": 0.03,
    "grey": 0.02,
    "red": 0.03,
    "black": 0.09,
    "dark_blue": 0.04,
    "dark_red": 0.03,
    "any": 0.11,
}


def sub_en(n: int = 100_000, n_test: int | None = None, seed: int = 0) -> Spec:
    """The English preset: ten families, about 25 characters per line."""
    return Spec(lang="en", n=n, n_test=_n_test(n, n_test), seed=seed, fonts=_bundled_fonts("en"))


def sub_zh(n: int = 100_000, n_test: int | None = None, seed: int = 0) -> Spec:
    """The Chinese preset: eight families, about 12 characters per line, rare hanzi included."""
    return Spec(
        lang="zh",
        n=n,
        n_test=_n_test(n, n_test),
        seed=seed,
        text=Text(sources=Weights({"tatoeba": 0.85, "words": 0.1, "tang": 0.05}), p_prefer_longer=0.9, max_chars=18),
        fonts=_bundled_fonts("zh"),
    )


def film_en(n: int = 100_000, n_test: int | None = None, seed: int = 0) -> Spec:
    """English in bands of video, 96 x 480 px: none, one or two lines, distractors, line boxes and erase masks."""
    return _film(sub_en(n, n_test, seed))


def film_zh(n: int = 100_000, n_test: int | None = None, seed: int = 0) -> Spec:
    """Chinese in bands of video, 96 x 480 px: none, one or two lines, distractors, line boxes and erase masks."""
    return _film(sub_zh(n, n_test, seed))


def preset(lang: str, name: str = "sub") -> Spec:
    """The preset of a name, "sub" or "film", for a language. Raises SpecError if there is none."""
    if name not in PRESETS:
        raise SpecError(f"preset {name!r}: use {' or '.join(PRESETS)}")
    if lang not in LANGUAGES:
        raise unknown_language(lang, "lang")
    strips = _STRIPS[lang]() if lang in _STRIPS else _strips(LANGUAGES[lang])
    return strips if name == "sub" else _film(strips)


_STRIPS = {"en": sub_en, "zh": sub_zh}


def _strips(language: Language) -> Spec:
    """The preset of strips in any other language."""
    return Spec(
        lang=language.code,
        n_test=default_n_test(Spec.n),
        text=Text(sources=Weights(dict(language.sources)), p_prefer_longer=0.6, max_chars=language.max_chars),
        fonts=dataclasses.replace(_bundled_fonts(language.code), p_italic=language.p_italic),
    )


def default_n_test(n: int) -> int:
    """The default size of each test split: a tenth of train, and at least one."""
    return max(1, n // 10)


def _n_test(n: int, n_test: int | None) -> int:
    return default_n_test(n) if n_test is None else n_test


def _film(strips: Spec) -> Spec:
    """The film preset of the language of `strips`, the preset of its strips."""
    return dataclasses.replace(
        strips,
        preset="film",
        height=96,
        width=480,
        text=dataclasses.replace(
            strips.text, lines=Weights({"none": 0.12, "one": 0.53, "two": 0.35}), p_short=0.2, p_prefer_longer=0.3
        ),
        fonts=dataclasses.replace(strips.fonts, p_italic=min(strips.fonts.p_italic, 0.25), size_range=(12.0, 64.0)),
        layout=Layout(align=Weights({"anywhere": 0.3, "left": 0.1, "centre": 0.5, "right": 0.1}), p_clipped=0.06),
        fill=Fill(colors=Weights(FILM_COLORS), contrast_floor=1.4, p_lighten=0.2),
        style=Style(
            kinds=Weights({"plain": 0.15, "shadow": 0.15, "outline": 0.35, "outline_shadow": 0.2, "box": 0.15}),
            outline_range=(0.5, 3.5),
            outline_colors=Weights({"contrasting": 0.75, "any": 0.25}),
            max_shadow_offset_px=4,
            max_shadow_blur_px=3,
            p_fade=0.08,
        ),
        background=Background(p_texture=0.2, gain_range=(0.5, 1.2)),
        distractors=Distractors(
            p_watermark=0.3, watermark_opacity_range=(50, 180), p_sign=0.12, p_patch=0.1, p_credits=0.1
        ),
        labels=Labels(line_boxes=True, erase_mask=True),
        image_format="jpeg",  # a band of video has been through a codec; files are two fifths of the size
    )


def _bundled_fonts(lang: str) -> Fonts:
    """Every bundled family of the language's script; those with the role "unseen" are reserved."""
    script = LANGUAGES[lang].fonts
    return Fonts(
        families=font_catalogue.families(script, "train"), unseen_families=font_catalogue.families(script, "unseen")
    )
