"""Presets: the data sets of the paper, English and Chinese."""

from __future__ import annotations

from subsynth.core.errors import SpecError
from subsynth.data import font_catalogue
from subsynth.spec.sections import Fonts, Text
from subsynth.spec.spec import LANGUAGES, Spec
from subsynth.spec.weights import Weights


def sub_en(n: int = 100_000, n_test: int | None = None, seed: int = 0) -> Spec:
    """The English preset: ten families, about 25 characters per line."""
    return Spec(
        lang="en", n=n, n_test=default_n_test(n) if n_test is None else n_test, seed=seed, fonts=_bundled_fonts("en")
    )


def sub_zh(n: int = 100_000, n_test: int | None = None, seed: int = 0) -> Spec:
    """The Chinese preset: eight families, about 12 characters per line, rare hanzi included."""
    return Spec(
        lang="zh",
        n=n,
        n_test=default_n_test(n) if n_test is None else n_test,
        seed=seed,
        text=Text(sources=Weights({"tatoeba": 0.85, "words": 0.1, "tang": 0.05}), p_prefer_longer=0.9, max_chars=18),
        fonts=_bundled_fonts("zh"),
    )


def preset(lang: str) -> Spec:
    """The preset of a language. Raises SpecError for a language that has none."""
    presets = {"en": sub_en, "zh": sub_zh}
    if lang not in presets:
        raise SpecError(f"lang {lang!r}: use {' or '.join(presets)}")
    return presets[lang]()


def default_n_test(n: int) -> int:
    """The default size of each test split: a tenth of train, and at least one."""
    return max(1, n // 10)


def _bundled_fonts(lang: str) -> Fonts:
    """Every bundled family of the language's script; those with the role "unseen" are reserved."""
    script = LANGUAGES[lang]
    return Fonts(
        families=font_catalogue.families(script, "train"), unseen_families=font_catalogue.families(script, "unseen")
    )
