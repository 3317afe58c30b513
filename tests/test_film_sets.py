"""Data sets with the labels and columns of films: built, verified, loaded, described."""

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from subsynth import SpecError, film_en, film_zh, pairs, plan, render, sub_en
from subsynth.assets.assets import Assets
from subsynth.build.build import build_dataset
from subsynth.format.content_digest import ContentDigest
from subsynth.format.shard_list import ShardLayout
from subsynth.format.stored_pairs import decode_pair
from subsynth.format.stored_rows import image_files
from subsynth.planning.distractor import Distractor, from_column, to_column
from subsynth.planning.stored_recipe import from_row
from subsynth.report.stats import stats_of_directory
from subsynth.spec.sections import Labels
from subsynth.verify import verify

N = 30


def small(spec, **changes):
    return dataclasses.replace(spec, n=N, n_test=4, labels=Labels(True, True, True, True), **changes)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film_en"
    build_dataset(small(film_en()), path, workers=1)
    return path


def test_a_set_with_all_labels_is_verified_and_loaded(film, tmp_path):
    assert verify(film, sample=N).violations == ()
    rows = load_dataset(str(film), split="train", cache_dir=str(tmp_path))
    for row, pair in zip(rows, pairs(small(film_en()), "train"), strict=True):
        assert np.array_equal(np.asarray(row["image"]), pair.image)
        for name in ("ground_truth", "erase_mask", "coverage"):
            plane = np.asarray(row[name].convert("L"))
            assert np.array_equal(plane, getattr(pair, name)), name
        assert [tuple(box) for box in row["line_boxes"]] == list(pair.line_boxes)
        assert [tuple(box) for box in row["char_boxes"]] == list(pair.char_boxes)
        assert row["text"] == pair.recipe.text


def test_labels_of_the_strips_of_the_paper(tmp_path):
    build_dataset(small(sub_en()), tmp_path / "set", workers=1)
    assert verify(tmp_path / "set", sample=N).violations == ()
    names = pq.read_schema(next((tmp_path / "set/data").glob("train-*"))).names
    assert names[-4:] == ["erase_mask", "coverage", "line_boxes", "char_boxes"] and "distractors" not in names


def test_row_groups_change_no_digest(film, tmp_path):
    build_dataset(small(film_en()), tmp_path / "set", workers=1, layout=ShardLayout(row_group=7))
    digests = []
    for folder, batch in ((film, 11), (tmp_path / "set", 4)):
        path = next((folder / "data").glob("train-*"))
        table, content = pq.read_table(path), ContentDigest(tuple(pq.read_schema(path).names))
        for start in range(0, N, batch):
            part = table.slice(start, batch)
            for files in image_files(part):
                content.add_pixels(*decode_pair(files, None).pixels.values())
            content.add_columns(part)
        digests.append(content.hexdigest())
    assert digests[0] == digests[1]
    assert verify(tmp_path / "set", layout=ShardLayout(row_group=7)).violations == ()


def test_statistics_are_those_of_the_rows_with_text(film):
    stats = stats_of_directory(film)["train"]
    texts = [recipe.text for recipe in plan(small(film_en()), "train", 0, N)]
    assert stats.rows == N and stats.with_text == sum(map(bool, texts)) < N
    assert stats.categories["font"].total() == stats.with_text and "" not in stats.categories["font"]
    assert len(stats.numbers["characters"]) == sum(len(text.split("\n")) for text in texts if text)


def test_the_card_describes_the_labels_and_its_command_renders_the_set(film):
    card = (film / "README.md").read_text()
    assert "bands of video" in card and "erase_mask" in card and "x1 and y1 are exclusive" in card
    assert "subsynth render --spec spec.yaml --out film_en" in card  # labels are not an option of the command


@pytest.mark.parametrize("preset", [film_en, film_zh])
def test_every_planned_row_can_be_rendered_again(preset):
    for spec in (preset(seed=2), dataclasses.replace(preset(seed=2), height=1080, width=1920)):
        for recipe in plan(spec, "train", 0, 60):
            assert from_row(spec, "train", recipe.row()) == recipe


