"""Small fonts made for the tests: every letter is a shape of its own, or what a test asks for."""

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables.TupleVariation import TupleVariation

LETTERS = "abcdefghijklmnopqrstuvwxyz"
UNITS = 1000


def _glyph(shape):
    pen = TTGlyphPen(None)
    for left, bottom, right, top in shape:
        pen.moveTo((left, bottom))
        for point in ((left, top), (right, top), (right, bottom)):
            pen.lineTo(point)
        pen.closePath()
    return pen.glyph()


def bars(number, thickness=60):
    """Bars whose pattern is that of the bits of a number, so that no two letters look alike."""
    return [(40, 100 * i, 440, 100 * i + thickness) for i in range(7) if number >> i & 1]


BOX = [(60, 0, 460, 40), (60, 660, 460, 700), (60, 40, 100, 660), (420, 40, 460, 660)]


def font(family="Bars", style="Regular", weight=400, italic=False, shapes=None, codes=None, variable=False, names=True):
    """A font as bytes-writable fontTools object: `shapes` replaces those of some glyphs, `codes` adds to its cmap."""
    outlines = {".notdef": BOX, "space": [], **{c: bars(i + 1) for i, c in enumerate(LETTERS)}} | (shapes or {})
    builder = FontBuilder(UNITS, isTTF=True)
    builder.setupGlyphOrder(list(outlines))
    builder.setupCharacterMap({32: "space", **{ord(c): c for c in LETTERS}} | (codes or {}))
    builder.setupGlyf({name: _glyph(shape) for name, shape in outlines.items()})
    builder.setupHorizontalMetrics(dict.fromkeys(outlines, (500, 40)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupOS2(usWeightClass=weight, fsSelection=1 if italic else 64)
    builder.setupNameTable(
        {"familyName": family, "styleName": style, "typographicFamily": family, "typographicSubfamily": style}
    )
    builder.setupPost()
    if variable:
        instances = [
            {"location": {"wght": value}, "stylename": name}
            for name, value in (("Light", 300), ("Regular", 400), ("Black", 900))
        ]
        builder.setupFvar([("wght", 300, 400, 900, "Weight")], instances)
        points = 4 * len(outlines["a"]) + 4
        wider = TupleVariation({"wght": (0.0, 1.0, 1.0)}, [(0, 0)] * points)
        wider.coordinates = [(0, 20 if i % 4 in (1, 2) and i < points - 4 else 0) for i in range(points)]
        builder.setupGvar({"a": [wider]})
    if not names:
        del builder.font["name"]
    return builder.font
