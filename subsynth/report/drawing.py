"""What every picture of a report shares: its colours, the font of its labels, and how it is saved."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageFont

from subsynth.core.errors import OutputError
from subsynth.data import font_catalogue

PAGE_COLOR, LABEL_COLOR = (238, 238, 240), (40, 40, 44)  # RGB


@lru_cache(maxsize=1)
def label_font() -> ImageFont.FreeTypeFont:
    """The font of labels, 12 px per em."""
    return ImageFont.truetype(font_catalogue.bundled("Open Sans")[0].path, 12)


def save_png(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG. Raises OutputError if the file cannot be written."""
    try:
        picture.save(path, "PNG")
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error to raise for a picture that cannot be written to `path`."""
    return OutputError(f"{path}: {error.strerror or error}; name an --out that can be written")
