"""The shapes of subtitles against libass, which draws them in players: fill and outline of the same text and font."""

from pathlib import Path

import cv2
import libass
import numpy as np
import pytest
from fontTools.ttLib import TTFont

from subsynth.assets.glyphs import open_face
from subsynth.core.coverage import coverage
from subsynth.data import font_catalogue
from subsynth.planning import layout
from subsynth.rendering.styles.outline import outline

TEXT = {"latin": ("Rgax Qfj: ok?", "Two lines,\nof text."), "hans": ("你说中国的一", "他关上了门。\n我知道！")}
HEIGHT, WIDTH, EM = 128, 480, 40  # px
UPRIGHT = [face for face in font_catalogue.catalogue() if face.script in TEXT and not (face.bold or face.italic)]
FACES = [pytest.param(face, id=face.name) for face in UPRIGHT]

pytestmark = pytest.mark.skipif(libass.load() is None, reason="needs libass (Debian: libass9)")


def libass_layers(face, text, **options):
    """Fill, outline and shadow by libass, whose font size is the height of ascender and descender."""
    font = TTFont(face.path)
    size = EM * (font["OS/2"].usWinAscent + font["OS/2"].usWinDescent) / font["head"].unitsPerEm
    return libass.draw(Path(face.path), font["name"].getDebugName(1), size, text, (HEIGHT, WIDTH), **options)


def own_coverage(face, text, target):
    """The same text by subsynth, line for line at the place where its ink is in `target`."""
    glyphs, parts = open_face(face), text.split("\n")
    result = np.zeros_like(target)
    for line_text, (top, bottom) in zip(parts, bands(target, len(parts)), strict=True):
        line, there = layout.set_line(glyphs, line_text, 0), np.zeros_like(target)
        there[top:bottom] = target[top:bottom]
        x, y = 40 * 256, 60 * 256
        for _ in range(2):  # the second step corrects what the first one rounded
            drawn = coverage(layout.edges(glyphs, line, EM * 16, 0, x, y), HEIGHT, WIDTH)
            (tx, ty), (dx, dy) = centroid(there), centroid(drawn)
            x, y = x + round((tx - dx) * 256), y + round((ty - dy) * 256)
        result = np.maximum(result, coverage(layout.edges(glyphs, line, EM * 16, 0, x, y), HEIGHT, WIDTH))
    return result


def bands(plane, count):
    """The rows of each of `count` lines, which the emptiest row near the middle separates."""
    if count == 1:
        return [(0, HEIGHT)]
    rows = np.flatnonzero(plane.any(axis=1))
    first, last = rows[0], rows[-1]
    third = (last - first) // 3
    cut = first + third + int(plane[first + third : last - third].sum(axis=1, dtype=int).argmin())
    return [(0, cut), (cut, HEIGHT)]


def centroid(plane):
    weights = plane.astype(float)
    across, down = weights.sum(axis=0) @ np.arange(WIDTH), weights.sum(axis=1) @ np.arange(HEIGHT)
    return across / weights.sum(), down / weights.sum()


def f_measure(one, other):
    one, other = one >= 128, other >= 128
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def outside(one, other):
    """The share of the pixels of one text that are more than a pixel away from the ink of another."""
    near = cv2.dilate((other > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    return ((one >= 128) & (near == 0)).sum() / (one >= 128).sum()


@pytest.mark.parametrize("face", FACES)
def test_text_has_the_shape_that_libass_draws(face):
    for text in TEXT[face.script]:
        fill = libass_layers(face, text)[libass.FILL]
        own = own_coverage(face, text, fill)
        assert f_measure(own, fill) >= 0.9, text  # libass places glyphs on a grid of its own
        assert outside(own, fill) == outside(fill, own) == 0, text


@pytest.mark.parametrize("name", ["Arimo Regular", "Noto Sans SC Regular"])
@pytest.mark.parametrize("radius", [1, 2, 3])
def test_outlines_have_the_shape_that_libass_draws(name, radius):
    """libass measures an outline from the outline of the glyph, subsynth from the middle of the outermost pixel."""
    face = next(face for face in UPRIGHT if face.name == name)
    text = TEXT[face.script][0]
    layers = libass_layers(face, text, outline=radius)
    own, expected = own_coverage(face, text, layers[libass.FILL]), layers[[libass.FILL, libass.OUTLINE]].max(axis=0)
    drawn = outline(own, radius + 0.5)
    assert f_measure(drawn, expected) >= 0.95
    assert outside(drawn, expected) == outside(expected, drawn) == 0
