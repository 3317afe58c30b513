"""Directories: the same bytes however they come about, and nothing of anyone else's is touched."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from subsynth import OutputError, WorkerError, pairs, sub_en
from subsynth.build import ownership, worker
from subsynth.build.build import build_dataset
from subsynth.build.engines import local
from subsynth.build.worker import Job
from subsynth.format import shards
from subsynth.storage import paths
from subsynth.storage.addresses import open_storage

SIZES = [("train", 30), ("test", 10), ("test_hard", 10), ("test_unseen_fonts", 10)]  # of the spec `small`


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def short(monkeypatch):
    """Shards of 20 rows in groups of 10, so that small sets have many. Only in this process."""
    monkeypatch.setattr(shards, "ROWS", 20)
    monkeypatch.setattr(shards, "GROUP", 10)


def test_layout_of_a_directory(small, tmp_path):
    out = tmp_path / "set"
    done = build_dataset(small, out, workers=1)
    assert sorted(files(out)) == [
        "LICENSES.md", "README.md", "assets/contact-sheet.png", "assets/distributions.png", "assets/ground-truth.png",
        "data/test-00000-of-00001.parquet", "data/test_hard-00000-of-00001.parquet",
        "data/test_unseen_fonts-00000-of-00001.parquet", "data/train-00000-of-00001.parquet",
        "manifest.json", "spec.yaml",
    ]  # fmt: skip
    assert (done.pairs, done.rendered, done.found) == (60, 60, 0)
    manifest = json.loads((out / "manifest.json").read_text())
    assert {s: v["rows"] for s, v in manifest["splits"].items()} == dict(SIZES)
    assert manifest["content_sha256"] in (out / "README.md").read_text()


def test_parquet_options(small, tmp_path, short):
    build_dataset(small, tmp_path / "set", workers=1)
    file = pq.ParquetFile(tmp_path / "set/data/train-00000-of-00002.parquet")
    meta = file.metadata
    assert meta.num_rows == 20 and meta.num_row_groups == 2
    by_path = {meta.row_group(0).column(i).path_in_schema: meta.row_group(0).column(i) for i in range(meta.num_columns)}
    for leaf in ("image.bytes", "ground_truth.bytes"):
        assert by_path[leaf].compression == "UNCOMPRESSED"
        assert "RLE_DICTIONARY" not in by_path[leaf].encodings
        assert by_path[leaf].has_offset_index
    assert by_path["index"].has_offset_index and by_path["index"].has_column_index
    assert by_path["font"].compression == "SNAPPY"
    assert b"huggingface" in file.schema_arrow.metadata
    assert b"content_defined_chunking" in meta.metadata


def test_workers_change_no_byte(small, tmp_path):
    big = dataclasses.replace(small, n=2600, n_test=30)  # three train shards
    one, two = tmp_path / "one", tmp_path / "two"
    build_dataset(big, one, workers=1)
    build_dataset(big, two, workers=2)
    assert files(one) == files(two)


def test_resuming_changes_no_byte(small, tmp_path, short, monkeypatch):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    build_dataset(small, whole, workers=1)
    real, calls = shards.write, []

    def write(*args):
        calls.append(args[1].name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(shards, "write", write)
    with pytest.raises(KeyboardInterrupt):
        build_dataset(small, torn, workers=1)
    assert "manifest.json" not in files(torn)
    (torn / paths.SCRATCH / "left-over.parquet.123").write_bytes(b"torn")
    done = build_dataset(small, torn, workers=1)
    assert done.found == 20 and done.rendered == 40
    assert files(torn) == files(whole)


def test_a_damaged_shard_is_made_again(small, tmp_path, short):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    before = files(out)
    victim = out / "data/train-00001-of-00002.parquet"
    victim.write_bytes(victim.read_bytes()[:-100] + bytes(100))
    (out / "data/test-00000-of-00001.parquet").unlink()
    assert build_dataset(small, out, workers=1).rendered == 20
    assert files(out) == before


def test_a_finished_directory_is_left_alone(small, tmp_path):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")}
    assert build_dataset(small, out, workers=2).rendered == 0
    assert stamps == {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")}


def test_other_data_is_refused_and_kept(small, tmp_path):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    before = files(out)
    with pytest.raises(OutputError, match="seed is 0 there and 1 here"):
        build_dataset(dataclasses.replace(small, seed=1), out, workers=1)
    with pytest.raises(OutputError, match=r"n is 30 there and 31 here"):
        build_dataset(dataclasses.replace(small, n=31), out, workers=1)
    assert files(out) == before
    build_dataset(dataclasses.replace(small, seed=1), out, workers=1, overwrite=True)
    assert files(out) != before


def test_a_foreign_directory_is_refused_and_kept(small, tmp_path):
    out = tmp_path / "home"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not a data set"):
        build_dataset(small, out, workers=1)
    assert files(out) == {"thesis.txt": b"mine"}
    build_dataset(small, out, workers=1, overwrite=True)
    assert files(out)["thesis.txt"] == b"mine"


@pytest.mark.parametrize("name", ["README.md", "data/notes.txt", "data/train-mine.parquet", "manifest.json"])
def test_what_is_not_subsynth_s_is_never_deleted(small, tmp_path, name):
    out = tmp_path / "project"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    with pytest.raises(OutputError, match="not a data set"):
        build_dataset(small, out, workers=1)
    with pytest.raises(OutputError, match="would be lost"):
        build_dataset(small, out, workers=1, overwrite=True)
    assert files(out) == {name: b"mine"}


def test_files_of_the_user_s_beside_the_shards_stay(small, tmp_path):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    (out / "data/notes").mkdir()
    (out / "data/notes/a.txt").write_text("mine")
    assert build_dataset(small, out, workers=1).rendered == 0
    build_dataset(dataclasses.replace(small, seed=1), out, workers=1, overwrite=True)
    assert files(out)["data/notes/a.txt"] == b"mine"


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"plan_sha256": 5, "shards": 3}'])
def test_a_broken_manifest_is_made_again(small, tmp_path, text):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    before = files(out)
    (out / "manifest.json").write_text(text)
    if "5" in text:
        with pytest.raises(OutputError, match="other fonts, pictures or text"):
            build_dataset(small, out, workers=1)
    else:
        build_dataset(small, out, workers=1)
        assert files(out) == before


def test_a_stranger_among_the_shards_is_refused(small, tmp_path):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    (out / "data/train-00009-of-00010.parquet").write_bytes(b"old")
    with pytest.raises(OutputError, match="train-00009-of-00010"):
        build_dataset(small, out, workers=1)


def test_two_renders_into_one_directory(small, tmp_path):
    out = tmp_path / "set"
    (out / paths.SCRATCH).mkdir(parents=True)
    with open_storage(str(out)).lock(shared=False), pytest.raises(OutputError, match="another render"):
        build_dataset(small, out, workers=1)


def test_dying_workers_end_the_run(small, tmp_path, monkeypatch):
    """Every worker dies as it starts: the run ends with an error, and does not hang."""
    monkeypatch.setattr(local, "_start", print)
    monkeypatch.setattr(local, "_work", _die)
    big = dataclasses.replace(small, n=2600)
    with pytest.raises(WorkerError, match="workers died"):
        list(local.run(Job(big, str(tmp_path), ownership.plan_digest(big)), shards.shards(big), 2, lambda _: None))


def test_a_shard_that_nobody_was_told_of_is_not_given_up(small, tmp_path, monkeypatch):
    """Workers die, one of them after its shard was put: the claim stays, and the same command goes on."""

    def run(job, todo, _workers, tick):
        worker.perform(job, todo[0], tick)
        raise WorkerError("workers died")
        yield

    out = tmp_path / "set"
    with monkeypatch.context() as patch:
        patch.setattr(local, "run", run)
        with pytest.raises(WorkerError):
            build_dataset(small, out)
    assert build_dataset(small, out, workers=1).found == 30
    with monkeypatch.context() as patch:
        patch.setattr(worker, "perform", lambda *_: (_ for _ in ()).throw(WorkerError("workers died")))
        with pytest.raises(WorkerError):
            build_dataset(small, tmp_path / "nothing", workers=1)
    assert not (tmp_path / "nothing").exists()


def _die(*_args):
    os._exit(9)


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A spec file, and the files of one undisturbed run of it: four shards of train."""
    folder = tmp_path_factory.mktemp("calm")
    (folder / "spec.yaml").write_text(
        "lang: en\nn: 5000\nn_test: 20\nfonts: {families: [Arimo, Kalam]}\nbackground: {p_procedural: 1.0}\n"
    )
    words = ["render", "--spec", folder / "spec.yaml", "--out", folder / "set"]
    subprocess.run([sys.executable, "-m", "subsynth", *words], check=True, capture_output=True)
    return folder / "spec.yaml", files(folder / "set")


