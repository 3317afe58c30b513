"""Users' text files: what other people's subtitle files hold, and where long lines are cut."""

import dataclasses
import os
import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uniseg.graphemecluster import grapheme_cluster_boundaries

from subsynth import MaterialError, plan, sub_en
from subsynth.assets.line_cutting import cut
from subsynth.assets.text_cleaning import clean_text
from subsynth.assets.user_text import name_files, read_text_file

TIMES = int(os.environ.get("FUZZ", "1"))
FUZZ = settings(max_examples=200 * TIMES, deadline=None)
ASS = "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"


def texts(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [row.text for row in read_text_file(str(path))]


SRT = {
    "usual": ("1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n00:00:02,000 --> 00:00:03,000\nTwo.\nThree.\n", ["One.", "Two.", "Three."]),
    "dos line ends": ("1\r\n00:00:01,000 --> 00:00:02,000\r\nOne.\r\n\r\n2\r\n00:00:02,000 --> 00:00:03,000\r\nTwo.\r\n", ["One.", "Two."]),
    "no milliseconds": ("1\n00:00:01 --> 00:00:02\nOne.\n\n2\n00:00:02 --> 00:00:03\nTwo.\n", ["One.", "Two."]),
    "no spaces": ("1\n00:00:01,0-->00:00:02,0\nOne.\n\n2\n0:0:2.5 --> 0:0:3\nTwo.\n", ["One.", "Two."]),
    "no hours": ("1\n00:01.000 --> 00:02.000\nOne.\n", ["One."]),
    "coordinates": ("1\n00:00:01,000 --> 00:00:02,000 X1:1 X2:2 Y1:3 Y2:4\nOne.\n", ["One."]),
    "long arrow": ("1\n00:00:01,000 ---> 00:00:02,000\nOne.\n", ["One."]),
    "blank lines everywhere": ("1\n\n00:00:01,000 --> 00:00:02,000\n\nOne.\n\n\n2\n\n\n00:00:02,000 --> 00:00:03,000\n\nTwo.\n", ["One.", "Two."]),
    "doubled number": ("1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n\n2\n00:00:02,000 --> 00:00:03,000\nTwo.\n", ["One.", "Two."]),
    "no blank line": ("1\n00:00:01,000 --> 00:00:02,000\nOne.\n2\n00:00:02,000 --> 00:00:03,000\nTwo.\n", ["One.", "Two."]),
    "no numbers": ("00:00:01,000 --> 00:00:02,000\nOne.\n\n00:00:02,000 --> 00:00:03,000\nTwo.\n", ["One.", "Two."]),
    "a year is text": ("1\n00:00:01,000 --> 00:00:02,000\nIt was\n1984\n\n2\n00:00:02,000 --> 00:00:03,000\n1984\n", ["It was", "1984", "1984"]),
    "a stray last number": ("1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n", ["One."]),
    "joined files": ("\ufeff1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n\ufeff1\n00:00:02,000 --> 00:00:03,000\nTwo.\n", ["One.", "Two."]),
    "known tags": ('1\n00:00:01,000 --> 00:00:02,000\n<i>One</i> <font color="red">two</font><br/>{\\an8}<b>three</b>\n', ["One two", "three"]),
    "angle brackets": ("1\n00:00:01,000 --> 00:00:02,000\n<七十年前的春天>\n3 < 5 且 7 > 6\na <grin> b\n", ["<七十年前的春天>", "3 < 5 且 7 > 6", "a <grin> b"]),
    "references": ("1\n00:00:01,000 --> 00:00:02,000\nTom &amp; Ann&#39;s &lt;3 &quot;x&quot;&nbsp;y AT&T &notes\n", ["Tom & Ann's <3 \"x\" y AT&T &notes"]),
    "clock times are text": ("1\n00:00:01,000 --> 00:00:02,000\n12:30\nat 00:15 or 10:20 --> never\n", ["12:30", "at 00:15 or 10:20 --> never"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SRT)
def test_srt_files_as_people_have_them(tmp_path, name):
    content, expected = SRT[name]
    assert texts(tmp_path, "any.srt", content) == expected


ASS_FILES = {
    "usual": ("Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,Well, well\\NYes.\n", ["Well, well", "Yes."]),
    "short format": ("Format: Layer, Start, End, Style, Text\nDialogue: 0,0:00:01.00,0:00:02.00,Default,One, two, three.\n", ["One, two, three."]),
    "another order": ("Format: Style, Start, End, Text\nDialogue: Default,0:00:01.00,0:00:02.00,One, two.\n", ["One, two."]),
    "comments": ("Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,No.\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,The {a note}end {*\\i1}is { \\b1}here\n", ["The end is here"]),
    "drawings": ("Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\pos(1,2)\\p4}m 1 1{\\p0} Text\n", ["Text"]),
    "hard spaces": ("Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,\\h\\hWait\\hhere\\nnow\n", ["Wait here", "now"]),
    "other sections": ("Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,One.\n[Fonts]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,No.\n", ["One."]),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".ass", ".ssa"])
@pytest.mark.parametrize("name", ASS_FILES)
def test_ass_files_as_people_have_them(tmp_path, name, suffix):
    content, expected = ASS_FILES[name]
    assert texts(tmp_path, f"any{suffix}", ASS + content) == expected


def test_webvtt(tmp_path):
    content = (
        "WEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE 00:01.000 --> 00:02.000\nno text\n\n"
        "intro\n00:01.000 --> 00:02.000 position:10%\n<v Ann>Hello <c.loud>there</c></v>\n- Hi.\n\n"
        "01:00:01.000 --> 01:00:02.000\n<00:00:01.500>1984\n\nNOTE\nthe end\n"
    )
    assert texts(tmp_path, "any.vtt", content) == ["Hello there", "- Hi.", "1984"]


def test_frames_instead_of_times(tmp_path):
    assert texts(tmp_path, "a.sub", "{1}{1}23.976\n{10}{50}{y:i}One|two\n{60}{90}Three\n") == ["One", "two", "Three"]
    assert texts(tmp_path, "b.sub", "{0}{25}One\n") == ["One"]
    assert texts(tmp_path, "c.sub", "[10][50]One|two\n") == ["One", "two"]


REFUSED = {
    "an unknown ending": ("any.lrc", "[00:01.00]One", "ending"),
    "no ending": ("any", "One", "ending"),
    "pictures": ("any.sub", "One", "MicroDVD"),
    "no header": ("any.vtt", "00:01.000 --> 00:02.000\nOne\n", "WEBVTT"),
    "no cue": ("any.srt", "One.\nTwo.\n", "cue times"),
    "a broken time": ("any.srt", "1\n00:00:01,000 --> 00:00:02,000\nOne.\n00:00:02,000 --> \nTwo.\n", "line 4"),
    "a time alone": ("any.srt", "1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n00:00:05,000\nTwo.\n", "line 5"),
    "missing fields": ("any.ass", ASS + "Dialogue: 0,0:00:01.00,Default\n", "line 5"),
    "text in the middle": ("any.ass", ASS + "Format: Layer, Text, Start\nDialogue: 0,a,b\n", "Format"),
    "another encoding": ("any.srt", "1\n00:00:01,000 --> 00:00:02,000\né\n".encode("latin-1"), "UTF-8"),
    "no text": ("any.ass", ASS + "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0\n", "no line"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_subtitle_file_is_refused_in_one_line(tmp_path, name):
    file, content, reason = REFUSED[name]
    with pytest.raises(MaterialError, match=reason) as error:
        texts(tmp_path, file, content)
    assert "\n" not in str(error.value) and file in str(error.value)


@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_special_files_are_refused_before_they_are_read(tmp_path, kind):
    path = tmp_path / "any.txt"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(MaterialError, match=r"a folder|a FIFO|a device|directory"):
        list(read_text_file(str(path)))


@FUZZ
@given(
    st.lists(
        st.tuples(st.sampled_from(["One.", "1984", "a < b", "你好", "- No."]), st.integers(0, 2), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["00:00:0{},000 --> 00:00:0{},500", "0:0:{}-->0:0:{}.9", "00:0{}.000 --> 00:0{}.5"]),
)
def test_cues_in_any_spelling_keep_their_text(tmp_path_factory, cues, newline, times):
    """Numbers may be missing or doubled, and blank lines may be anywhere but inside the text."""
    lines = []
    for number, (text, blanks, numbered) in enumerate(cues, 1):
        lines += ["", str(number)] * (1 + blanks // 2) if numbered else [""]
        lines += [""] * blanks + [times.format(number, number), *[""] * blanks, text, *[""] * blanks]
    folder = tmp_path_factory.mktemp("srt")
    if all(numbered for _, _, numbered in cues):
        assert texts(folder, "any.srt", newline.join(lines)) == [text for text, _, _ in cues]
    else:
        kept = texts(folder, "any.srt", newline.join(lines))
        assert [t for t in kept if not t.isdigit()] == [t for t, _, _ in cues if not t.isdigit()]


def test_what_leaves_no_trace_is_removed():
    assert clean_text("so\u00adft \ufeffhy\u200bphen\u2060s\ufe0f") == "soft hyphens"
    assert clean_text("\u200fabc\u202c  d") == "abc d"
    assert clean_text("a\u200db") == "ab"  # joiners stay where they change a shape
    assert clean_text("क\u094d\u200dष") == "क\u094d\u200dष"
    assert clean_text("👩\u200d👧") == "👩\u200d👧"
    assert clean_text("e\u0301") == "é"


def test_files_of_one_name_are_told_apart(tmp_path):
    for folder in ("a", "b", "c/b"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "s.txt").write_text("one\ntwo\n")
    (tmp_path / "t.txt").write_text("three\n")
    paths = [str(tmp_path / p) for p in ("a/s.txt", "b/s.txt", "c/b/s.txt", "t.txt", "a/../a/s.txt")]
    files = name_files(paths)
    assert len(files) == 4 and len({file.name for file in files}) == 4
    assert files[0].name == "a/s.txt" and files[3].name == "t.txt"
    for short, whole in ((f.name, f.path) for f in files):
        assert whole.endswith(short)


def test_rows_name_one_line_of_one_file(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "s.srt").write_text(
            "".join(
                f"{i}\n00:00:01,000 --> 00:00:02,000\nfile {folder} line {i}\nand more {i}\n\n" for i in range(1, 60)
            )
        )
    spec = dataclasses.replace(
        sub_en(n=400, n_test=10),
        text=dataclasses.replace(sub_en().text, files=(str(tmp_path / "a/s.srt"), str(tmp_path / "b/s.srt"))),
        background=dataclasses.replace(sub_en().background, p_procedural=1.0),
    )
    lines = {}
    for recipe in plan(spec, "train", 0, 400):
        assert lines.setdefault((recipe.text_source, recipe.text_id), recipe.text) == recipe.text
    assert {source for source, _ in lines} == {"a/s.srt", "b/s.srt"}


CJK = "今天早上我在河边看见一个老人坐"
PIECES = [CJK, "「", "」", "（", "）", "“", "”", "。", "，", "?", "!", ")", "(", "café", "m\u0304", "word ", " ", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "👍🏽", "1,5 "]  # fmt: skip


@FUZZ
@given(st.lists(st.sampled_from(PIECES), min_size=2, max_size=12), st.integers(8, 24), st.sampled_from(["en", "zh"]))
def test_cuts_respect_clusters_and_brackets(parts, max_chars, lang):
    text = clean_text("".join(parts))
    pieces = cut(text, lang, max_chars)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= max_chars for piece in pieces)
    boundaries, at = set(grapheme_cluster_boundaries(text)), 0
    for one, other in pairwise(pieces):
        at = text.index(one, at) + len(one)
        assert at in boundaries, (one, other)
        if len(one) > max_chars // 2:  # otherwise the text left no better place
            closing = unicodedata.category(other[0]) in ("Pe", "Pf") or other[0] in "。，?!"
            opening = unicodedata.category(one[-1]) in ("Ps", "Pi")
            run = text[max(0, at - max_chars // 2) : at + 1]
            if sum(c.isalnum() for c in run) > 4:
                assert not closing and not opening, (one, other)


@pytest.mark.parametrize(
    ("text", "lang", "max_chars"),
    [
        ("Сегодня утром я видел старика у реки", "en", 20),
        ("下个礼拜我们在河边的café门口见面一起去图书馆看书", "zh", 18),
        ("naïveté " * 8, "en", 18),
    ],
)
def test_words_of_other_alphabets_stay_whole(text, lang, max_chars):
    words = {word for word in re.findall(r"[^\W\u4e00-\u9fff]+", text) if len(word) > 2}
    cut_words = set(re.findall(r"[^\W\u4e00-\u9fff]+", "\n".join(cut(text, lang, max_chars))))
    assert words <= cut_words
