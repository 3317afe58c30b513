"""Object stores: the bytes of a directory, each object complete or absent, and no foreign object touched."""

import dataclasses
import itertools
import json
import os
import subprocess
import sys

import pytest

from scale.conftest import files
from subsynth import OutputError, Spec
from subsynth.build import ownership
from subsynth.build.build import build_dataset
from subsynth.format.shard_list import ShardLayout, list_shards
from subsynth.storage import paths
from subsynth.storage.addresses import open_storage
from subsynth.storage.object_store import ObjectStore

SHORT = ShardLayout(rows=20, row_group=10)  # small data sets get several shards


def build_short(spec, out, **options):
    return build_dataset(spec, out, workers=1, layout=SHORT, **options)


@pytest.fixture
def store(bucket, monkeypatch):
    """A bucket that this process can reach."""
    for key, value in bucket.env.items():
        monkeypatch.setenv(key, value)
    return bucket


def test_credentials_are_looked_up_each_time(bucket, monkeypatch):
    """A first attempt without credentials does not decide about a second one in the same process."""
    for name in bucket.env:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(OutputError, match="NoCredentialsError"):
        open_storage(bucket.address("set")).list_folder()
    for key, value in bucket.env.items():
        monkeypatch.setenv(key, value)
    assert open_storage(bucket.address("set")).list_folder() == {}


@pytest.fixture
def expected(small, tmp_path):
    """The files of the data set in a directory."""
    build_short(small, tmp_path / "expected")
    return files(tmp_path / "expected")


def test_a_store_holds_the_bytes_of_a_directory(small, store, expected):
    result = build_short(small, store.address("set"))
    assert (result.pairs, result.rendered) == (60, 60)
    assert store.files("set") == expected
    again = build_short(small, store.address("set"))
    assert (again.rendered, again.resumed, again.bytes) == (0, 60, result.bytes)


@pytest.mark.parametrize("address", ["memory://set-{}", "file://{}/set"])
def test_other_protocols_hold_the_same_bytes(small, expected, tmp_path, address):
    """memory:// is a file system in which an incomplete file is visible; file:// is a directory."""
    import fsspec

    address = address.format(tmp_path)
    build_short(small, address)
    if address.startswith("file"):
        assert files(tmp_path / "set") == expected
        return
    fs, root = fsspec.core.url_to_fs(address)
    assert {name.removeprefix(f"{root}/"): fs.cat(name) for name in fs.find(root)} == expected
    fs.rm(root, recursive=True)


@pytest.fixture(scope="module")
def two_shards(tmp_path_factory):
    """A spec file of two shards of train, and the files of its data set in a directory."""
    folder = tmp_path_factory.mktemp("two")
    text = "lang: en\nn: 1300\nn_test: 10\nfonts: {families: [Arimo, Kalam]}\nbackground: {p_procedural: 1.0}\n"
    (folder / "spec.yaml").write_text(text)
    build_dataset(Spec.load(folder / "spec.yaml"), folder / "set", workers=1)
    return folder / "spec.yaml", files(folder / "set")


def test_worker_processes_write_to_the_store(bucket, two_shards):
    bucket.render("render", "--spec", two_shards[0], "--workers", 2, "--out", bucket.address("set"))
    assert bucket.files("set") == two_shards[1]


@pytest.mark.parametrize("merged", [True, False])
def test_lost_and_torn_shards_are_rendered_again(small, store, expected, merged):
    address, root = store.address("set"), f"{store.name}/set"
    if merged:
        build_short(small, address)
    else:
        build_short(small, address, rank=(0, 1))
    store.fs.rm(f"{root}/data/test-00000-of-00001.parquet")
    torn = f"{root}/data/train-00001-of-00002.parquet"
    store.fs.pipe_file(torn, store.fs.cat(torn)[:-100])
    result = build_short(small, address)
    assert (result.rendered, result.resumed) == (20, 40)
    assert store.files("set") == expected


