import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subsynth.assets import corpus

ENGLISH = st.text(alphabet="abcde ,.?", min_size=1, max_size=300).map(lambda s: " ".join(s.split())).filter(bool)
CHINESE = st.text(alphabet="你说什么，。？”（1a", min_size=1, max_size=200)


@given(ENGLISH, st.integers(8, 60))
def test_pieces_of_a_cut_line_fit_and_lose_nothing(text, longest):
    pieces = corpus.cut(text, "en", longest)
    assert all(0 < len(p) <= longest for p in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@given(CHINESE, st.integers(8, 30))
def test_chinese_pieces_too(text, longest):
    pieces = corpus.cut(text, "zh", longest)
    assert all(len(p) <= longest for p in pieces)
    assert "".join(pieces) == text


def test_cuts_fall_where_a_subtitle_would_be_cut():
    text = "If you had told me that before, I would never have come."
    assert corpus.cut(text, "en", 36) == ["If you had told me that before,", "I would never have come."]
    assert corpus.cut("我早就告诉过你了，他今天晚上是不会来的。", "zh", 14) == [
        "我早就告诉过你了，",
        "他今天晚上是不会来的。",
    ]
    assert corpus.cut("a" * 25, "en", 10) == ["a" * 9, "a" * 8, "a" * 8]
    assert len(corpus.cut("a" * 200_000, "en", 10)) >= 20_000
    assert not any(p.startswith(("，", "。")) for p in corpus.cut("你" * 9 + "，" + "好" * 9 + "。", "zh", 10))


def test_bundled_lines_are_clean():
    for lang, sources in (("en", {"tatoeba"}), ("zh", {"tatoeba", "words", "tang"})):
        rows = list(corpus.bundled(lang))
        assert {s for s, _, _ in rows} == sources
        assert len({t for _, _, t in rows}) == len(rows) > 50_000
        for _, name, text in rows:
            assert name and text == text.strip() and "  " not in text
            if lang == "en":
                assert text.isascii() and text.isprintable()
            else:
                assert not any("a" <= c.lower() <= "z" for c in text)
                text.replace("—", "―").encode("gb2312")  # the codec has the dash under another code point


def test_the_side_of_a_line_does_not_hang_on_its_dress():
    for text in ("Where are you?", "你好。", "I know."):
        assert corpus.is_test(text) == corpus.is_test(text.upper() + " !") == corpus.is_test(text.rstrip("?。."))
    share = sum(corpus.is_test(f"line {i}") for i in range(20_000)) / 20_000
    assert abs(share - 0.1) < 0.01


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_lines_from_the_cache_are_those_cut_afresh(lang, tmp_path, monkeypatch):
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path))
    rows = list(corpus.bundled(lang))
    assert set(corpus.SOURCES[lang]) == {source for source, _, _ in rows}
    for test in (False, True):
        fresh = corpus.lines(rows, lang, 20, test)
        for _ in range(2):  # cut, then read back
            kept = corpus.bundled_lines(lang, corpus.SOURCES[lang], 20, test)
            assert (kept.text, kept.id, kept.sources) == (fresh.text, fresh.id, fresh.sources)
            assert np.array_equal(kept.source, fresh.source)
