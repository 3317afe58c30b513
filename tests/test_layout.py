"""Layout: the ink of a line lies in its box, strokes are widened as asked, and glyphs are those of the packed face."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subsynth.assets import glyph_pack
from subsynth.assets.face_facts import FaceFacts, face_facts, measure_face
from subsynth.assets.glyphs import FaceGlyphs, open_face
from subsynth.core.coverage import coverage
from subsynth.data import font_catalogue
from subsynth.planning import layout

FACES = [pytest.param(face, id=face.name) for face in font_catalogue.catalogue()]
UPRIGHT = [param for param in FACES if not (param.values[0].bold or param.values[0].italic)]
# By the first of the scripts of a face.
TEXT = {
    "latin": "Affable, jQuit! (Wyj)", "hans": "你说什么？“走吧”…！", "vietnamese": "Nghệ thuật đặc biệt ỹ",
    "greek": "Ξεχωριστή ψυχή, ώρα", "cyrillic": "Съешь ещё ґудзик", "jpan": "彼は東京へ行った。",
    "kore": "안녕하세요, 친구", "hant": "這個問題很難。", "thai": "ที่นี่น้ำใจ ฤๅ", "devanagari": "शिक्षा का कर्तव्य ॐ",
    "arabic": "السلام عليكم 25 مُحمّد",
    "hebrew": "שלום, 17 בפברואר",
}  # fmt: skip


def packed_face(face):
    glyph_pack.pack_face(face)
    return open_face(face)


def unpacked_face(face):
    """The same face without its pack: glyphs are extracted when they are needed."""
    packed = packed_face(face)
    return FaceGlyphs(face, FaceFacts(packed.codes, packed.thin))


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("shear", [0, 218])
def test_ink_lies_inside_its_box(face, shear):
    glyphs = open_face(face)
    line = layout.set_line(glyphs, TEXT[face.script.split()[0]], shear)
    size = layout.largest_size(line.box, 300, 60)
    left, top, right, bottom = layout.ink_box(line, size)
    assert right - left <= 300 * 256 and bottom - top <= 60 * 256
    edges = layout.edges(glyphs, line, size, shear, -left, -top)
    assert edges[:, [0, 2]].min() >= -1 and edges[:, [1, 3]].min() >= -1
    assert edges[:, [0, 2]].max() <= right - left + 1 and edges[:, [1, 3]].max() <= bottom - top + 1


def test_lines_are_kerned_as_the_font_says():
    glyphs = open_face(font_catalogue.bundled("Arimo")[0])
    single = [layout.set_line(glyphs, char, 0) for char in "AV"]
    together = layout.set_line(glyphs, "AV", 0)
    advance = glyphs.shape("A ")[1][1]
    assert together.glyphs.tolist() == [int(line.glyphs[0]) for line in single]
    assert together.x[1] < advance


@pytest.mark.parametrize("name", ["Noto Serif SC", "EB Garamond", "ZCOOL XiaoWei", "Subsynth Kai"])
def test_widened_strokes_cover_more_by_the_width_asked_for(name):
    glyphs = open_face(font_catalogue.bundled(name)[0])
    line = layout.set_line(glyphs, TEXT[glyphs.face.script.split()[0]], 0)
    size = 20 * 16
    left, top, right, bottom = layout.ink_box(line, size, (128, 128))
    height, width = (bottom - top) // 256 + 2, (right - left) // 256 + 2
    thin, bold = (
        coverage(layout.edges(glyphs, line, size, 0, -left, -top, embolden), height, width).astype(int)
        for embolden in ((0, 0), (128, 128))
    )
    assert (bold >= thin - 3).mean() > 0.995
    # A stroke's edge runs once for each side: half a pixel of width adds half its total edge length in area.
    edges = layout.edges(glyphs, line, size, 0, -left, -top)
    length = np.hypot(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1]).sum() / 256
    added = (bold.sum() - thin.sum()) / 255
    assert 0.7 < added / (length * 0.25) < 1.1


@settings(max_examples=30, deadline=None)
@given(size=st.integers(14 * 16, 26 * 16), phase=st.integers(0, 255))
def test_a_stroke_of_a_pixel_is_never_lost(size, phase):
    """The bar of the hanzi for ten, in a face with hairlines, keeps a row wherever it lies."""
    glyphs = open_face(font_catalogue.bundled("Noto Serif SC")[0])
    line = layout.set_line(glyphs, "十", 0)
    missing = max(0, round((1.1 - glyphs.thin[1] / 4096 * size / 16) * 256))
    edges = layout.edges(glyphs, line, size, 0, 4 * 256, 28 * 256 + phase, (0, missing))
    inked = coverage(edges, 36, 36) >= 128
    columns = np.flatnonzero(inked.any(axis=0))
    assert (np.diff(columns) == 1).all() and len(columns) > size / 16 * 0.7


def test_a_line_without_ink_has_an_empty_box():
    glyphs = open_face(font_catalogue.bundled("Arimo")[0])
    assert layout.set_line(glyphs, " ", 0).box == (0, 0, 0, 0)


@pytest.mark.parametrize("face", UPRIGHT)
def test_shipped_facts_are_those_measured(face, tmp_path, monkeypatch):
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path / "cache"))
    shipped, measured = face_facts(face), measure_face(face)
    assert not (tmp_path / "cache").exists()  # nothing was measured and stored
    assert np.array_equal(shipped.codes, measured.codes) and shipped.thin == measured.thin


@pytest.mark.parametrize("name", ["Arimo", "Noto Serif SC", "Ma Shan Zheng"])
def test_lines_of_an_unpacked_face_are_those_of_the_packed_face(name):
    face = font_catalogue.bundled(name)[0]
    packed, unpacked = packed_face(face), unpacked_face(face)
    text = "Waffle, jig: 12%" if name == "Arimo" else "你说什么，我们去哪里？"
    for part in (text[:5], text):  # the second needs glyphs that the first does not
        lines = [layout.set_line(glyphs, part, 217) for glyphs in (unpacked, packed)]
        assert lines[0].box == lines[1].box
        edges = [
            layout.edges(glyphs, line, 320, 217, 500, 6000, (40, 30))
            for glyphs, line in zip((unpacked, packed), lines, strict=True)
        ]
        assert np.array_equal(*edges)


def outline_of(arrays, glyph):
    """Points, pen and normals of a glyph, and its box."""
    part = slice(int(arrays.starts[glyph]), int(arrays.starts[glyph + 1]))
    return [a[part].tolist() for a in (arrays.points, arrays.pen, arrays.normals)] + [arrays.boxes[glyph].tolist()]


@pytest.mark.parametrize("name", ["Arimo", "EB Garamond", "Ma Shan Zheng"])  # TrueType, TrueType, hanzi
def test_glyphs_extracted_in_any_order_are_those_of_the_packed_face(name):
    face = font_catalogue.bundled(name)[0]
    pack = packed_face(face).arrays(np.zeros(0, np.int64))
    count = len(pack.boxes)

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.lists(st.integers(0, count - 1), max_size=12), max_size=8), st.booleans())
    def check(groups, expecting):
        glyphs, requested = unpacked_face(face), set()
        if expecting:  # characters that will be drawn: other glyphs may be extracted along with those requested
            glyphs.expect(glyphs.codes[::7])
        for group in groups:
            before = glyphs.arrays(np.zeros(0, np.int64))
            copy = [array.copy() for array in before]
            arrays = glyphs.arrays(np.array(group, dtype=np.int64))
            requested |= set(group)
            assert all(outline_of(arrays, glyph) == outline_of(pack, glyph) for glyph in requested)
            assert all(map(np.array_equal, before, copy))  # arrays that were handed out before do not change
        blank = [[], [], [], [0, 0, 0, 0]]
        arrays = glyphs.arrays(np.zeros(0, np.int64))
        others = [glyph for glyph in range(count) if glyph not in requested][:300]
        assert all(outline_of(arrays, glyph) in (blank, outline_of(pack, glyph)) for glyph in others)
        assert expecting or all(outline_of(arrays, glyph) == blank for glyph in others)
        assert [a.dtype for a in arrays] == [a.dtype for a in pack]

    check()


def test_all_glyphs_extracted_piece_by_piece_are_the_pack():
    face = font_catalogue.bundled("Arimo")[0]
    pack = packed_face(face).arrays(np.zeros(0, np.int64))
    glyphs, count = unpacked_face(face), len(pack.boxes)
    order = np.arange(count) * 7919 % count  # 7919 is a prime that does not divide the number of glyphs
    assert len(set(order.tolist())) == count
    for part in np.array_split(order, 9):
        glyphs.arrays(part)
    assert all(map(np.array_equal, glyphs.arrays(order), pack))
