"""The corpus: lines are cut where a subtitle would be, lose nothing, and belong to one side of the division."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subsynth.assets import corpus
from subsynth.assets.line_cutting import cut, cut_bundled
from subsynth.assets.user_text import TextRow

ENGLISH = st.text(alphabet="abcde ,.?", min_size=1, max_size=300).map(lambda s: " ".join(s.split())).filter(bool)
CHINESE = st.text(alphabet="你说什么，。？”（1a", min_size=1, max_size=200)
CUTS = pytest.mark.parametrize("cut_line", [cut, cut_bundled])


@CUTS
@given(text=ENGLISH, max_chars=st.integers(8, 60))
def test_english_pieces_fit_and_lose_nothing(cut_line, text, max_chars):
    pieces = cut_line(text, "en", max_chars)
    assert all(0 < len(piece) <= max_chars for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@CUTS
@given(text=CHINESE, max_chars=st.integers(8, 30))
def test_chinese_pieces_fit_and_lose_nothing(cut_line, text, max_chars):
    pieces = cut_line(text, "zh", max_chars)
    assert all(len(piece) <= max_chars for piece in pieces)
    assert "".join(pieces) == text


@CUTS
def test_cuts_fall_where_a_subtitle_would_be_cut(cut_line):
    text = "If you had shown me that before, I would never have come."
    assert cut_line(text, "en", 36) == ["If you had shown me that before,", "I would never have come."]
    assert cut_line("我早就告诉过你了，他今天晚上是不会来的。", "zh", 14) == [
        "我早就告诉过你了，",
        "他今天晚上是不会来的。",
    ]
    assert cut_line("a" * 25, "en", 10) == ["a" * 9, "a" * 8, "a" * 8]
    assert len(cut_line("a" * 200_000, "en", 10)) >= 20_000
    pieces = cut_line("你" * 9 + "，" + "好" * 9 + "。", "zh", 10)
    assert not any(piece.startswith(("，", "。")) for piece in pieces)


def test_lines_are_not_cut_after_opening_or_before_closing_punctuation():
    for max_chars in range(8, 14):
        pieces = cut("他说（这是真的）“你好”《红楼梦》" * 4, "zh", max_chars)
        assert not any(piece.endswith(("（", "“", "《")) for piece in pieces)
        assert not any(piece.startswith(("）", "”", "》")) for piece in pieces)


def test_clusters_of_characters_are_not_cut():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # one emoji of five code points
    assert set("".join(cut(family * 6, "en", 12)).split(family)) == {""}
    assert all(len(piece) % len(family) == 0 for piece in cut(family * 6, "en", 12))


def test_bundled_lines_are_clean():
    for lang, sources in (("en", {"tatoeba"}), ("zh", {"tatoeba", "words", "tang"})):
        rows = list(corpus.bundled_rows(lang))
        assert {row.source for row in rows} == sources == set(corpus.SOURCES[lang])
        assert len({row.text for row in rows}) == len(rows) > 50_000
        for row in rows:
            assert row.id and row.text == row.text.strip() and "  " not in row.text
            if lang == "en":
                assert row.text.isascii() and row.text.isprintable()
            else:
                assert not any("a" <= char.lower() <= "z" for char in row.text)
                row.text.replace("—", "―").encode("gb2312")  # the codec has the dash under another code point


def test_the_side_of_a_line_depends_on_its_letters_and_digits_alone():
    for text in ("Where are you?", "你好。", "I know."):
        assert corpus.is_test(text) == corpus.is_test(text.upper() + " !") == corpus.is_test(text.rstrip("?。."))
    share = sum(corpus.is_test(f"line {i}") for i in range(20_000)) / 20_000
    assert abs(share - 0.1) < 0.01


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text("abc d!?", max_size=40)), max_size=30), st.integers(5, 20))
def test_divided_lines_are_each_on_one_side_with_their_origin(rows, max_chars):
    rows = [TextRow(source, str(i), " ".join(text.split())) for i, (source, text) in enumerate(rows)]
    sides = [corpus.divide(rows, "en", max_chars, test) for test in (False, True)]
    pieces = {piece for row in rows for piece in cut(row.text, "en", max_chars) if any(map(str.isalnum, piece))}
    assert set(sides[0].text) | set(sides[1].text) == pieces
    assert not set(sides[0].text) & set(sides[1].text)
    for test, lines in enumerate(sides):
        assert len(set(lines.text)) == len(lines.text) == len(lines.id) == len(lines.source)
        for text, row_id, source in zip(lines.text, lines.id, lines.source, strict=True):
            assert corpus.is_test(text) == bool(test)
            first = next(row for row in rows if text in cut(row.text, "en", max_chars))
            assert (row_id, lines.sources[source]) == (first.id, first.source)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_cached_lines_equal_those_divided_again(lang, tmp_path, monkeypatch):
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path))
    rows = list(corpus.bundled_rows(lang))
    for test in (False, True):
        expected = corpus.divide(rows, lang, 20, test, cut_bundled)
        for _ in range(2):  # divided, then read from the cache
            cached = corpus.bundled_lines(lang, corpus.SOURCES[lang], 20, test)
            assert (cached.text, cached.id, cached.sources) == (expected.text, expected.id, expected.sources)
            assert np.array_equal(cached.source, expected.source)
