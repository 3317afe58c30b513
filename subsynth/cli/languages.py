"""The command languages: what is bundled for each language."""

from __future__ import annotations

import click

from subsynth.assets.corpus import SOURCES, bundled_rows
from subsynth.core.terminal import echo
from subsynth.data import font_catalogue
from subsynth.data.languages import LANGUAGES, Language

HEAD = ("code", "name", "script", "families", "lines", "text", "licences of the fonts")


@click.command()
def languages() -> None:
    """List the languages, with their fonts and their text.

    Families are those for training and those reserved for test_unseen_fonts. Lines are those of the bundled text before
    long ones are cut; your own text files replace them.

    \b
    Examples:
      subsynth languages
      subsynth render --lang ja --n 1000
    """
    rows = [HEAD, *(_row(language) for language in LANGUAGES.values())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for row in rows:
        echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(language: Language) -> tuple[str, ...]:
    families = [font_catalogue.families(language.fonts, role) for role in ("train", "unseen")]
    spdx = {face.spdx for role in families for family in role for face in font_catalogue.bundled(family)}
    count = sum(1 for _ in bundled_rows(language.code))
    return (
        language.code,
        language.name,
        "+".join(language.scripts),
        f"{len(families[0])} + {len(families[1])}",
        f"{count:,}",
        ", ".join(SOURCES[language.code]),
        ", ".join(sorted(spdx)),
    )
