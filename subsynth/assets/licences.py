"""Licences: what a data set draws on, item by item, with its licence: LICENSES.md beside the card."""

from __future__ import annotations

from subsynth.assets.assets import all_faces, all_pictures
from subsynth.data.folders import bundled_folder
from subsynth.spec.spec import Spec

SOURCES = {
    "tatoeba": "sentences of Tatoeba (https://tatoeba.org) by its contributors, CC BY 2.0 FR; `text_id` is the "
    "sentence's number there, and https://tatoeba.org/en/sentences/show/NUMBER names its author",
    "words": "lines put together from the word list of jieba, MIT",
    "tang": "lines of Tang verse, in the public domain",
}


def whole(spec: Spec) -> bool:
    """Whether all material is bundled, so that the set may be published under CC BY 4.0."""
    own = spec.fonts.files or spec.fonts.unseen_files or spec.text.files or spec.background.folders
    return not own


def licences(spec: Spec) -> str:
    """The text of LICENSES.md."""
    parts = ["# Licences of what this data set draws on\n", _set(spec), "## Text\n", _text(spec)]
    parts += ["## Fonts\n", _fonts(spec), "## Photographs\n", _photographs(spec)]
    return "\n".join(parts)


def _set(spec: Spec) -> str:
    if whole(spec):
        return "The data set as a whole may be used under CC BY 4.0, with the attributions below.\n"
    return "It was made with material of its maker's own: its licence is for the maker to state.\n"


def _text(spec: Spec) -> str:
    if spec.text.files:
        return "The maker's own text.\n"
    return "".join(f"- {name}: {SOURCES[name]}\n" for name, weight in spec.text.sources.items() if weight > 0)


def _fonts(spec: Spec) -> str:
    """Pictures of text are not copies of a font; the licences are named all the same."""
    seen = {(face.family, face.spdx or "the maker's own"): None for face in all_faces(spec)}
    rows = "".join(f"| {family} | {spdx} |\n" for family, spdx in seen)
    return f"The pictures show these fonts; no font file is part of the set.\n\n| family | licence |\n|---|---|\n{rows}"


def _photographs(spec: Spec) -> str:
    pictures = all_pictures(spec)
    if spec.background.folders or not pictures:
        return "The maker's own.\n" if pictures else "None.\n"
    rows = "".join(f"| {p.name} | {p.title} | {p.author} | {p.spdx} |\n" for p in pictures)
    said = (bundled_folder("backgrounds") / "ATTRIBUTION.md").read_text(encoding="utf-8").split("\n\n", 2)[1]
    return f"{said}\n\n| `background` | title | author | licence |\n|---|---|---|---|\n{rows}"