def test_a_killed_worker_is_replaced(calm, tmp_path):
    hurt = tmp_path / "hurt"
    command = [sys.executable, "-m", "subsynth", "render", "--spec", calm[0], "--workers", "2", "--out"]
    process = subprocess.Popen([*command, hurt], cwd=tmp_path, stderr=subprocess.PIPE)
    victim = None
    deadline = time.monotonic() + 60
    while victim is None and time.monotonic() < deadline:
        time.sleep(0.1)
        if any(p.suffix not in (".json", "") for p in hurt.glob(f"{paths.SCRATCH}/*.parquet.*")):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            workers = [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
            victim = int(workers[0]) if workers else None
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    assert process.wait(timeout=120) == 0, process.stderr.read()
    assert files(hurt) == calm[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(calm, tmp_path, workers):
    stopped = tmp_path / "stopped"
    command = [sys.executable, "-m", "subsynth", "render", "--spec", calm[0], "--workers", str(workers), "--out"]
    process = subprocess.Popen(
        [*command, stopped], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not list((stopped / paths.SCRATCH).glob("*.json")) and time.monotonic() < deadline:  # a shard is recorded
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: the whole group is told
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "Traceback" not in error and "goes on" in error
    assert all(p.suffix == ".json" or p.name in ("plan", "lock") for p in (stopped / paths.SCRATCH).iterdir())
    assert "manifest.json" not in files(stopped)
    again = subprocess.run([*command, stopped], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "finished before" in again.stdout
    assert files(stopped) == calm[1]


LOAD = """
import sys, numpy as np
from datasets import load_dataset
data = load_dataset(sys.argv[1])
for split in data:
    row = data[split][3]
    image, truth = np.asarray(row["image"]), np.asarray(row["ground_truth"])
    assert image.dtype == truth.dtype == np.uint8, (image.dtype, truth.dtype)
    print(split, len(data[split]), image.shape, truth.shape, np.unique(truth).tolist(), row["text"],
          int(image.sum()), int(truth.sum()), row["text_color"], sep="|")
"""


def load(folder: Path, home: Path) -> list[list[str]]:
    env = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", LOAD, folder], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]


def test_load_dataset_opens_it_and_sees_changes(small, tmp_path):
    """Counts, shapes, values; and after a render of another seed into the same place, the new rows."""
    out = tmp_path / "set"
    for seed in (0, 1):
        spec = dataclasses.replace(small, seed=seed)
        build_dataset(spec, out, workers=1, overwrite=True)
        rows = load(out, tmp_path / "home")
        assert [r[:5] for r in rows] == [
            [split, str(size), "(32, 280, 3)", "(32, 280)", "[0, 255]"] for split, size in SIZES
        ]
        for row in rows:
            pair = next(pairs(spec, row[0], 3, 4))
            assert row[5] == pair.recipe.text
            assert row[6:8] == [str(int(pair.image.sum())), str(int(pair.ground_truth.sum()))]
            assert row[8] == str(list(pair.recipe.text_color))


def test_a_missing_shard_does_not_go_unnoticed(small, tmp_path, short):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    (out / "data/train-00001-of-00002.parquet").unlink()
    with pytest.raises(AssertionError, match="NonMatchingSplitsSizesError"):
        load(out, tmp_path / "home")


def test_stored_pixels_are_the_rendered_ones(small, tmp_path):
    from subsynth.report.contact_sheet import from_directory

    build_dataset(small, tmp_path / "set", workers=1)
    for split, size in SIZES:
        stored, made = from_directory(tmp_path / "set", split, 1000), list(pairs(small, split))
        assert len(stored) == len(made) == size
        for (image, truth), pair in zip(stored, made, strict=True):
            assert np.array_equal(image, pair.image) and np.array_equal(truth, pair.ground_truth)


def test_features_match_the_card(small, tmp_path):
    from datasets import Features

    from subsynth.format import schema

    by_schema = Features.from_arrow_schema(schema.schema())
    assert by_schema == Features._from_yaml_list(schema.card_features())
    assert by_schema.arrow_schema.names == schema.schema().names
    assert set(schema.MEANING) == set(schema.NAMES)


def test_jpeg_files_are_kept_as_they_are(tmp_path):
    """With image_format jpeg, rows whose last step is a JPEG hold its file; every reader sees the pixels rendered."""
    spec = sub_en(n=60, n_test=5)
    spec = dataclasses.replace(spec, image_format="jpeg")
    build_dataset(spec, tmp_path / "set", 1)
    table = pq.read_table(tmp_path / "set" / "data" / "train-00000-of-00001.parquet")
    kinds = {"JPEG": 0, "PNG": 0}
    for row, pair in zip(table.to_pylist(), pairs(spec, "train"), strict=True):
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            assert image.format == ("JPEG" if row["jpeg_quality"] else "PNG")
            kinds[image.format] += 1
            assert np.array_equal(np.asarray(image), pair.image)
        assert row["jpeg_dx"] == row["jpeg_dy"] == 0
    assert min(kinds.values()) > 5


@pytest.mark.slow
def test_killed_again_and_again_it_ends_the_same(tmp_path):
    """SIGKILL to the whole group at moments spread over a run, with torn files in between; then an undisturbed end."""
    parts = [sys.executable, "-m", "subsynth", "render", "--n", "4000", "--n-test", "50", "--workers", "2", "--out"]
    started = time.monotonic()
    subprocess.run([*parts, tmp_path / "calm"], check=True, capture_output=True)
    whole = time.monotonic() - started
    stormy, killed = tmp_path / "stormy", 0
    for turn in range(4):
        child = subprocess.Popen([*parts, stormy], stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            child.wait(whole * (0.35 + 0.12 * turn))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            killed += 1
        for torn in sorted((stormy / "data").glob("*.parquet"))[: turn % 2] if stormy.exists() else ():
            torn.write_bytes(torn.read_bytes()[: 1000 * turn])
    subprocess.run([*parts, stormy], check=True, capture_output=True)
    assert killed >= 2
    assert files(stormy) == files(tmp_path / "calm")
