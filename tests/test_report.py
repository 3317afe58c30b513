"""What describes a data set: card, licences, contact sheets, figures and statistics."""

import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from subsynth import OutputError, sub_en
from subsynth.assets import licences
from subsynth.assets.assets import Assets
from subsynth.build.build import build_dataset
from subsynth.format import schema
from subsynth.format.manifest import Manifest
from subsynth.rendering.render import Renderer
from subsynth.report import card, charts, contact_sheet, drawing, figures, stats

SPEC = sub_en(n=30, n_test=10)
SPEC = dataclasses.replace(
    SPEC,
    fonts=dataclasses.replace(SPEC.fonts, families=("Arimo", "Kalam")),
    background=dataclasses.replace(SPEC.background, p_procedural=1.0),
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "set"
    build_dataset(SPEC, path, workers=1)
    return path


@pytest.fixture(scope="module")
def manifest(directory):
    return Manifest.load(directory)


@pytest.fixture(scope="module")
def example_row(directory):
    shard = next((directory / "data").glob("train-*.parquet"))
    return pq.read_table(shard).drop_columns(["image", "ground_truth"]).to_pylist()[0]


def test_the_card_describes_the_set(directory, manifest, example_row):
    text = card.card(SPEC, manifest, example_row)
    assert text == (directory / "README.md").read_text(encoding="utf-8")
    assert "${" not in text
    lines = text.splitlines()
    for split, totals in manifest.splits.items():
        assert sum(line.startswith(f"| {split} | {totals.rows:,} |") for line in lines) == 1
    for name in schema.columns_of(SPEC):
        assert sum(line.startswith(f"| `{name}` |") for line in lines) == 1
    info = card.dataset_info(text)
    assert info.rows == {split: totals.rows for split, totals in manifest.splits.items()}
    assert manifest.content_sha256 in info.description


def test_any_text_fits_into_a_cell_of_the_card(manifest, example_row):
    text = card.card(SPEC, manifest, example_row | {"text": "one | two"})
    row = next(line for line in text.splitlines() if line.startswith("| `text` |"))
    assert row.count("|") == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# No front matter\n", "no YAML"),
        ("---\n- a list\n---\n", "no YAML"),
        ("---\na: [\n---\n", "cannot be read"),
        ("---\nlicense: mit\n---\n", "no usable dataset_info"),
        ("---\ndataset_info: {splits: 3}\n---\n", "no usable dataset_info"),
    ],
)
def test_front_matter_that_cannot_be_read(text, message):
    with pytest.raises(OutputError, match=message):
        card.dataset_info(text)


def test_a_published_card_names_its_repository(manifest, example_row):
    text = card.card(SPEC, manifest, example_row)
    published = card.completed(text, "you/set")
    assert published.count('load_dataset("you/set"') == text.count("load_dataset(") == 3
    assert card.front_matter(published) == card.front_matter(text)
    assert card.completed(published, "you/set") == published


def test_scores_become_a_table_of_a_published_card(manifest, example_row):
    text = card.card(SPEC, manifest, example_row)
    rows = [{"method": "otsu", "F": 0.51234567}, {"method": "sauvola", "F": 0.25}]
    scores = json.dumps({"command": "score --data x", "split": "test", "rows": rows})
    published = card.completed(text, "you/set", scores)
    assert "| method | F |\n| --- | --- |\n| otsu | 0.5123 |\n| sauvola | 0.25 |\n" in published
    assert published.index("## Licences") < published.index("## Baselines") < published.index("## Intended use")
    assert card.completed(published, "you/set", scores) == published


@pytest.mark.parametrize("scores", ["[]", "{}", "not JSON", '{"command": "c", "split": "s", "rows": []}'])
def test_scores_that_cannot_be_read(scores):
    with pytest.raises(OutputError, match=r"scores\.json"):
        card.completed("", "you/set", scores)


def test_the_command_names_every_value_that_is_not_the_default():
    assert card.command(sub_en(n=50, n_test=5, seed=3)) == "subsynth render --lang en --n 50 --n-test 5 --seed 3"
    jpeg = dataclasses.replace(sub_en(n=50, n_test=5), image_format="jpeg")
    assert card.command(jpeg) == "subsynth render --lang en --n 50 --n-test 5 --image-format jpeg --seed 0"
    assert card.command(SPEC) == "subsynth render --spec spec.yaml --out sub_en"


def test_a_set_of_bundled_material_has_a_licence():
    spec = sub_en(n=5)
    text = licences.format_licences(spec)
    assert "may be used under CC BY 4.0" in text and "tatoeba.org" in text
    for family in (*spec.fonts.families, *spec.fonts.unseen_families):
        assert f"| {family} | " in text
    assert text.count("\n| ") > 100  # the photographs


def test_the_licence_of_other_material_is_left_to_its_user(manifest, example_row):
    spec = dataclasses.replace(SPEC, text=dataclasses.replace(SPEC.text, files=("lines.txt",)))
    assert not licences.is_all_bundled(spec)
    for text in (licences.format_licences(spec), card.card(spec, manifest, example_row)):
        assert licences.USER_SUPPLIED in text and "CC BY 4.0" not in text
    assert "license" not in card.front_matter(card.card(spec, manifest, example_row))
    assert card.front_matter(card.card(SPEC, manifest, example_row))["license"] == "cc-by-4.0"


