"""Data sets in directories: the same bytes however they are built, and foreign files are never touched."""

import dataclasses
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Features, load_dataset_builder
from PIL import Image

from subsynth import OutputError, WorkerError, pairs, sub_en
from subsynth.build.build import build_dataset
from subsynth.build.worker import Worker
from subsynth.core.progress import NoProgress
from subsynth.format import schema
from subsynth.format.manifest import Manifest
from subsynth.format.shard_list import ShardLayout
from subsynth.report.contact_sheet import read_samples
from subsynth.storage import paths
from subsynth.storage.addresses import open_storage

SIZES = [("train", 30), ("test", 10), ("test_hard", 10), ("test_unseen_fonts", 10)]  # of the spec `small`
SHORT = ShardLayout(rows=20, row_group=10)  # small data sets get several shards


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_files_of_a_data_set(small, tmp_path):
    out = tmp_path / "set"
    result = build_dataset(small, out, workers=1)
    assert sorted(files(out)) == [
        "LICENSES.md", "README.md", "assets/contact-sheet.png", "assets/distributions.png", "assets/ground-truth.png",
        "data/test-00000-of-00001.parquet", "data/test_hard-00000-of-00001.parquet",
        "data/test_unseen_fonts-00000-of-00001.parquet", "data/train-00000-of-00001.parquet",
        "manifest.json", "spec.yaml",
    ]  # fmt: skip
    assert (result.pairs, result.rendered, result.resumed) == (60, 60, 0)
    manifest = Manifest.load(out)
    assert {split: totals.rows for split, totals in manifest.splits.items()} == dict(SIZES)
    assert manifest.content_sha256 in (out / "README.md").read_text()


def test_json_of_the_manifest(small, tmp_path):
    """The keys and the layout at rest: one line per shard."""
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    text = (out / "manifest.json").read_text()
    manifest = json.loads(text)
    assert list(manifest) == [
        "subsynth", "spec_sha256", "plan_sha256", "content_sha256", "png", "image_format", "lines_dropped", "splits",
        "shards",
    ]  # fmt: skip
    assert list(manifest["splits"]["train"]) == ["rows", "bytes", "arrow_bytes", "content_sha256"]
    shard_keys = ["file", "split", "rows", "bytes", "sha256", "content_sha256", "arrow_bytes"]
    assert [list(shard) for shard in manifest["shards"]] == [shard_keys] * 4
    head, _, shards = text.partition(' "shards": [\n')
    assert head.startswith('{\n "subsynth": "') and shards.endswith("}\n ]\n}\n")
    assert [line[:11] for line in shards.splitlines()[:4]] == ['  {"file": '] * 4
    assert Manifest.parse(text).to_json() == manifest


def test_parquet_options(small, tmp_path):
    build_dataset(small, tmp_path / "set", workers=1, layout=SHORT)
    file = pq.ParquetFile(tmp_path / "set/data/train-00000-of-00002.parquet")
    metadata = file.metadata
    assert metadata.num_rows == 20 and metadata.num_row_groups == 2
    columns = [metadata.row_group(0).column(i) for i in range(metadata.num_columns)]
    by_path = {column.path_in_schema: column for column in columns}
    for leaf in ("image.bytes", "ground_truth.bytes"):
        assert by_path[leaf].compression == "UNCOMPRESSED"
        assert "RLE_DICTIONARY" not in by_path[leaf].encodings
        assert by_path[leaf].has_offset_index
    assert by_path["index"].has_offset_index and by_path["index"].has_column_index
    assert by_path["font"].compression == "SNAPPY"
    assert b"huggingface" in file.schema_arrow.metadata
    assert b"content_defined_chunking" in metadata.metadata


