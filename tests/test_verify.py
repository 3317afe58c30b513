"""Verification: a sound data set passes, and every kind of damage is found and named."""

import dataclasses
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from subsynth import OutputError, sub_en
from subsynth.build.build import build_dataset
from subsynth.core.progress import NoProgress
from subsynth.format import png
from subsynth.format.manifest import Manifest
from subsynth.format.shard_list import ShardLayout
from subsynth.format.shards import file_digest
from subsynth.verify import verify

SHORT = ShardLayout(rows=20, row_group=10)
SHARD = "train-00001-of-00003.parquet"


def quick_spec(n, n_test):
    """English in two families, without photographs."""
    spec = sub_en(n=n, n_test=n_test)
    return dataclasses.replace(
        spec,
        fonts=dataclasses.replace(spec.fonts, families=("Arimo", "Kalam")),
        background=dataclasses.replace(spec.background, p_procedural=1.0),
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A small data set with three shards of train."""
    spec = quick_spec(n=45, n_test=8)
    out = tmp_path_factory.mktemp("sound") / "set"
    build_dataset(spec, out, workers=1, layout=SHORT)
    return out


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "set")


def rewrite(directory, change, name=SHARD):
    """Change the rows of a shard and write it again, with the size and SHA-256 of the new file in the manifest."""
    path = directory / "data" / name
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    manifest = json.loads((directory / "manifest.json").read_text())
    for record in manifest["shards"]:
        if record["file"] == f"data/{name}":
            record |= {"bytes": path.stat().st_size, "sha256": file_digest(path)}
    (directory / "manifest.json").write_text(json.dumps(manifest))


def violations(directory, sample=64):
    return verify(directory, sample, layout=SHORT).violations


def test_a_sound_set_passes(copy):
    report = verify(copy, layout=SHORT)
    assert report.violations == () and report.rows == 45 + 3 * 8
    assert report.shards == 6 and report.rendered > 20


def test_progress_counts_every_row(copy):
    class Counting(NoProgress):
        total = rows = 0

        def start(self, total, done=0):
            self.total = total

        def advance(self, amount):
            self.rows += amount

    progress = Counting()
    verify(copy, progress=progress, layout=SHORT)
    assert progress.total == progress.rows == 45 + 3 * 8


def test_any_flipped_bit_is_found(copy):
    """In every part of a file: images, columns, headers, footer; and the row is named where it can be known."""
    path = copy / "data" / SHARD
    content = path.read_bytes()
    rows = set()
    for position in range(4, len(content), len(content) // 6):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        found = violations(copy)
        assert found and all(v.shard == SHARD for v in found), position
        rows.update(v.row for v in found)
    assert len(rows) > 3  # most bits belong to images, and those name their row


def test_number_of_readers_does_not_change_the_report(copy):
    """Violations of several damaged shards are reported in the order of the manifest."""
    for path in sorted((copy / "data").iterdir())[::2]:
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
    one, many = (verify(copy, layout=SHORT, readers=readers) for readers in (1, 8))
    assert one == many
    order = [record.name for record in Manifest.load(copy).shards]
    reported = list(dict.fromkeys(v.shard for v in one.violations))
    assert len(reported) == 3 and reported == sorted(reported, key=order.index)


def test_a_missing_shard(copy):
    (copy / "data" / SHARD).unlink()
    assert [(v.shard, v.what) for v in violations(copy)] == [(SHARD, "is missing")]


def test_an_extra_file(copy):
    shutil.copy(copy / "data" / SHARD, copy / "data" / "extra.parquet")
    assert [v.shard for v in violations(copy)] == ["extra.parquet"]


def test_swapped_ground_truths(copy):
    def swap(rows):
        rows[3]["ground_truth"], rows[4]["ground_truth"] = rows[4]["ground_truth"], rows[3]["ground_truth"]

    rewrite(copy, swap)
    assert {v.row for v in violations(copy) if "ground_truth" in v.what} == {3, 4}


def test_a_duplicated_row(copy):
    def duplicate(rows):
        rows[7] = rows[6]

    rewrite(copy, duplicate)
    assert any(v.row == 7 and "duplicated" in v.what for v in violations(copy))


@pytest.mark.parametrize(
    ("column", "value"), [("text", "other"), ("font_size_px", 17.0), ("contrast", 1.0), ("text_color", [1, 2, 3])]
)
def test_an_edited_value(copy, column, value):
    def edit(rows):
        rows[11][column] = value

    rewrite(copy, edit)
    assert any(v.row == 11 and column in v.what for v in violations(copy))


def test_other_columns(copy):
    path = copy / "data" / SHARD
    table = pq.read_table(path).drop_columns(["contrast"])
    pq.write_table(table, path)
    assert any(v.shard == SHARD and "its columns are not those of this version" in v.what for v in violations(copy))


@pytest.mark.parametrize(
    ("truth", "word"),
    [
        (np.full((32, 280), 255, np.uint8), "empty"),
        (np.zeros((32, 280), np.uint8), "border"),
        (np.full((16, 280), 255, np.uint8), "do not match"),
    ],
)
def test_an_invalid_ground_truth(copy, truth, word):
    def change(rows):
        rows[5]["ground_truth"]["bytes"] = png.encode_binary(truth)

    rewrite(copy, change)
    assert any(v.row == 5 and word in v.what for v in violations(copy))


def test_lines_shared_with_train_are_found(copy):
    line = pq.read_table(copy / "data" / SHARD, columns=["text"]).column("text")[0].as_py()

    def change(rows):
        rows[0]["text"] = line.upper() + "!"

    rewrite(copy, change, "test-00000-of-00001.parquet")
    assert any(v.shard == "test" and "also in train" in v.what for v in violations(copy))


def test_an_edited_spec(copy):
    text = (copy / "spec.yaml").read_text()
    (copy / "spec.yaml").write_text(text.replace("seed: 0", "seed: 1"))
    assert any(v.shard == "spec.yaml" for v in violations(copy))


def test_without_a_manifest_there_is_nothing_to_check(copy):
    (copy / "manifest.json").write_text('{"subsynth": 1}')
    with pytest.raises(OutputError, match=r"manifest\.json: not a manifest that can be read"):
        violations(copy)
    (copy / "manifest.json").unlink()
    with pytest.raises(OutputError, match=r"manifest\.json"):
        violations(copy)


def test_the_command_on_another_layout(copy, run):
    """The command assumes the default layout, in which the shards have other names."""
    result = run("verify", copy, "--json")
    report = json.loads(result.out)
    assert set(report) == {"ok", "directory", "shards", "rows", "rendered_again", "not_checked", "violations"}
    assert result.code == 1 and not report["ok"]
    assert {tuple(violation) for violation in report["violations"]} == {("shard", "row", "what")}
    assert run("verify", copy / "nothing").code == 2


def test_the_command_on_a_sound_set(run, tmp_path):
    assert run("render", "--lang", "en", "--n", 30, "--n-test", 5, "--out", "set", "--workers", 1).code == 0
    result = run("verify", "set")
    assert result.code == 0 and "no violations" in result.out, result.out
    assert run("verify", "set", "--json").out.startswith('{"ok": true')
    assert run("stats", "set").code == 0 and (tmp_path / "set-stats.png").stat().st_size > 20_000
    (tmp_path / "set/data/train-00000-of-00001.parquet").unlink()
    result = run("verify", "set")
    assert result.code == 1 and "train-00000-of-00001.parquet: is missing" in result.out


def test_rows_to_render_again_may_lie_in_one_part_of_a_large_shard(tmp_path):
    """Files are read in parts, most of which then have no such row."""
    build_dataset(quick_spec(n=1200, n_test=1), tmp_path / "set", workers=1)
    findings = verify(tmp_path / "set", sample=1)
    assert not findings.violations and findings.rows == 1203
