"""The languages that text can have, each with its script and how it is written."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from subsynth.core.documents import shown
from subsynth.core.errors import SpecError

MAX_CODE = 40  # characters of a wrong code that are compared

# Sources of text and their shares of the samples, without conversations, with many, and with few of them.
_SOURCES = (("udhr", 0.3), ("names", 0.2), ("words", 0.4), ("letters", 0.1))
_SPOKEN = (("chatterbot", 0.3), ("udhr", 0.2), ("names", 0.15), ("words", 0.25), ("letters", 0.1))
_FEW_SPOKEN = (("chatterbot", 0.05), ("udhr", 0.25), ("names", 0.2), ("words", 0.4), ("letters", 0.1))


class Language(NamedTuple):
    """A language: how bundled fonts and HarfBuzz call its script, and how its lines are written."""

    code: str  # BCP 47, as in `--lang` and in file names
    name: str
    fonts: str  # the script of its fonts, as in fonts/catalogue.tsv
    scripts: tuple[str, ...]  # ISO 15924: the scripts of its letters
    max_chars: int = 36  # longer lines are cut
    p_italic: float = 0.25  # share of its samples in italics; scripts without italics have none
    sources: tuple[tuple[str, float], ...] = _SOURCES  # of its bundled text, and their shares of the samples

    @property
    def is_rtl(self) -> bool:
        """Whether its lines run from right to left."""
        return bool({"Arab", "Hebr"} & set(self.scripts))

    @property
    def is_cjk(self) -> bool:
        """Whether it is written in hanzi, kana or hangul."""
        return bool({"Hani", "Hang"} & set(self.scripts))

    @property
    def has_spaces(self) -> bool:
        """Whether spaces separate its words."""
        return not {"Hani", "Thai"} & set(self.scripts)

    @property
    def tag(self) -> str:
        """The language tag that shaping gets."""
        return "zh-Hans" if self.code == "zh" else self.code


LATIN, CYRILLIC = ("Latn",), ("Cyrl",)
_ALL = (
    Language("en", "English", "latin", LATIN, sources=(("tatoeba", 1.0),)),
    Language("zh", "Chinese", "hans", ("Hani",), 18, sources=(("tatoeba", 0.85), ("words", 0.1), ("tang", 0.05))),
    Language("zh-Hant", "Chinese, traditional script", "hant", ("Hani",), 18, p_italic=0.1, sources=_SPOKEN),
    Language("ja", "Japanese", "jpan", ("Hani", "Hira", "Kana"), 18, p_italic=0.1, sources=_SPOKEN),
    Language("ko", "Korean", "kore", ("Hang",), 24, p_italic=0.1, sources=_SPOKEN),
    Language("vi", "Vietnamese", "vietnamese", LATIN),
    Language("th", "Thai", "thai", ("Thai",), 40, p_italic=0.0),
    Language("hi", "Hindi", "devanagari", ("Deva",), p_italic=0.0, sources=_FEW_SPOKEN),
    Language("ar", "Arabic", "arabic", ("Arab",), p_italic=0.0),
    Language("he", "Hebrew", "hebrew", ("Hebr",), p_italic=0.0, sources=_FEW_SPOKEN),
    Language("ru", "Russian", "cyrillic", CYRILLIC, sources=_FEW_SPOKEN),
    Language("uk", "Ukrainian", "cyrillic", CYRILLIC, sources=_SPOKEN),
    Language("el", "Greek", "greek", ("Grek",)),
    Language("tr", "Turkish", "latin", LATIN, sources=_SPOKEN),
    Language("pl", "Polish", "latin", LATIN),
    Language("cs", "Czech", "latin", LATIN),
    Language("de", "German", "latin", LATIN, sources=_SPOKEN),
    Language("fr", "French", "latin", LATIN, sources=_FEW_SPOKEN),
    Language("es", "Spanish", "latin", LATIN, sources=_SPOKEN),
    Language("it", "Italian", "latin", LATIN, sources=_SPOKEN),
    Language("pt", "Portuguese", "latin", LATIN, sources=_SPOKEN),
    Language("nl", "Dutch", "latin", LATIN, sources=_SPOKEN),
)
LANGUAGES = {language.code: language for language in _ALL}
# What a wrong code may stand for: codes of countries and regions, and codes of three letters.
_OTHER_CODES = {
    "jp": "ja", "kr": "ko", "cn": "zh", "zh-hans": "zh", "tw": "zh-Hant", "hk": "zh-Hant", "zh-tw": "zh-Hant",
    "zh-hk": "zh-Hant", "gr": "el", "cz": "cs", "iw": "he", "ua": "uk", "vn": "vi", "br": "pt", "jpn": "ja",
    "kor": "ko", "vie": "vi", "tha": "th", "hin": "hi", "ara": "ar", "heb": "he", "rus": "ru", "ukr": "uk", "ell": "el",
    "tur": "tr", "pol": "pl", "ces": "cs", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it",
    "por": "pt", "nld": "nl", "eng": "en", "chi": "zh", "zho": "zh",
}  # fmt: skip


def unknown_language(code: str, origin: str) -> SpecError:
    """The error for a code that is none of the languages: it names the nearest one."""
    near = _nearest(code.lower().replace("_", "-")[:MAX_CODE])
    cure = f"did you mean {near!r}? " if near else ""
    return SpecError(f"{origin} {shown(code)}: no such language; {cure}use one of {', '.join(LANGUAGES)}")


def _nearest(code: str) -> str:
    """The language that a code in lower case may stand for: of a country, with a region, or by its name; or ""."""
    known = {one.lower(): one for one in LANGUAGES} | _OTHER_CODES
    names = {language.name.lower(): one for one, language in LANGUAGES.items()}
    language = code.partition("-")[0]
    if code in known or language in known:
        return known.get(code) or known[language]
    near = difflib.get_close_matches(code, names, 1, 0.6) if len(code) > 2 else []
    return names[near[0]] if near else ""
