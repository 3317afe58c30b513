"""Users' fonts: whole families, variable fonts, placeholders, symbol fonts and odd glyphs."""

import dataclasses
import logging
from collections import Counter

import numpy as np
import pytest
from fontTools.ttLib.tables._c_m_a_p import cmap_format_4
from small_fonts import BOX, LETTERS, bars, font

from subsynth import MaterialError, pairs, plan, sub_en
from subsynth.assets import listing
from subsynth.assets.assets import Assets
from subsynth.assets.glyphs import open_face

TEXT = "\n".join(
    f"{LETTERS[i % 20 : i % 20 + 4]} {LETTERS[i // 20 : i // 20 + 5]} {LETTERS[-i % 9 : -i % 9 + 3]}"
    for i in range(120)
)


@pytest.fixture
def spec_of(tmp_path, monkeypatch):
    """A spec that draws TEXT, or other lines, in some fonts."""
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path / "cache"))

    def make(*files, text=TEXT, uncovered="error"):
        (tmp_path / "lines.txt").write_text(text, encoding="utf-8")
        spec = sub_en(n=300, n_test=5)
        return dataclasses.replace(
            spec,
            text=dataclasses.replace(spec.text, files=(str(tmp_path / "lines.txt"),), uncovered=uncovered),
            fonts=dataclasses.replace(spec.fonts, files=tuple(map(str, files)), unseen_families=()),
            background=dataclasses.replace(spec.background, p_procedural=1.0),
        )

    return make


def drawn(spec, n=300):
    return Counter(recipe.font for recipe in plan(spec, "train", 0, n))


def save(path, **options):
    font(**options).save(path)
    return path


def test_every_face_of_a_family_is_drawn_evenly(tmp_path, spec_of):
    weights = {"Thin": 100, "Light": 300, "Regular": 400, "Medium": 500, "SemiBold": 600, "Bold": 700, "Black": 900}
    files = [
        save(tmp_path / f"{style}{slant}.ttf", style=f"{style}{slant}", weight=weight, italic=bool(slant))
        for style, weight in weights.items()
        for slant in ("", " Italic")
    ]
    spec = spec_of(*files)
    spec = dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, p_bold=0.5, p_italic=0.5))
    counts = drawn(spec, 4000)
    assert len(counts) == 14
    for recipe in plan(spec, "train", 0, 400):
        style = recipe.font.removeprefix("Bars ")
        assert recipe.bold == (weights[style.removesuffix(" Italic")] >= 600)
        assert recipe.italic == style.endswith("Italic") and not recipe.shear
    bold = [counts[f"Bars {style}"] for style, weight in weights.items() if weight >= 600]
    light = [counts[f"Bars {style}"] for style, weight in weights.items() if weight < 600]
    for group in (bold, light):
        mean = sum(group) / len(group)
        assert max(abs(count - mean) for count in group) < 5 * mean**0.5


def test_folders_patterns_and_the_home_folder(tmp_path, spec_of, monkeypatch):
    folder = tmp_path / "fonts" / "deep"
    folder.mkdir(parents=True)
    for number, suffix in enumerate((".ttf", ".TTF", ".otf")):
        save(folder / f"{number}{suffix}", family=f"Family {number}")
    (folder / "readme.txt").write_text("no font")
    monkeypatch.setenv("HOME", str(tmp_path))
    for entry in (tmp_path / "fonts", folder / "*.[to]tf", "~/fonts"):
        assert set(drawn(spec_of(entry), 100)) >= {"Family 0 Regular"}
    assert len(drawn(spec_of(tmp_path / "fonts"), 200)) == 3
    (tmp_path / "empty").mkdir()
    for entry in (tmp_path / "empty", folder / "*.woff"):
        with pytest.raises(MaterialError, match=r"fonts\.files"):
            plan(spec_of(entry), "train", 0, 1)


def test_the_named_instances_of_a_variable_font(tmp_path, spec_of):
    path = save(tmp_path / "v.ttf", family="Varied", variable=True)
    spec = spec_of(path)
    assert set(drawn(spec)) == {"Varied Light", "Varied Regular", "Varied Black"}
    assert {r.font: r.bold for r in plan(spec, "train", 0, 300)} == {
        "Varied Light": False, "Varied Regular": False, "Varied Black": True,
    }  # fmt: skip
    one = spec_of(f"{path}#wght=650")
    assert set(drawn(one)) == {"Varied wght 650"} and all(r.bold for r in plan(one, "train", 0, 20))
    ink = {}
    for weight in (300, 900):
        face = listing.faces_of(spec_of(f"{path}#wght={weight}"), False)[0]
        glyphs = open_face(face)
        ids = glyphs.shape("a")[0]
        ink[weight] = glyphs.arrays(ids).boxes[ids[0]].tolist()
    assert ink[300] != ink[900]  # the axis reaches the outlines
    for axes, reason in (("wght=50", "300 to 900"), ("slnt=3", "wght")):
        with pytest.raises(MaterialError, match=reason):
            plan(spec_of(f"{path}#{axes}"), "train", 0, 1)
    with pytest.raises(MaterialError, match="not a variable font"):
        plan(spec_of(f"{save(tmp_path / 's.ttf')}#wght=400"), "train", 0, 1)