def test_number_of_workers_changes_no_byte(small, tmp_path):
    spec = dataclasses.replace(small, n=1300, n_test=30)  # two train shards
    build_dataset(spec, tmp_path / "one", workers=1)
    build_dataset(spec, tmp_path / "two", workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


class Counting(NoProgress):
    """Counts the pairs that are rendered."""

    def __init__(self):
        self.started, self.rendered = (), 0

    def start(self, total, done=0):
        self.started = (total, done)

    def advance(self, amount):
        self.rendered += amount


class Interrupting(Counting):
    """Presses Ctrl-C once more than `limit` pairs are rendered."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def advance(self, amount):
        super().advance(amount)
        if self.rendered > self.limit:
            raise KeyboardInterrupt


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_every_pair(small, tmp_path, workers):
    progress = Counting()
    build_dataset(small, tmp_path / "set", workers, progress=progress, layout=SHORT)
    assert (progress.started, progress.rendered) == ((60, 0), 60)
    progress = Counting()
    build_dataset(small, tmp_path / "set", workers, progress=progress, layout=SHORT)
    assert (progress.started, progress.rendered) == ((60, 60), 0)


def test_resuming_changes_no_byte(small, tmp_path):
    complete, interrupted = tmp_path / "complete", tmp_path / "interrupted"
    build_dataset(small, complete, workers=1, layout=SHORT)
    with pytest.raises(KeyboardInterrupt):  # inside the second shard
        build_dataset(small, interrupted, workers=1, progress=Interrupting(20), layout=SHORT)
    assert "manifest.json" not in files(interrupted)
    (interrupted / paths.SCRATCH / "left-over.parquet.123").write_bytes(b"torn")
    result = build_dataset(small, interrupted, workers=1, layout=SHORT)
    assert (result.resumed, result.rendered) == (20, 40)
    assert files(interrupted) == files(complete)


def test_a_damaged_shard_is_rendered_again(small, tmp_path):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1, layout=SHORT)
    before = files(out)
    damaged = out / "data/train-00001-of-00002.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-100] + bytes(100))
    (out / "data/test-00000-of-00001.parquet").unlink()
    assert build_dataset(small, out, workers=1, layout=SHORT).rendered == 20
    assert files(out) == before


def test_a_finished_directory_is_not_written_to(small, tmp_path):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    times = {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")}
    assert build_dataset(small, out, workers=2).rendered == 0
    assert times == {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")}


def test_data_of_another_spec_is_rejected_and_kept(small, tmp_path):
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


def test_a_foreign_directory_is_rejected_and_kept(small, tmp_path):
    out = tmp_path / "home"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not a data set"):
        build_dataset(small, out, workers=1)
    assert files(out) == {"thesis.txt": b"mine"}
    build_dataset(small, out, workers=1, overwrite=True)
    assert files(out)["thesis.txt"] == b"mine"


@pytest.mark.parametrize("name", ["README.md", "data/notes.txt", "data/train-mine.parquet", "manifest.json"])
def test_foreign_files_are_never_deleted(small, tmp_path, name):
    out = tmp_path / "project"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    with pytest.raises(OutputError, match="not a data set"):
        build_dataset(small, out, workers=1)
    with pytest.raises(OutputError, match="would be lost"):
        build_dataset(small, out, workers=1, overwrite=True)
    assert files(out) == {name: b"mine"}


def test_foreign_files_beside_the_shards_are_kept(small, tmp_path):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    (out / "data/notes").mkdir()
    (out / "data/notes/a.txt").write_text("mine")
    assert build_dataset(small, out, workers=1).rendered == 0
    build_dataset(dataclasses.replace(small, seed=1), out, workers=1, overwrite=True)
    assert files(out)["data/notes/a.txt"] == b"mine"


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"shards": 3}'])
def test_a_malformed_manifest_is_written_again(small, tmp_path, text):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    before = files(out)
    (out / "manifest.json").write_text(text)
    with pytest.raises(OutputError, match=r"manifest\.json: not a manifest that can be read"):
        Manifest.load(out)
    build_dataset(small, out, workers=1)
    assert files(out) == before


def test_the_plan_of_a_malformed_manifest_still_counts(small, tmp_path):
    """A later version may write a manifest that this one cannot read in full."""
    out = tmp_path / "set"
    build_dataset(small, out, workers=1)
    (out / "manifest.json").write_text('{"plan_sha256": 5, "shards": 3}')
    with pytest.raises(OutputError, match="other fonts, pictures or text"):
        build_dataset(small, out, workers=1)


def test_a_foreign_shard_is_rejected(small, tmp_path):
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


# Killed while it starts, a worker can make the pool's own thread fail, after it has marked the pool as broken.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_dying_workers_end_the_run(small, tmp_path):
    """Every worker is killed when it starts: the run ends with an error, and nothing is left."""
    finished = threading.Event()

    def kill_workers():
        while not finished.wait(0.02):
            for process in multiprocessing.active_children():
                process.kill()

    killer = threading.Thread(target=kill_workers)
    killer.start()
    try:
        with pytest.raises(WorkerError, match="workers died"):
            build_dataset(small, tmp_path / "set", workers=2, layout=SHORT)
    finally:
        finished.set()
        killer.join()
    assert not (tmp_path / "set").exists()


def test_a_stored_but_unrecorded_shard_keeps_the_ownership(small, tmp_path):
    """If workers die after a shard was stored, the location stays owned, and the same command resumes."""
    out = tmp_path / "set"

    def dies_later(job, shards, _workers, progress):
        Worker(job).render_shard(shards[0], progress)
        yield from dies_at_once()

    def dies_at_once(*_):
        raise WorkerError("workers died")
        yield

    with pytest.raises(WorkerError):
        build_dataset(small, out, engine=dies_later)
    assert build_dataset(small, out, workers=1).resumed == 30
    with pytest.raises(WorkerError):
        build_dataset(small, tmp_path / "nothing", engine=dies_at_once)
    assert not (tmp_path / "nothing").exists()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A spec file, and the files of one undisturbed run of it: four shards of train."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "spec.yaml").write_text(
        "lang: en\nn: 3800\nn_test: 20\nfonts: {families: [Arimo, Kalam]}\nbackground: {p_procedural: 1.0}\n"
    )
    arguments = ["render", "--spec", folder / "spec.yaml", "--out", folder / "set"]
    subprocess.run([sys.executable, "-m", "subsynth", *arguments], check=True, capture_output=True)
    return folder / "spec.yaml", files(folder / "set")


def test_a_killed_worker_is_replaced(undisturbed, tmp_path):
    out = tmp_path / "set"
    command = [sys.executable, "-m", "subsynth", "render", "--spec", undisturbed[0], "--workers", "2", "--out"]
    process = subprocess.Popen([*command, out], cwd=tmp_path, stderr=subprocess.PIPE)
    victim = None
    deadline = time.monotonic() + 60
    while victim is None and time.monotonic() < deadline:
        time.sleep(0.1)
        if any(p.suffix not in (".json", "") for p in out.glob(f"{paths.SCRATCH}/*.parquet.*")):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            workers = [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
            victim = int(workers[0]) if workers else None
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    assert process.wait(timeout=120) == 0, process.stderr.read()
    assert files(out) == undisturbed[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_cleanly_and_the_same_command_resumes(undisturbed, tmp_path, workers):
    out = tmp_path / "set"
    command = [sys.executable, "-m", "subsynth", "render", "--spec", undisturbed[0], "--workers", str(workers), "--out"]
    process = subprocess.Popen([*command, out], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list((out / paths.SCRATCH).glob("*.json")) and time.monotonic() < deadline:  # a shard is recorded
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole process group
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "Traceback" not in error and "stopped" in error and "same command" in error
    assert all(p.suffix == ".json" or p.name in ("plan", "lock") for p in (out / paths.SCRATCH).iterdir())
    assert "manifest.json" not in files(out)
    resumed = subprocess.run([*command, out], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "finished before" in resumed.stdout
    assert files(out) == undisturbed[1]


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
    """The fourth row of each split, loaded by `datasets` in a process of its own."""
    env = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    result = subprocess.run([sys.executable, "-c", LOAD, folder], env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return [line.split("|") for line in result.stdout.splitlines()]


def test_load_dataset_opens_it_and_notices_changes(small, tmp_path):
    """Counts, shapes and values; and, after a render with another seed into the same directory, the new rows."""
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


def test_load_dataset_notices_a_missing_shard(small, tmp_path):
    out = tmp_path / "set"
    build_dataset(small, out, workers=1, layout=SHORT)
    (out / "data/train-00001-of-00002.parquet").unlink()
    with pytest.raises(AssertionError, match="NonMatchingSplitsSizesError"):
        load(out, tmp_path / "home")


def test_stored_pixels_are_the_rendered_ones(small, tmp_path):
    build_dataset(small, tmp_path / "set", workers=1)
    for split, size in SIZES:
        stored, rendered = read_samples(tmp_path / "set", split, 1000), list(pairs(small, split))
        assert len(stored) == len(rendered) == size
        for (image, truth), pair in zip(stored, rendered, strict=True):
            assert np.array_equal(image, pair.image) and np.array_equal(truth, pair.ground_truth)


def test_features_of_the_schema_are_those_of_the_card(small, tmp_path):
    build_dataset(small, tmp_path / "set", workers=1)
    of_card = load_dataset_builder(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache")).info.features
    names = schema.columns_of(small)
    assert Features.from_arrow_schema(schema.arrow_schema(names)) == of_card
    assert tuple(of_card) == names == tuple(schema.arrow_schema(names).names)
    assert set(schema.DESCRIPTIONS) == set(schema.ALL)


def test_jpeg_files_are_stored_unchanged(tmp_path):
    """With image_format jpeg, rows whose last step is a JPEG hold its file; every reader sees the rendered pixels."""
    spec = dataclasses.replace(sub_en(n=60, n_test=5), image_format="jpeg")
    build_dataset(spec, tmp_path / "set", 1)
    table = pq.read_table(tmp_path / "set" / "data" / "train-00000-of-00001.parquet")
    counts = {"JPEG": 0, "PNG": 0}
    for row, pair in zip(table.to_pylist(), pairs(spec, "train"), strict=True):
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            assert image.format == ("JPEG" if row["jpeg_quality"] else "PNG")
            counts[image.format] += 1
            assert np.array_equal(np.asarray(image), pair.image)
        assert row["jpeg_dx"] == row["jpeg_dy"] == 0
    assert min(counts.values()) > 5


@pytest.mark.slow
def test_repeated_kills_change_no_byte(tmp_path):
    """SIGKILL to the whole process group at moments spread over a run, with torn files in between, then a full run."""
    command = [sys.executable, "-m", "subsynth", "render", "--n", "800", "--n-test", "20", "--workers", "2", "--out"]
    started = time.monotonic()
    subprocess.run([*command, tmp_path / "undisturbed"], check=True, capture_output=True)
    duration = time.monotonic() - started
    out, killed = tmp_path / "killed", 0
    for attempt in range(2):
        child = subprocess.Popen([*command, out], stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            child.wait(duration * (0.4 + 0.15 * attempt))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            killed += 1
        for torn in sorted((out / "data").glob("*.parquet"))[: attempt % 2] if out.exists() else ():
            torn.write_bytes(torn.read_bytes()[: 1000 * attempt])
    subprocess.run([*command, out], check=True, capture_output=True)
    assert killed >= 1
    assert files(out) == files(tmp_path / "undisturbed")