def test_samples_of_a_directory_are_those_of_its_spec(directory):
    read = contact_sheet.read_samples(directory, "train", 30)
    rendered = contact_sheet.render_samples(Renderer(Assets.open(SPEC, "train")), 30)
    for (image, truth), (other_image, other_truth) in zip(read, rendered, strict=True):
        assert np.array_equal(image, other_image) and np.array_equal(truth, other_truth)
    third = contact_sheet.read_samples(directory, "train", 10)
    assert all(np.array_equal(image, read[3 * i][0]) for i, (image, _) in enumerate(third))
    assert len(contact_sheet.read_samples(directory, "test", 1000)) == 10
    with pytest.raises(OutputError, match="no data/test_hard"):
        contact_sheet.read_samples(directory / "data", "test_hard", 4)


def test_a_contact_sheet_shows_each_image_above_its_ground_truth():
    image, truth = np.full((10, 30, 3), (200, 100, 50), np.uint8), np.zeros((10, 30), np.uint8)
    sheet = np.asarray(contact_sheet.draw_contact_sheet([(image, truth)] * 4, columns=3))
    gap, height, width = contact_sheet.GAP, 10 * contact_sheet.SCALE, 30 * contact_sheet.SCALE
    assert sheet.shape == (gap + 2 * (2 * height + contact_sheet.INNER_GAP + gap), gap + 3 * (width + gap), 3)
    assert (sheet[gap : gap + height, gap : gap + width] == (200, 100, 50)).all()
    below = gap + height + contact_sheet.INNER_GAP
    assert (sheet[below : below + height, gap : gap + width] == 0).all()


def test_the_close_up_enlarges_image_coverage_and_ground_truth():
    picture = np.asarray(figures.draw_closeup(Renderer(Assets.open(SPEC, "train"))))
    scale, label = figures.CLOSEUP_SCALE, figures.LABEL_HEIGHT
    height = SPEC.height * scale
    assert picture.shape == (3 * (height + label), figures.CLOSEUP_WIDTH * scale, 3)
    coverage = picture[2 * label + height : 2 * (label + height) : scale, ::scale, 0]
    truth = picture[3 * label + 2 * height :: scale, ::scale, 0]
    assert np.array_equal(truth == 0, coverage >= 128)  # text is where at least half of a pixel is covered


def test_statistics_count_every_row(directory):
    by_split = stats.stats_of_directory(directory)
    assert next(iter(by_split)) == "train"
    assert {split: s.rows for split, s in by_split.items()} == {split: SPEC.size(split) for split in SPEC.splits}
    for split_stats in by_split.values():
        assert all(counts.total() == split_stats.rows for counts in split_stats.categories.values())
        assert all((split_stats.numbers[name] > 0).all() for name in stats.ZERO_MEANS_NONE)
    table = stats.format_stats(by_split)
    assert all(f"{split}: {SPEC.size(split)} rows" in table for split in SPEC.splits)
    assert all(label in table for label in stats.NUMBERS.values())


def test_statistics_read_no_more_row_groups_than_they_need(directory, tmp_path):
    table = pq.read_table(next((directory / "data").glob("train-*.parquet")))
    pq.write_table(table, tmp_path / "groups.parquet", row_group_size=10)
    files = [tmp_path / "groups.parquet"] * 2
    assert [stats.compute_stats(files, rows).rows for rows in (1, 10, 11, 30, 31, None)] == [10, 10, 20, 30, 40, 60]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_a_few_round_numbers_within_the_axis(low, length):
    high = low + length
    values = charts.ticks(low, high)
    slack = 1e-9 * max(abs(low), abs(high), 1)
    assert 2 <= len(values) <= 2 * charts.TICKS + 1 and low - slack <= values[0] and values[-1] <= high + slack
    steps = np.diff(values)
    step = float(np.median(steps))
    assert np.allclose(steps, step, atol=slack) and f"{step:.0e}"[0] in "125"


def test_bars_are_as_long_as_their_values():
    page = Image.new("RGB", (400, 200), drawing.PAGE_COLOR)
    charts.draw_bars(ImageDraw.Draw(page), charts.Box(0, 0, 400, 200), "values", [("a", 40.0), ("b", 20.0), ("c", 0.0)])
    lengths = (np.asarray(page) == charts.SERIES_COLORS[0]).all(axis=2).sum(axis=1)
    longest, half = sorted(set(lengths.tolist()), reverse=True)[:2]
    assert abs(longest - 2 * half) <= 2 and set(lengths.tolist()) <= {longest, half, 1, 0}


def test_a_histogram_is_drawn_at_the_height_of_its_shares():
    page = Image.new("RGB", (400, 300), drawing.PAGE_COLOR)
    shares = {"all": np.array([10.0, 0.0, 40.0, 20.0])}
    charts.draw_histograms(ImageDraw.Draw(page), charts.Box(0, 0, 400, 300), "values", np.arange(5.0), shares)
    ink = (np.asarray(page) == charts.SERIES_COLORS[0]).all(axis=2)
    bottom = np.flatnonzero(ink.any(axis=1))[-1]
    left, right = np.flatnonzero(ink.any(axis=0))[[0, -1]]
    middles = [round(left + (right - left) * (i + 0.5) / 4) for i in range(4)]
    heights = [bottom - np.flatnonzero(ink[:, x])[0] for x in middles]
    assert np.allclose(np.array(heights) / heights[2] * 40, shares["all"], atol=1)