def covered(path, spec_of):
    face = listing.faces_of(spec_of(path), False)[0]
    return {chr(code) for code in open_face(face).codes}


@pytest.mark.parametrize("kind", ["the outline of .notdef", "one glyph for many letters", "equal outlines"])
def test_placeholders_are_no_coverage(tmp_path, spec_of, kind):
    missing = "ghkvwxz"
    if kind == "the outline of .notdef":
        options = {"shapes": dict.fromkeys(missing, BOX)}
    elif kind == "one glyph for many letters":
        options = {"shapes": {"box": bars(99)}, "codes": {ord(c): "box" for c in missing}}
    else:
        options = {"shapes": dict.fromkeys(missing, bars(99))}
    path = save(tmp_path / "boxes.ttf", **options)
    assert covered(path, spec_of) == set(LETTERS + " ") - set(missing)
    with pytest.raises(MaterialError, match="no font covers the line"):
        plan(spec_of(path), "train", 0, 1)
    for recipe in plan(spec_of(path, uncovered="drop"), "train", 0, 60):
        assert not set(recipe.text) & set(missing)


def test_letters_that_look_alike_stay_covered(tmp_path, spec_of):
    """A few shared outlines are usual: capitals as small ones, Cyrillic as Latin."""
    codes = {ord(c.upper()): c for c in LETTERS} | {ord("а"): "a", ord("о"): "o", ord("е"): "e"}
    path = save(tmp_path / "caps.ttf", codes=codes)
    assert covered(path, spec_of) == set(LETTERS + LETTERS.upper() + " аое")


def test_symbol_fonts_are_mapped_as_shapers_do(tmp_path, spec_of):
    built = font(family="Symbols")
    table = cmap_format_4(4)
    table.platformID, table.platEncID, table.language = 3, 0, 0
    table.cmap = {0xF000 + ord(c): c for c in LETTERS} | {0xF020: "space"}
    built["cmap"].tables = [table]
    built.save(tmp_path / "symbol.ttf")
    assert covered(tmp_path / "symbol.ttf", spec_of) >= set(LETTERS + " ")
    for pair in pairs(spec_of(tmp_path / "symbol.ttf"), "train", 0, 5):
        assert (pair.ground_truth == 0).any()


def test_one_glyph_that_is_too_wide_does_not_spoil_a_font(tmp_path, spec_of):
    wide = {"wide": [(0, 0, 9 * 1000, 100)]}
    path = save(tmp_path / "wide.ttf", shapes=wide, codes={0x2E3B: "wide"})
    assert covered(path, spec_of) == set(LETTERS + " ")
    assert drawn(spec_of(path), 20).total() == 20


def test_a_font_without_names_is_called_after_its_file(tmp_path, spec_of):
    assert set(drawn(spec_of(save(tmp_path / "plain.ttf", names=False)), 20)) == {"plain Regular"}


def test_invisible_characters_need_no_glyph(tmp_path, spec_of):
    text = "\n".join(f"ab\u200bc de\u00adf\u2060 {LETTERS[i % 20 : i % 20 + 5]}\ufeff" for i in range(60))
    spec = spec_of(save(tmp_path / "a.ttf"), text=text)
    for recipe in plan(spec, "train", 0, 30):
        assert recipe.text.isascii()


def test_large_faces_draw_what_small_ones_draw(tmp_path, spec_of):
    """Glyphs are extracted in groups as they are needed: in any order, the outlines are the same."""
    face = listing.faces_of(spec_of(save(tmp_path / "a.ttf")), False)[0]
    whole = open_face(face)
    every = np.arange(28, dtype=np.int64)
    reference = whole.arrays(every)
    part = open_face(face)
    part.expect(np.array([ord(c) for c in LETTERS], np.uint32))
    for glyphs in (every[5:7], every[3:4], every[20:], every):
        arrays = part.arrays(glyphs)
        for glyph in glyphs:
            own = [a.points[a.starts[glyph] : a.starts[glyph + 1]].tolist() for a in (arrays, reference)]
            assert own[0] == own[1]


def test_faces_that_cannot_be_drawn_are_named(tmp_path, spec_of, caplog):
    latin = save(tmp_path / "latin.ttf", family="Latin")
    bold = save(tmp_path / "bold.ttf", family="Latin", style="Bold", weight=700)
    other = save(
        tmp_path / "other.ttf",
        family="Other",
        shapes=dict.fromkeys(LETTERS, BOX) | {"one": bars(3)},
        codes={0x4E00: "one"},
    )
    spec = spec_of(latin, bold, other)
    with caplog.at_level(logging.WARNING, "subsynth"):
        Assets.open(dataclasses.replace(spec, fonts=dataclasses.replace(spec.fonts, p_bold=0.0)), "train")
    messages = [record.getMessage() for record in caplog.records]
    assert any("Other Regular" in m and "no line" in m for m in messages)
    assert any("Latin Bold" in m and "p_bold" in m for m in messages) and not any(
        "Latin Regular" in m for m in messages
    )
    caplog.clear()
    with caplog.at_level(logging.WARNING, "subsynth"):
        Assets.open(spec_of(latin, bold), "train")
        Assets.open(sub_en(n=3), "train")
    assert not caplog.records