def test_records_of_another_plan_do_not_count(small, store, expected):
    """Shards and records of another seed have the same names, and are beside the spec and the plan of this one."""
    other = dataclasses.replace(small, seed=1)
    build_short(other, store.address("other"), rank=(0, 1))
    for name, content in store.files("other").items():
        store.fs.pipe_file(f"{store.name}/set/{name}", content)
    store.fs.pipe_file(f"{store.name}/set/{paths.SPEC}", small.to_yaml().encode())
    store.fs.pipe_file(f"{store.name}/set/{paths.PLAN}", ownership.plan_digest(small).encode())
    assert build_short(small, store.address("set")).rendered == 60
    assert store.files("set") == expected


def test_data_of_another_spec_is_rejected(small, store):
    address = store.address("set")
    build_dataset(small, address, workers=1, rank=(0, 2))
    before = store.files("set")
    for other in (dataclasses.replace(small, seed=1), dataclasses.replace(small, n=31)):
        with pytest.raises(OutputError, match=r"is 0 there and 1 here|is 30 there and 31 here"):
            build_dataset(other, address, workers=1)
        with pytest.raises(OutputError, match="another spec"):
            build_dataset(other, address, workers=1, rank=(1, 2))
    assert store.files("set") == before


@pytest.mark.parametrize("kind", ["store", "directory"])
def test_of_two_concurrent_plans_one_is_rejected(small, store, tmp_path, kind):
    """Both have seen an empty location; the first to take it owns it."""
    storage = open_storage(store.address("set") if kind == "store" else str(tmp_path / "set"))
    other = dataclasses.replace(small, seed=1)
    ownership.take_ownership(small, "plan of the first", storage)
    with pytest.raises(OutputError, match="another spec just now"):
        ownership.take_ownership(other, "plan of the second", storage)
    with pytest.raises(OutputError, match="another run just now"):
        ownership.take_ownership(small, "same spec, other fonts", storage)
    ownership.take_ownership(small, "plan of the first", storage)  # another rank of the first
    assert storage.read(paths.PLAN) == b"plan of the first"


def test_exclusive_creation_is_a_conditional_put(store):
    """However often others try, the first content stays."""
    storage = open_storage(store.address("set"))
    assert isinstance(storage, ObjectStore)
    storage.fs.pipe_file(f"{storage.root}/x", b"first", mode="create")
    with pytest.raises(FileExistsError):
        storage.fs.pipe_file(f"{storage.root}/x", b"second", mode="create")
    assert not storage.create_exclusive("x", "second") and storage.read("x") == b"first"


def test_foreign_objects_are_kept(small, store, expected):
    address = store.address("home")
    store.fs.pipe_file(f"{store.name}/home/thesis.txt", b"mine")
    with pytest.raises(OutputError, match="not a data set"):
        build_short(small, address)
    assert store.files("home") == {"thesis.txt": b"mine"}
    build_short(small, address, overwrite=True)
    assert store.files("home") == expected | {"thesis.txt": b"mine"}
    build_short(dataclasses.replace(small, seed=1), address, overwrite=True)
    assert store.files("home").keys() == (expected | {"thesis.txt": b"mine"}).keys()
    store.fs.pipe_file(f"{store.name}/project/README.md", b"mine")
    with pytest.raises(OutputError, match="would be lost"):
        build_short(small, store.address("project"), overwrite=True)


def test_a_failed_render_leaves_nothing(store, tmp_path):
    (tmp_path / "lines.txt").write_text("\U00010400\U00010401\n" * 20)
    (tmp_path / "spec.yaml").write_text(f"lang: en\ntext: {{files: [{tmp_path}/lines.txt]}}\n")
    done = store.render(
        "render", "--spec", tmp_path / "spec.yaml", "--n", 30, "--out", store.address("set"), check=False
    )
    assert done.returncode == 2 and "U+10400" in done.stderr and store.files("set") == {}


def test_connections_cut_in_every_put_leave_no_object(bucket, relay, two_shards):
    args = ["--spec", two_shards[0], "--workers", 1, "--out"]
    cutting = relay(b"/data/", times=1000)
    done = bucket.render("render", *args, bucket.address("set"), check=False, AWS_ENDPOINT_URL=cutting.endpoint)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1 and cutting.cuts > 0
    assert not [name for name in bucket.files("set") if name.startswith("data/")]
    bucket.render("render", *args, bucket.address("set"))
    assert bucket.files("set") == two_shards[1]