ITEM = Distractor(
    "sign", "ab", "Arimo Regular", (1, 2, 3), 9, 24, (4, 5, 6), 8, 30, 12, 1, (0, 0, 800, 0, 800, 640, 0, 480)
)
REFUSED = {
    "line_dx_em": [5000.0, float("nan")],
    "font_size_px": [0.0, -1.0],
    "text": ["a\n", "\n", "a\nb\nc", ""],
    "opacity": [256],
    "distractors": [
        "", "{}", "[1]", "[" * 3000, '[{"kind":"sign"}]', "null",
        *(
            to_column((dataclasses.replace(ITEM, **{name: value}),))
            for name, value in (
                ("text", ""), ("kind", "moon"), ("frame", 31), ("blur_px", 17), ("opacity", -1), ("outline", 257),
                ("color", (0, 0, 256)),
                ("corners", (0, 0, 0, 0, 0, 0, 0, 0)), ("corners", (0, 0, 800, 0, 0, 480, 800, 640)),
                ("corners", (0, 0, 10**6, 0, 10**6, 640, 0, 480)), ("text", "x" * 300), ("text", "a\nb"),
            )
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("column", "value"), [(column, value) for column in REFUSED for value in REFUSED[column]])
def test_columns_of_strangers_are_refused(column, value):
    spec = film_en()
    recipe = next(r for r in plan(spec, "train", 0, 20) if r.text and "\n" not in r.text)
    assert from_row(spec, "train", recipe.row()) == recipe
    with pytest.raises(SpecError):
        from_row(spec, "train", recipe.row() | {column: value})


def test_distractors_survive_their_column():
    assert from_column(to_column((ITEM, ITEM))) == (ITEM, ITEM)


def write_cues(path, cues):
    lines = (
        f"{i}\n00:00:0{i % 9},000 --> 00:00:0{i % 9},500\n" + "\n".join(cue) + "\n" for i, cue in enumerate(cues, 1)
    )
    path.write_text("\n".join(lines), encoding="utf-8")


def test_lines_of_cues_stay_together(tmp_path):
    cues = [(f"The first line of cue {i}", f"and the second of cue {i}", f"third of cue {i}") for i in range(300)]
    write_cues(tmp_path / "a.srt", cues)
    text = dataclasses.replace(film_en().text, files=(str(tmp_path / "a.srt"),), lines={"two": 1.0}, p_short=0.0)
    recipes = plan(dataclasses.replace(film_en(n=400), text=text), "train", 0, 400)
    numbers = [[int(line.rpartition(" ")[2]) for line in recipe.text.split("\n")] for recipe in recipes]
    together = [recipe for recipe, (one, other) in zip(recipes, numbers, strict=True) if one == other]
    assert len(together) > 300
    for recipe in together[:50]:
        first, second = recipe.text_id.split("+")
        assert int(second.partition(".")[2]) == int(first.partition(".")[2]) + 1


def test_pieces_of_one_long_line_are_no_cue(tmp_path):
    lines = [f"This is line number {i}" for i in range(400)]
    (tmp_path / "a.txt").write_text("\n".join([*lines, "A long line that has to be cut, " * 4]))
    text = dataclasses.replace(film_en().text, files=(str(tmp_path / "a.txt"),), lines={"two": 1.0}, p_short=0.0)
    recipes = plan(dataclasses.replace(film_en(n=200), text=text), "train", 0, 200)
    assert len({recipe.text for recipe in recipes}) > 190


def test_sources_and_ids_of_both_lines():
    spec = dataclasses.replace(film_zh(), text=dataclasses.replace(film_zh().text, lines={"two": 1.0}))
    lines = Assets.open(spec, "train").text.lines
    known = {(lines.sources[s], i): t for s, i, t in zip(lines.source, lines.id, lines.text, strict=True)}
    mixed = [recipe for recipe in plan(spec, "train", 0, 200) if "+" in recipe.text_source]
    assert mixed
    for recipe in mixed:
        sources, ids = recipe.text_source.split("+"), recipe.text_id.split("+")
        assert all(key in known for key in zip(sources, ids, strict=True))


def test_a_corpus_without_short_words_says_so(tmp_path, caplog):
    (tmp_path / "a.txt").write_text("\n".join(f"Extraordinary sentences everywhere {i:04}" for i in range(300)))
    text = dataclasses.replace(film_en().text, files=(str(tmp_path / "a.txt"),), p_short=1.0)
    Assets.open(dataclasses.replace(film_en(), text=text), "train")
    assert "no words of 1 to 3 characters" in caplog.text


def test_frames_without_text_are_degraded_like_others():
    blurs = {True: [], False: []}
    for recipe in plan(film_en(), "train", 0, 1500):
        if recipe.blur_sigma:
            blurs[bool(recipe.text)].append(recipe.blur_sigma)
    assert np.percentile(blurs[False], 90) > 0.9 * np.percentile(blurs[True], 90)


def test_clipped_text_runs_out_on_one_side():
    spec = dataclasses.replace(film_en(seed=1), layout=dataclasses.replace(film_en().layout, p_clipped=1.0))
    both = 0
    for recipe in plan(spec, "train", 0, 120):
        if recipe.text:
            truth = render(recipe).ground_truth == 0
            both += truth[:, 0].any() and truth[:, -1].any()
    assert not both


def test_flat_images_with_large_shadows():
    """A shadow that is moved out of the image draws nothing, by both backends."""
    style = dataclasses.replace(sub_en().style, kinds={"shadow": 1.0}, max_shadow_offset_px=16)
    text = dataclasses.replace(sub_en().text, max_chars=8)
    spec = dataclasses.replace(sub_en(), height=8, margin_px=1, style=style, text=text)
    assert all(pair.image.shape == (8, 280, 3) for pair in pairs(spec, "train", 0, 30))


def test_a_file_and_an_option_that_name_different_presets(run, tmp_path):
    (tmp_path / "my.yaml").write_text(sub_en().to_yaml())
    result = run("spec", "--spec", "my.yaml", "--preset", "film")
    assert result.code == 2 and "preset is 'sub', and --preset film" in result.err
    (tmp_path / "partial.yaml").write_text("seed: 3\n")
    result = run("spec", "--spec", "partial.yaml", "--preset", "film")
    assert result.code == 0 and "width: 480" in result.out and "seed: 3" in result.out
