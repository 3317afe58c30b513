"""Languages: their fonts draw their text, every letter occurs, directions are right, and commands know them."""

import dataclasses
import re
import unicodedata

import numpy as np
import pytest
from bidi import get_display

from subsynth import SpecError, film_en, pairs
from subsynth.assets import corpus
from subsynth.assets.direction import is_rtl, mixes_directions, visual_runs
from subsynth.assets.glyphs import open_face
from subsynth.assets.line_cutting import cut
from subsynth.data import font_catalogue
from subsynth.data.folders import bundled_folder
from subsynth.data.languages import LANGUAGES
from subsynth.spec.presets import preset
from subsynth.spec.spec import Spec

ADDED = [code for code in LANGUAGES if code not in ("en", "zh")]
RTL = [code for code in ADDED if LANGUAGES[code].is_rtl]
DOTTED_CIRCLE = 0x25CC


def bundled(code, test=False):
    """The lines of train, or of the test splits."""
    return corpus.bundled_lines(code, corpus.SOURCES[code], LANGUAGES[code].max_chars, test).text


def letters():
    """The letters and marks of each language by CLDR."""
    table = (bundled_folder("corpus") / "letters.tsv").read_text(encoding="utf-8")
    return dict(line.split("\t") for line in table.splitlines())


@pytest.mark.parametrize("code", ADDED)
def test_a_language_has_fonts_of_several_kinds_and_one_that_is_reserved(code):
    of_script = [face for face in font_catalogue.catalogue() if LANGUAGES[code].fonts in face.script.split()]
    families = {role: {face.family for face in of_script if face.role == role} for role in ("train", "unseen")}
    assert len(families["train"]) >= 4 and families["unseen"] and not families["train"] & families["unseen"]
    assert {face.spdx for face in of_script} == {"OFL-1.1"}


@pytest.mark.parametrize("code", ADDED)
def test_every_letter_occurs_in_the_text_for_training(code):
    text = set("".join(bundled(code)))
    assert len(letters()[code]) >= 27  # the letters of Hebrew
    assert not set(letters()[code]) - text


@pytest.mark.parametrize("code", ADDED)
def test_the_text_is_of_the_language_and_on_one_side_of_the_division(code):
    train, test = bundled(code), bundled(code, test=True)
    assert len(train) > 2500 and len(test) > 200 and not set(train) & set(test)
    longest = LANGUAGES[code].max_chars
    for text in (*train, *test):
        assert text == unicodedata.normalize("NFC", text) == text.strip() and 0 < len(text) <= longest
        assert not mixes_directions(text)
    if LANGUAGES[code].is_rtl:
        assert sum(map(is_rtl, train)) > 0.95 * len(train)


@pytest.mark.parametrize("code", ADDED)
def test_every_family_draws_the_text_without_replacement_glyphs(code):
    """No glyph 0, no dotted circle of a mark without a letter, and no mark that changes nothing."""
    lines = [*bundled(code), *bundled(code, test=True)]
    for role in ("train", "unseen"):
        for family in font_catalogue.families(LANGUAGES[code].fonts, role):
            glyphs = open_face(font_catalogue.bundled(family)[0], LANGUAGES[code])
            known = set(map(chr, glyphs.codes.tolist()))
            assert chr(DOTTED_CIRCLE) not in known
            drawn = [text for text in lines if known.issuperset(text)]
            assert len(drawn) > 0.5 * len(lines), family
            for text in drawn:
                ids = glyphs.shape(text)[0]
                assert ids.all(), (family, text)
                bare = "".join(c for c in text if unicodedata.category(c) != "Mn") if not text.isascii() else text
                assert bare == text or glyphs.shape(bare)[0].tolist() != ids.tolist(), (family, text)


def by_runs(text):
    """The characters of a text from left to right, by its runs. Brackets are not mirrored: HarfBuzz does it."""
    return "".join(text[start:stop][::-1] if rtl else text[start:stop] for start, stop, rtl in visual_runs(text))


NUMBERS = [
    "עד 17 בפברואר 1992", "מחיר: 12.50 (או 3,000)", "שעה 10:30, 50% הנחה", "טווח 5-7 ימים", "2014 היא השנה",
    "₪25 בלבד!",
    "السعر 12.50 فقط", "من 5-7 أيام", "الساعة 10:30", "٢٥ أبريل ٢٠١٤", "٣٫٥ كيلو", "2014/05/06 هو التاريخ", "عام 2014",
]  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_stand_as_the_bidirectional_algorithm_puts_them(text):
    assert by_runs(text) == get_display(text, base_dir="R")


@pytest.mark.parametrize("code", RTL)
def test_bundled_lines_stand_as_the_bidirectional_algorithm_puts_them(code):
    marks = re.compile("[\u0591-\u05c7\u064b-\u065f\u0670]")  # their order within a letter is the shaper's concern
    for text in (marks.sub("", line) for line in bundled(code)):
        assert by_runs(text) == get_display(text, base_dir="R"), text


def test_text_from_left_to_right_is_one_run():
    for text in ("", "12 May", "Привет, 25!", "你好 3", "हिन्दी 12"):
        assert visual_runs(text) == [(0, len(text), False)] and not is_rtl(text)


def test_letters_of_both_directions_are_mixed():
    assert mixes_directions("שלום world") and mixes_directions("NATO حلف")
    assert not any(map(mixes_directions, ("שלום, 25!", "حلف ٢٥", "world 25", "你好 world")))


