"""What every picture of a report shares: its colours, the font of its labels, and how it is saved."""

from __future__ import annotations

import errno
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from subsynth.core.errors import OutputError
from subsynth.core.terminal import one_line
from subsynth.data import font_catalogue

PAGE_COLOR, LABEL_COLOR = (238, 238, 240), (40, 40, 44)  # RGB


LABEL_SIZE = 12  # px per em
MAX_LABEL = 300  # characters
COMPRESSION = 2  # of 9: a tenth more bytes than by default, in a third of the time


def draw_label(draw: ImageDraw.ImageDraw, position: tuple[float, float], text: str) -> None:
    """Write one line of text; each run of characters in the first of the label fonts that has them."""
    x, y = position
    for font, part in _label_runs(text):
        draw.text((x, y + LABEL_SIZE), part, LABEL_COLOR, font, anchor="ls")
        x += font.getlength(part)


def label_width(text: str) -> float:
    """The width of a label, px."""
    return sum(font.getlength(part) for font, part in _label_runs(text))


def _label_runs(text: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
    fonts = _label_fonts()

    def font_number(character: str) -> int:
        return next((i for i, (_, characters) in enumerate(fonts) if ord(character) in characters), 0)

    return [(fonts[number][0], "".join(run)) for number, run in groupby(one_line(text, MAX_LABEL), key=font_number)]


@lru_cache(maxsize=1)
def _label_fonts() -> tuple[tuple[ImageFont.FreeTypeFont, frozenset[int]], ...]:
    """The fonts of labels, and the characters that each has."""
    paths = [font_catalogue.bundled(family)[0].path for family in ("Open Sans", "Noto Sans SC")]
    return tuple((ImageFont.truetype(path, LABEL_SIZE), frozenset(TTFont(path).getBestCmap())) for path in paths)


def save_png(picture: Image.Image, path: Path, optimize: bool = False) -> None:
    """Write a picture as PNG. Raises OutputError if the file cannot be written."""
    try:
        picture.save(path, "PNG", optimize=optimize, compress_level=COMPRESSION)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error to raise for a picture that cannot be written to `path`."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "free some space and run the same command again" if full else "name an --out that can be written"
    return OutputError(f"{path}: {error.strerror or error}; {cure}")
