"""Coverage against FreeType, unhinted, glyph by glyph."""

import cv2
import freetype
import numpy as np
import pytest
from PIL import ImageFont

from subsynth.assets.glyphs import open_face
from subsynth.core.coverage import coverage
from subsynth.data import font_catalogue
from subsynth.planning import layout

TEXT = {"latin": "Rgax&8Qfj", "hans": "你说中国龍鬱的一"}
FACES = [pytest.param(f, id=f.name) for f in font_catalogue.catalogue()]


def freetype_coverage(face, glyph, size, shear, height, width, x, y):
    """The glyph drawn by FreeType without hints, its origin at (x, y) px, as uint8 (height, width)."""
    font = freetype.Face(face.path)
    font.set_char_size(round(size * 64))
    matrix = freetype.Matrix(0x10000, round(shear * 0x10000), 0, 0x10000)
    font.set_transform(matrix, freetype.Vector(round((x % 1) * 64), 0))
    font.load_glyph(glyph, freetype.FT_LOAD_NO_HINTING | freetype.FT_LOAD_NO_BITMAP)
    font.glyph.render(freetype.FT_RENDER_MODE_NORMAL)
    bitmap = font.glyph.bitmap
    image = np.zeros((height, width), np.uint8)
    if bitmap.rows:
        pixels = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, bitmap.pitch)[:, : bitmap.width]
        top, left = y - font.glyph.bitmap_top, int(x) + font.glyph.bitmap_left
        image[top : top + bitmap.rows, left : left + bitmap.width] = pixels
    return image


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("shear", [0, 218])
def test_coverage_is_that_of_freetype(face, shear):
    outlines = open_face(face)
    worst, total, ink = 0.0, 0.0, 0
    height, width, y = 60, 80, 42
    for size in (14, 22.25, 30):
        for x, char in zip((20, 20.25, 20.5, 20.75) * 3, TEXT[face.script], strict=False):
            if not outlines.covers(np.array([ord(char)], np.uint32))[0]:
                continue
            line = layout.set_line(outlines, char, shear)
            edges = layout.edges(outlines, line, round(size * 16), shear, round(x * 256), y * 256)
            ours = coverage(edges, height, width).astype(float)
            theirs = freetype_coverage(face, int(line.glyphs[0]), size, shear / 1024, height, width, x, y)
            on = (ours > 0) | (theirs > 0)
            difference = np.abs(ours - theirs)[on]
            total, ink = total + difference.sum(), ink + int(on.sum())
            worst = max(worst, difference.mean())
    assert ink > 1000
    assert total / ink <= 3.0, (face.name, total / ink, worst)


@pytest.mark.parametrize("face", [p for p in FACES if p.values[0].script == "hans"])
def test_no_hanzi_is_a_block(face):
    """A counter drawn the wrong way round is filled with ink that is many times as thick as a stroke."""
    font, thickest = ImageFont.truetype(face.path, 48), {}
    for code in open_face(face).codes:
        if 0x4E00 <= code <= 0x9FFF:
            mask = font.getmask(chr(code))
            ink = np.pad(np.array(mask, np.uint8).reshape(mask.size[::-1]) > 127, 1)
            thickest[chr(code)] = cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, 3).max()
    assert len(thickest) > 4000
    stroke = np.median(list(thickest.values()))
    assert not [char for char, thick in thickest.items() if thick > 3.5 * stroke]
