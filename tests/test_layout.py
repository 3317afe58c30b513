import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subsynth.assets import glyphs
from subsynth.assets.glyphs import open_face
from subsynth.core.coverage import coverage
from subsynth.data import font_catalogue
from subsynth.planning import layout

FACES = [pytest.param(f, id=f.name) for f in font_catalogue.catalogue()]
TEXT = {"latin": "Affable, jQuit! (Wyj)", "hans": "你说什么？“走吧”…！"}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("shear", [0, 218])
def test_ink_lies_inside_its_box(face, shear):
    glyphs = open_face(face)
    line = layout.set_line(glyphs, TEXT[face.script], shear)
    size = layout.largest_size(line.box, 300, 60)
    left, top, right, bottom = layout.ink_box(line, size)
    assert right - left <= 300 * 256 and bottom - top <= 60 * 256
    edges = layout.edges(glyphs, line, size, shear, -left, -top)
    assert edges[:, [0, 2]].min() >= -1 and edges[:, [1, 3]].min() >= -1
    assert edges[:, [0, 2]].max() <= right - left + 1 and edges[:, [1, 3]].max() <= bottom - top + 1


def test_kerning_is_the_font_s_own():
    glyphs = open_face(font_catalogue.bundled("Arimo")[0])
    apart = [layout.set_line(glyphs, c, 0) for c in "AV"]
    together = layout.set_line(glyphs, "AV", 0)
    advance = glyphs.shape("A ")[1][1]
    assert together.glyphs.tolist() == [int(a.glyphs[0]) for a in apart]
    assert together.x[1] < advance


@pytest.mark.parametrize("name", ["Noto Serif SC", "EB Garamond", "ZCOOL XiaoWei", "Subsynth Kai"])
def test_widened_strokes_cover_more_and_close_to_what_was_asked(name):
    glyphs = open_face(font_catalogue.bundled(name)[0])
    text = TEXT[glyphs.face.script]
    line = layout.set_line(glyphs, text, 0)
    size = 20 * 16
    left, top, right, bottom = layout.ink_box(line, size, (128, 128))
    height, width = (bottom - top) // 256 + 2, (right - left) // 256 + 2
    thin, bold = (
        coverage(layout.edges(glyphs, line, size, 0, -left, -top, grow), height, width).astype(int)
        for grow in ((0, 0), (128, 128))
    )
    assert (bold >= thin - 3).mean() > 0.995
    # A stroke's edge runs once for each side: half a pixel of width adds half its total edge length in area.
    edges = layout.edges(glyphs, line, size, 0, -left, -top)
    length = np.hypot(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1]).sum() / 256
    added = (bold.sum() - thin.sum()) / 255
    assert 0.7 < added / (length * 0.25) < 1.1


@settings(max_examples=30)
@given(size=st.integers(14 * 16, 26 * 16), phase=st.integers(0, 255))
def test_a_stroke_of_a_pixel_is_never_lost(size, phase):
    """The bar of the hanzi for ten, in a face with hair lines, keeps a row wherever it falls."""
    glyphs = open_face(font_catalogue.bundled("Noto Serif SC")[0])
    line = layout.set_line(glyphs, "十", 0)
    grow = max(0, round((1.1 - glyphs.thin[1] / 4096 * size / 16) * 256))
    edges = layout.edges(glyphs, line, size, 0, 4 * 256, 28 * 256 + phase, (0, grow))
    truth = coverage(edges, 36, 36) >= 128
    columns = np.flatnonzero(truth.any(axis=0))
    assert (np.diff(columns) == 1).all() and len(columns) > size / 16 * 0.7


def test_a_line_without_ink_has_an_empty_box():
    glyphs = open_face(font_catalogue.bundled("Arimo")[0])
    assert layout.set_line(glyphs, " ", 0).box == (0, 0, 0, 0)


@pytest.mark.parametrize("face", FACES)
def test_shipped_facts_are_those_of_the_packed_face(face):
    glyphs.pack(face)
    _, codes, thin = glyphs._packed(face)
    shipped = glyphs.facts()[glyphs._key(face)]
    assert np.array_equal(shipped[0], codes) and shipped[1] == thin


@pytest.mark.parametrize("name", ["Arimo", "Noto Serif SC", "Ma Shan Zheng"])
def test_glyphs_drawn_one_by_one_are_those_of_the_packed_face(name):
    face = font_catalogue.bundled(name)[0]
    glyphs.pack(face)
    packed = open_face.__wrapped__(face)
    few = glyphs.Outlines(face, packed.codes, packed.thin, None)
    text = "Waffle, jig: 12%" if name == "Arimo" else "你说什么，我们去哪里？"
    for part in (text[:5], text):  # the second asks for more than the first
        one, two = (layout.set_line(o, part, 217) for o in (few, packed))
        assert one.box == two.box
        lines = [layout.edges(o, line, 320, 217, 500, 6000, (40, 30)) for o, line in ((few, one), (packed, two))]
        assert np.array_equal(*lines)


def test_a_face_that_is_used_much_is_packed():
    face = font_catalogue.bundled("Noto Sans SC")[0]
    packed = open_face.__wrapped__(face)
    few = glyphs.Outlines(face, packed.codes, packed.thin, None)
    many = np.arange(1, glyphs.MANY + 10)
    assert (
        few.arrays(many[:5]).points.shape[0] < few.arrays(many).points.shape[0] == packed.arrays(many).points.shape[0]
    )
