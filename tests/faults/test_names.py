"""Names are data: of families, files, folders, columns and methods, in terminals, Markdown, figures and specs."""

import dataclasses
import html
import json
import re
import shutil
import warnings
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fontTools.ttLib import TTFont
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from subsynth import OutputError, SpecError, plan, sub_en
from subsynth.assets import licences
from subsynth.assets.assets import Assets
from subsynth.build.build import build_dataset, merge_ranks
from subsynth.core import markdown, terminal
from subsynth.data import font_catalogue
from subsynth.rendering.render import Renderer
from subsynth.report import card, contact_sheet, drawing, figures, stats, stats_plot
from subsynth.spec.outside_paths import paths_outside
from subsynth.verify import verify

HOSTILE = ["$x$ \\frac{", "_$^{", "字幕.txt", "a" * 300, "", "\x1b[31mred\x9b2J", "한글 ไทย 😀", "line\nbreak",
           "12", "| cell | `code` |", "<script>alert(1)</script>", "[link](http://evil.example)", "\udcff",
           "\u202egnp.exe"]  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=())) | st.sampled_from(HOSTILE)
SMALL = dataclasses.replace(
    sub_en(n=4, n_test=2), background=dataclasses.replace(sub_en().background, p_procedural=1.0)
)


@given(TEXTS)
@example("\x00\x1b\x7f\x9b\r\u2028\u202e\ufeff\ud800\U000e0041")
def test_a_terminal_obeys_no_text(text):
    shown = terminal.printable(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    shown.encode("utf-8")
    line = terminal.one_line(text, 50)
    assert len(line) <= 50 and "\n" not in line and "\t" not in line
    assert terminal.printable("plain 字幕, with\ttab\nand newline") == "plain 字幕, with\ttab\nand newline"


@given(TEXTS)
def test_json_remains_the_same_json(text):
    assert json.loads(terminal.printable(json.dumps([text], ensure_ascii=False))) == [text]


@given(TEXTS)
def test_escaped_text_is_no_markup(text):
    markdown_it = pytest.importorskip("markdown_it")
    reader = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    shown = html.escape(terminal.one_line(text))
    assert html.unescape(reader.renderInline(markdown.escape(text))) == html.unescape(shown)
    table = reader.render(f"| a | b |\n|---|---|\n| {markdown.escape(text)} | {markdown.code(text)} |\n")
    cells = re.findall(r"<td>(.*?)</td>", table)
    assert len(cells) == 2 and html.unescape(cells[0]) == terminal.one_line(text).strip()
    assert re.fullmatch(r"(<code>[^<]*</code>)?", cells[1])
    assert reader.render(markdown.code_block(text)).count("<") == 4  # pre and code, opened and closed


def has_surrogates(text):
    return any(0xD800 <= ord(character) < 0xE000 for character in text)


def test_scores_of_any_name_are_a_table():
    row = {f"column {name}": name for name in HOSTILE if not has_surrogates(name)}
    scores = json.dumps({"command": "```\n## Intended use", "split": "`test`", "rows": [row]})
    text = card.completed("# Card\n\n## Intended use and limits\n\nText.\n", "you/set", scores)
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 3
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {len(row) + 1}
    assert "<script>" not in text and "\x1b" not in text and text.count("\n## ") == 2
    assert card.completed(text, "you/set", scores) == text


@pytest.mark.parametrize(
    "scores", ['{"rows": [[1]], "command": "", "split": ""}', "[" * 100_000, '{"rows": [3]}', r'{"command": "\udcff"}']
)
def test_scores_of_another_shape_are_refused(scores):
    with pytest.raises(OutputError, match=r"scores\.json"):
        card.completed("", "you/set", scores)


def font_of_family(path, family):
    """A copy of Arimo under another name."""
    font = TTFont(font_catalogue.bundled("Arimo")[0].path)
    for record in font["name"].names:
        if record.nameID in (1, 16):
            record.string = family
    font.save(path)
    return str(path)


def test_licences_of_any_family(tmp_path):
    family = "<b>Evil</b> | *font* [x](y)"
    spec = dataclasses.replace(
        SMALL, fonts=dataclasses.replace(SMALL.fonts, files=(font_of_family(tmp_path / "a.ttf", family),))
    )
    text = licences.format_licences(spec)
    row = next(line for line in text.splitlines() if "Evil" in line)
    assert "<b>" not in row and len(re.findall(r"(?<!\\)\|", row)) == 3


def test_plots_of_any_name_have_no_warnings(tmp_path):
    counts = Counter({name: i + 1 for i, name in enumerate(HOSTILE)})
    one = stats.Stats(
        30,
        30,
        {name: np.array([1.0, 2.0, 3.0]) for name in stats.NUMBERS},
        dict.fromkeys(stats.CATEGORIES, counts),
        Counter(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stats_plot.plot_stats({"train": one, "$_{": one}, "sub $\\x 字幕", tmp_path / "plot.png")
    assert "\x1b" not in stats.format_stats({"train": one})


def test_labels_of_pictures_have_chinese():
    def ink(text):
        page = Image.new("L", (80, 20), 255)
        drawing.draw_label(ImageDraw.Draw(page.convert("RGB")), (0, 0), text)
        canvas = page.convert("RGB")
        drawing.draw_label(ImageDraw.Draw(canvas), (2, 2), text)
        return np.asarray(canvas)

    assert not np.array_equal(ink("字"), ink("幕"))  # not the same box twice
    for name in HOSTILE:
        ink(name)


def test_a_set_of_hostile_names_is_rendered(tmp_path):
    """Families, texts and directories with dollars and Chinese do not fail after the last shard."""
    lines = "".join(f"Line number {i} of the file.\n" for i in range(60))
    (tmp_path / "$\\frac{字幕.txt").write_text(lines, encoding="utf-8")
    font = font_of_family(tmp_path / "$a$.ttf", "$bad\\frac{ 字")
    spec = dataclasses.replace(
        SMALL,
        text=dataclasses.replace(SMALL.text, files=(str(tmp_path / "$\\frac{字幕.txt"),)),
        fonts=dataclasses.replace(SMALL.fonts, files=(font,), unseen_families=()),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        build_dataset(spec, tmp_path / "$set_{", workers=1)
    assert (tmp_path / "$set_{" / "README.md").is_file()


def test_figures_draw_only_samples_of_the_set(tmp_path):
    """A sample that cannot be drawn, but is not part of the set, does not matter."""
    long = [f"number {i} " + "far too long for the picture " * 30 for i in range(4)]
    lines = long + [f"Line number {i} of the file." for i in range(400)]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    spec = dataclasses.replace(
        SMALL,
        text=dataclasses.replace(SMALL.text, files=(str(tmp_path / "lines.txt"),), max_chars=1000),
        fonts=dataclasses.replace(SMALL.fonts, families=("Arimo",), unseen_families=()),
    )
    with pytest.raises(SpecError, match="max_chars"):
        plan(spec, "train", 0, 1000)
    build_dataset(spec, tmp_path / "set", workers=1)
    sheet = contact_sheet.render_samples(Renderer(Assets.open(spec, "train")), figures.SHEET_SAMPLES)
    assert len(sheet) == spec.n


class EmptyTruth:
    """A renderer whose ground truths have no text, as of a font whose strokes cover no half of a pixel."""

    def __init__(self, renderer):
        self.assets, self._renderer = renderer.assets, renderer

    def layers(self, recipe):
        steps = self._renderer.layers(recipe)
        return [(name, np.full_like(image, 255) if name == "ground truth" else image) for name, image in steps]


def test_a_close_up_of_an_empty_ground_truth():
    spec = dataclasses.replace(SMALL, fonts=dataclasses.replace(SMALL.fonts, families=("Arimo",)))
    assert figures.draw_closeup(EmptyTruth(Renderer(Assets.open(spec, "train")))).width > 0


@pytest.mark.parametrize(("column", "value"), [("contrast", float("nan")), ("text", None), ("font", None)])
def test_statistics_of_damaged_values_are_one_line(own_texts, tmp_path, column, value):
    copy = shutil.copytree(own_texts, tmp_path / "set")
    path = next((copy / "data").glob("train-*"))
    table = pq.read_table(path)
    index = table.schema.get_field_index(column)
    damaged = pa.array([value] * len(table), table.schema.field(column).type)
    pq.write_table(table.set_column(index, column, damaged), path)
    with pytest.raises(OutputError, match=f"{column}.*subsynth verify"):
        stats.stats_of_directory(copy)


@pytest.fixture(scope="module")
def own_texts(tmp_path_factory):
    """A set, merged from ranks, whose spec names a text file beside it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "lines.txt").write_text("".join(f"Line number {i} of the file.\n" for i in range(60)))
    spec = dataclasses.replace(
        SMALL,
        text=dataclasses.replace(SMALL.text, files=(str(folder / "lines.txt"),)),
        fonts=dataclasses.replace(SMALL.fonts, families=("Arimo",), unseen_families=()),
    )
    build_dataset(spec, folder / "set", workers=1, rank=(0, 1))
    with pytest.raises(OutputError, match=r"text\.files .*lines\.txt.*--trust-paths"):
        merge_ranks(folder / "set")
    merge_ranks(folder / "set", trust_paths=True)
    return folder / "set"


def test_verify_opens_what_is_outside_only_if_it_is_trusted(own_texts):
    report = verify(own_texts)
    assert not report.violations and report.rows and not report.rendered
    assert "text.files" in report.not_checked and "--trust-paths" in report.not_checked
    report = verify(own_texts, trust_paths=True)
    assert not report.violations and report.rendered and not report.not_checked


def test_preview_opens_what_is_outside_only_if_it_is_trusted(own_texts, run, tmp_path):
    refused = run("preview", own_texts, "--index", 1)
    assert refused.code == 2 and "--trust-paths" in refused.err and len(refused.err.splitlines()) == 1
    assert run("preview", own_texts, "--index", 1, "--trust-paths").code == 0
    assert list(tmp_path.glob("*.png"))


def test_what_is_outside_of_a_directory(tmp_path):
    inside, outside = tmp_path / "set", tmp_path / "else"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.txt").write_text("x")
    (inside / "link.txt").symlink_to(outside / "a.txt")
    (inside / "pictures").mkdir()
    (inside / "pictures" / "link.png").symlink_to(outside / "a.txt")

    def is_outside(path):
        spec = dataclasses.replace(SMALL, text=dataclasses.replace(SMALL.text, files=(str(path),)))
        return bool(paths_outside(spec, inside))

    assert not is_outside(inside / "a.txt") and not is_outside(inside / "missing.txt")
    for path in (outside / "a.txt", inside / "link.txt", inside / ".." / "else" / "a.txt", inside / "pictures",
                 "/dev/zero", "~/a.txt", "~nobody-has-this-name/a", inside / "x#/../../else/a.txt"):  # fmt: skip
        assert is_outside(path), path
    for name in (outside / "a.ttf#wght=700", inside / "pict*"):
        fonts = dataclasses.replace(SMALL.fonts, files=(str(name),))
        assert paths_outside(dataclasses.replace(SMALL, fonts=fonts), inside)
    assert paths_outside(dataclasses.replace(SMALL, fonts=fonts), None) and not paths_outside(SMALL, None)


def test_terminal_escapes_in_names_are_written_as_text(run):
    for arguments in (
        ("preview", "a\x1b[31mb"),
        ("verify", "a\x1b]0;title\x07"),
        ("stats", "a\rb"),
        ("render", "--\x9bx"),
    ):
        result = run(*arguments)
        assert result.code == 2 and len(result.err.splitlines()) == 1
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.err)