def test_a_put_is_repeated_after_a_cut_connection(bucket, relay, two_shards):
    args = ["--spec", two_shards[0], "--workers", 1, "--out"]
    cutting = relay(b"/data/", times=2)
    bucket.render("render", *args, bucket.address("set"), AWS_ENDPOINT_URL=cutting.endpoint)
    assert cutting.cuts == 2
    assert bucket.files("set") == two_shards[1]


def test_a_merge_reads_little_of_the_shards(store, relay, two_shards):
    """It reads the columns that the figures need, but not the images."""
    build_dataset(Spec.load(two_shards[0]), store.address("set"), workers=1, rank=(0, 1))
    counting = relay(b"no such path", times=0)
    store.render("merge", store.address("set"), AWS_ENDPOINT_URL=counting.endpoint)
    assert store.files("set") == two_shards[1]
    assert 0 < counting.answered < 0.1 * sum(len(v) for k, v in two_shards[1].items() if k.startswith("data/"))


@pytest.mark.parametrize(
    ("out", "env", "words"),
    [
        ("s3://no-such-bucket/set", {}, ["s3://no-such-bucket/set", "bucket does not exist"]),
        ("s3://any/set", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ["s3://any/set", "127.0.0.1:1"]),
        ("gs://any/set", {}, ["gs://any/set", "pip install gcsfs"]),
        ("nothing://any/set", {}, ["nothing://any/set", "Protocol not known"]),
        ("sftp://me:not-to-be-shown-anywhere@127.0.0.1:1/set", {}, ["sftp://127.0.0.1:1/set"]),
    ],
)
def test_unreachable_locations_are_one_line_errors(bucket, out, env, words):
    done = bucket.render("render", "--n", 3, "--out", out, check=False, **env)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


LOAD = """
import sys
import numpy as np
from datasets import load_dataset
files = {s: f"{sys.argv[1]}/data/{s}-*.parquet" for s in ("train", "test")}
data = load_dataset("parquet", data_files=files)
rows = load_dataset("parquet", data_files=files, streaming=True)
for split in files:
    streamed = list(rows[split])
    assert len(streamed) == len(data[split])
    for row, other in zip(streamed, data[split], strict=True):
        assert np.array_equal(row["image"], other["image"]) and row["text"] == other["text"]
    print(split, len(streamed), *(int(np.asarray(streamed[3][name]).sum()) for name in ("image", "ground_truth")))
"""


def test_load_dataset_opens_and_streams_a_store(small, store, tmp_path):
    from subsynth import pairs

    build_dataset(small, store.address("set"), workers=1)
    env = os.environ | store.env | {"HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, store.address("set")], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for line, (split, size) in zip(done.stdout.splitlines(), (("train", 30), ("test", 10)), strict=True):
        pair = next(pairs(small, split, 3, 4))
        assert line.split() == [split, str(size), str(int(pair.image.sum())), str(int(pair.ground_truth.sum()))]


def test_large_data_sets_have_larger_shards(small):
    """At most 4,000 shards per split, until a shard has 20,000 rows; every index is in exactly one."""
    for n, rows in ((100_000, 1250), (5_000_000, 1250), (5_000_001, 2500), (10**9, 20_000)):
        shards = [s for s in list_shards(dataclasses.replace(small, n=n)) if s.split == "train"]
        assert shards[0].stop == rows and shards[0].start == 0 and shards[-1].stop == n
        assert all(a.stop == b.start and a.number + 1 == b.number for a, b in itertools.pairwise(shards))
        assert len(shards) == shards[0].count


def test_the_manifest_lists_every_shard(small, store, expected):
    build_short(small, store.address("set"))
    manifest = json.loads(store.files("set")[paths.MANIFEST])
    assert [e["file"] for e in manifest["shards"]] == [f"data/{s.name}" for s in list_shards(small, SHORT)]
    assert {k: v["rows"] for k, v in manifest["splits"].items()} == {s: small.size(s) for s in small.splits}
