"""Planted faults of each kind are found and named; a sound set passes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from subsynth import OutputError, verify
from subsynth.build.build import build_dataset
from subsynth.format import png, shards


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A small set with several shards a split."""
    import dataclasses

    from subsynth import sub_en

    spec = sub_en(n=45, n_test=8)
    spec = dataclasses.replace(
        spec,
        fonts=dataclasses.replace(spec.fonts, families=("Arimo", "Kalam")),
        background=dataclasses.replace(spec.background, p_procedural=1.0),
    )
    out = tmp_path_factory.mktemp("sound") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROWS", 20)
        patch.setattr(shards, "GROUP", 10)
        build_dataset(spec, out, workers=1)
    return out


@pytest.fixture
def copy(sound, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "ROWS", 20)
    monkeypatch.setattr(shards, "GROUP", 10)
    return shutil.copytree(sound, tmp_path / "set")


VICTIM = "train-00001-of-00003.parquet"


def rewrite(folder, change, name=VICTIM):
    """Change the rows of a shard and write it back, with a manifest that vouches for the file."""
    path = folder / "data" / name
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["shards"]:
        if entry["file"] == f"data/{name}":
            entry |= {"bytes": path.stat().st_size, "sha256": shards.file_digest(path)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def named(folder, sample=64):
    return verify.verify(folder, sample).violations


def test_a_sound_set_passes(copy):
    report = verify.verify(copy)
    assert report.violations == [] and report.rows == 45 + 3 * 8
    assert report.shards == 6 and report.rendered > 20


def test_any_flipped_bit_is_found(copy):
    """Everywhere in a file: images, columns, headers, footer; where a row can be told, it is."""
    path = copy / "data" / VICTIM
    whole = path.read_bytes()
    rows = set()
    for at in range(4, len(whole), len(whole) // 60):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        found = named(copy)
        assert found and all(v.shard == VICTIM for v in found), at
        rows.update(v.row for v in found)
    assert len(rows) > 15  # most bits belong to images, and those name their row


def test_one_reader_and_many_tell_the_same(copy, monkeypatch):
    """Several damaged shards, told in the order of the manifest."""
    for path in sorted((copy / "data").iterdir())[::2]:
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
    reports = []
    for readers in (1, 8):
        monkeypatch.setattr(verify, "cores", lambda readers=readers: readers)
        reports.append(verify.verify(copy))
    assert reports[0] == reports[1]
    order = [Path(e["file"]).name for e in json.loads((copy / "manifest.json").read_text())["shards"]]
    told = list(dict.fromkeys(v.shard for v in reports[0].violations))
    assert len(told) == 3 and told == sorted(told, key=order.index)


def test_a_missing_shard(copy):
    (copy / "data" / VICTIM).unlink()
    assert [(v.shard, v.what) for v in named(copy)] == [(VICTIM, "is missing")]


def test_a_file_too_many(copy):
    shutil.copy(copy / "data" / VICTIM, copy / "data" / "extra.parquet")
    assert [v.shard for v in named(copy)] == ["extra.parquet"]


def test_a_swapped_truth(copy):
    def swap(rows):
        rows[3]["ground_truth"], rows[4]["ground_truth"] = rows[4]["ground_truth"], rows[3]["ground_truth"]

    rewrite(copy, swap)
    assert {v.row for v in named(copy) if "ground_truth" in v.what} == {3, 4}


def test_a_doubled_row(copy):
    def double(rows):
        rows[7] = rows[6]

    rewrite(copy, double)
    found = named(copy)
    assert any(v.row == 7 and "doubled" in v.what for v in found)


@pytest.mark.parametrize(
    ("column", "value"), [("text", "other"), ("font_size_px", 17.0), ("contrast", 1.0), ("text_color", [1, 2, 3])]
)
def test_an_edited_column(copy, column, value):
    def edit(rows):
        rows[11][column] = value

    rewrite(copy, edit)
    assert any(v.row == 11 and column in v.what for v in named(copy))


@pytest.mark.parametrize(
    ("truth", "word"),
    [
        (np.full((32, 280), 255, np.uint8), "empty"),
        (np.zeros((32, 280), np.uint8), "border"),
        (np.full((16, 280), 255, np.uint8), "do not match"),
    ],
)
def test_a_truth_that_cannot_be(copy, truth, word):
    def change(rows):
        rows[5]["ground_truth"]["bytes"] = png.binary(truth)

    rewrite(copy, change)
    assert any(v.row == 5 and word in v.what for v in named(copy))


def test_shared_lines_are_found(copy):
    line = pq.read_table(copy / "data" / VICTIM, columns=["text"]).column("text")[0].as_py()

    def change(rows):
        rows[0]["text"] = line.upper() + "!"

    rewrite(copy, change, "test-00000-of-00001.parquet")
    assert any(v.shard == "test" and "also in train" in v.what for v in named(copy))


def test_an_edited_spec_and_no_manifest(copy):
    text = (copy / "spec.yaml").read_text()
    (copy / "spec.yaml").write_text(text.replace("seed: 0", "seed: 1"))
    assert any(v.shard == "spec.yaml" for v in named(copy))
    (copy / "manifest.json").unlink()
    with pytest.raises(OutputError, match=r"manifest\.json"):
        named(copy)


def test_the_command(copy, run):
    done = run("verify", copy, "--json")
    told = json.loads(done.out)
    # In a process of its own shards are long again: the manifest and the spec then disagree about their names.
    assert set(told) == {"ok", "directory", "shards", "rows", "rendered_again", "violations"}
    assert done.code == (0 if told["ok"] else 1)
    assert run("verify", copy / "nothing").code == 2


def test_the_command_on_a_sound_set(run, tmp_path):
    assert run("render", "--lang", "en", "--n", 30, "--n-test", 5, "--out", "set", "--workers", 1).code == 0
    done = run("verify", "set")
    assert done.code == 0 and "no violations" in done.out, done.out
    assert run("verify", "set", "--json").out.startswith('{"ok": true')
    assert run("stats", "set").code == 0 and (tmp_path / "set-stats.png").stat().st_size > 20_000
    (tmp_path / "set/data/train-00000-of-00001.parquet").unlink()
    done = run("verify", "set")
    assert done.code == 1 and "train-00000-of-00001.parquet: is missing" in done.out