def test_arabic_letters_join_and_thai_marks_have_no_advance():
    face = open_face(font_catalogue.bundled("Noto Naskh Arabic")[0], LANGUAGES["ar"])
    alone = {int(glyph) for letter in "بيت" for glyph in face.shape(letter)[0]}
    ids, x, _ = face.shape("بيت")
    assert not set(ids.tolist()) <= alone
    order = face.characters("بيت")[np.argsort(x, kind="stable")]
    assert order[0] == 2 and order[-1] == 0  # the last letter is the leftmost
    thai = open_face(font_catalogue.bundled("Sarabun")[0], LANGUAGES["th"])
    assert abs(int(thai.shape("ที่น")[1][-1]) - int(thai.shape("ทน")[1][-1])) <= 1


def test_devanagari_is_reordered():
    """The vowel sign i stands before its consonant."""
    face = open_face(font_catalogue.bundled("Hind")[0], LANGUAGES["hi"])
    sign, letter = (int(face.shape(text)[0][0]) for text in ("कि", "क"))
    ids, x, _ = face.shape("कि")
    assert sign != letter and int(ids[np.argmax(x)]) == letter


@pytest.mark.parametrize("code", ADDED)
def test_samples_have_ink_in_logical_order_and_boxes_of_their_characters(code):
    spec = preset(code)
    spec = dataclasses.replace(spec, labels=dataclasses.replace(spec.labels, char_boxes=True))
    for split in spec.splits:
        for pair in pairs(spec, split, 0, 4):
            assert pair.recipe.text in bundled(code, split != "train")
            assert 20 < (pair.ground_truth == 0).sum() < pair.ground_truth.size / 2
            first, last = pair.char_boxes[0], pair.char_boxes[-1]
            if len(pair.char_boxes) > 3 and is_rtl(pair.recipe.text):
                assert first[0] > last[0]
            elif len(pair.char_boxes) > 3:
                assert first[0] < last[0]


@pytest.mark.parametrize("code", ["ar", "th", "ja"])
def test_bands_of_video(code):
    spec, english = preset(code, "film"), film_en()
    assert spec.fonts.p_italic == min(0.25, LANGUAGES[code].p_italic)
    assert (spec.height, spec.width) == (english.height, english.width)
    kinds = {pair.recipe.text.count("\n") if pair.recipe.text else -1 for pair in pairs(spec, "train", 0, 40)}
    assert kinds == {-1, 0, 1}


def test_long_lines_are_cut_at_words_and_clusters():
    text = "เด็กนักเรียนทุกคนไปโรงเรียนด้วยรถประจำทางในตอนเช้าของทุกวัน"
    pieces = cut(text, "th", 20)
    assert "".join(pieces) == text and len(pieces) > 2
    assert not any(unicodedata.category(piece[0]) == "Mn" or len(piece) > 20 for piece in pieces)
    hindi = "प्रत्येक व्यक्ति को शिक्षा का अधिकार है और यह निःशुल्क होगी।"
    assert " ".join(cut(hindi, "hi", 24)) == hindi
    assert "".join(cut("すべての人間は、生まれながらにして自由であり、かつ、平等である。", "ja", 12)).startswith(
        "すべての人間は、"
    )


def test_the_command_lists_every_language(run):
    result = run("languages")
    assert result.code == 0, result.err
    rows = [re.split(r"\s{2,}", line) for line in result.out.splitlines()]
    assert [row[0] for row in rows] == ["code", *LANGUAGES]
    assert all(len(row) == len(rows[0]) for row in rows)


@pytest.mark.parametrize(
    ("code", "near"), [("jp", "ja"), ("German", "de"), ("zh-TW", "zh-Hant"), ("pt_BR", "pt"), ("q", "")]
)
def test_an_unknown_code_names_the_nearest(run, code, near):
    result = run("render", "--lang", code, "--n", 2)
    assert result.code == 2 and len(result.err.splitlines()) == 1
    assert (("did you mean" in result.err) == bool(near) and f"'{near}'" in result.err) or not near
    with pytest.raises(SpecError, match="no such language"):
        Spec.from_yaml(f"lang: {code}")


def test_lines_of_both_directions_are_refused_or_dropped_and_counted(run, tmp_path):
    (tmp_path / "text.txt").write_text("שלום לכולם\nשלום world\n" + "\n".join(f"שורה {i}" for i in range(40)), "utf-8")
    refused = run("render", "--lang", "he", "--n", 4, "--text", "text.txt", "--out", "set")
    assert refused.code == 2 and "שלום world" in refused.err and "uncovered" in refused.err
    assert len(refused.err.splitlines()) == 1 and not (tmp_path / "set").exists()
    (tmp_path / "spec.yaml").write_text("lang: he\ntext: {uncovered: drop, files: [text.txt]}\n", "utf-8")
    dropped = run("render", "--spec", "spec.yaml", "--n", 4, "--out", "set")
    assert dropped.code == 0, dropped.err
    assert (
        '"train": 1' in (tmp_path / "set/manifest.json").read_text()
        or '"test": 1' in (tmp_path / "set/manifest.json").read_text()
    )
    assert run("verify", "set", "--trust-paths").code == 0


def test_a_text_in_another_script_than_the_fonts_is_refused(run, tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(f"Привет, {i}" for i in range(30)), "utf-8")
    result = run("render", "--lang", "th", "--n", 2, "--text", "text.txt")
    assert result.code == 2 and "no font covers the line" in result.err and len(result.err.splitlines()) == 1
