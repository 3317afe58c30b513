"""Coverage against FreeType, unhinted: single glyphs, and lines that HarfBuzz has shaped."""

import math

import cv2
import freetype
import numpy as np
import pytest
from PIL import ImageFont

from subsynth.assets.glyph_outlines import EM
from subsynth.assets.glyphs import open_face
from subsynth.core.coverage import coverage
from subsynth.data import font_catalogue
from subsynth.planning import layout

TEXT = {"latin": "Rgax&8Qfj", "hans": "你说中国龍鬱的一"}
# Of two scripts, a face draws the text of the first. Marks, joined letters, letters that change their order, digits.
LINES = {
    "vietnamese": "Nghệ thuật đặc biệt", "greek": "Ξεχωριστή ψυχή, ώρα", "cyrillic": "Съешь ещё ґудзик",
    "jpan": "彼は東京へ行った。", "kore": "안녕하세요, 친구", "hant": "這個問題很難。", "thai": "ที่นี่น้ำใจ",
    "devanagari": "शिक्षा का कर्तव्य", "arabic": "السلام عليكم 25 مُحمّد", "hebrew": "שלום, 17 בפברואר",
}  # fmt: skip
FACES = [pytest.param(face, id=face.name) for face in font_catalogue.catalogue() if face.script in TEXT]
SHAPED = [pytest.param(face, id=face.name) for face in font_catalogue.catalogue() if face.script not in TEXT]
HEIGHT, WIDTH, BASELINE = 60, 80, 42  # px


def freetype_coverage(face, glyph, size, shear, x, y=0.0, width=WIDTH):
    """The glyph drawn by FreeType without hints, its origin `y` px above (x, BASELINE) px: uint8 (HEIGHT, width)."""
    font = freetype.Face(face.path)
    font.set_char_size(round(size * 64))
    matrix = freetype.Matrix(0x10000, round(shear * 0x10000), 0, 0x10000)
    font.set_transform(matrix, freetype.Vector(round((x % 1) * 64), round((y % 1) * 64)))
    font.load_glyph(glyph, freetype.FT_LOAD_NO_HINTING | freetype.FT_LOAD_NO_BITMAP)
    font.glyph.render(freetype.FT_RENDER_MODE_NORMAL)
    bitmap = font.glyph.bitmap
    image = np.zeros((HEIGHT, width), np.uint8)
    if bitmap.rows:
        pixels = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, bitmap.pitch)[:, : bitmap.width]
        top, left = BASELINE - font.glyph.bitmap_top - math.floor(y), math.floor(x) + font.glyph.bitmap_left
        image[top : top + bitmap.rows, left : left + bitmap.width] = pixels
    return image


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("shear", [0, 218])
def test_coverage_equals_freetype(face, shear):
    glyphs = open_face(face)
    differences = []
    for size in (14, 22.25, 30):
        for x, char in zip((20, 20.25, 20.5, 20.75) * 3, TEXT[face.script], strict=False):
            if not glyphs.covers(np.array([ord(char)], np.uint32))[0]:
                continue
            line = layout.set_line(glyphs, char, shear)
            edges = layout.edges(glyphs, line, round(size * 16), shear, round(x * 256), BASELINE * 256)
            actual = coverage(edges, HEIGHT, WIDTH).astype(float)
            expected = freetype_coverage(face, int(line.glyphs[0]), size, shear / 1024, x)
            inked = (actual > 0) | (expected > 0)
            differences.append(np.abs(actual - expected)[inked])
    all_differences = np.concatenate(differences)
    assert len(all_differences) > 1000
    assert all_differences.mean() <= 3.0, (face.name, max(d.mean() for d in differences))


@pytest.mark.parametrize("face", SHAPED)
def test_coverage_of_a_line_equals_that_of_its_glyphs(face):
    text, size, width = LINES[face.script.split()[0]], 28, 420
    glyphs = open_face(face)
    line = layout.set_line(glyphs, text, 0)
    edges = layout.edges(glyphs, line, size * 16, 0, 20 * 256, BASELINE * 256)
    actual = coverage(edges, HEIGHT, width).astype(float)
    expected = np.zeros((HEIGHT, width))
    for glyph, x, y in zip(line.glyphs.tolist(), line.x.tolist(), line.y.tolist(), strict=True):
        assert glyph, "a character without a glyph"
        origin = 20 + x * size / EM, y * size / EM
        expected += freetype_coverage(face, glyph, size, 0, *origin, width)
    inked = (actual > 0) | (expected > 0)
    assert inked.sum() > 500
    assert np.abs(actual - np.minimum(expected, 255))[inked].mean() <= 4.0


@pytest.mark.parametrize(
    "face", [param for param in FACES if param.values[0].script == "hans" and not param.values[0].bold]
)
def test_no_hanzi_is_drawn_as_a_block(face):
    """A counter whose contour winds the wrong way is filled, which gives ink many times as thick as a stroke."""
    font, thickest = ImageFont.truetype(face.path, 48), {}
    for code in open_face(face).codes:
        if 0x4E00 <= code <= 0x9FFF:
            mask = font.getmask(chr(code))
            ink = np.pad(np.array(mask, np.uint8).reshape(mask.size[::-1]) > 127, 1)
            thickest[chr(code)] = cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, 3).max()
    assert len(thickest) > 4000
    stroke = np.median(list(thickest.values()))
    assert not [char for char, thickness in thickest.items() if thickness > 3.5 * stroke]
