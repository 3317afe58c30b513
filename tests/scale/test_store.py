"""Object stores: the bytes of a directory, each object whole or not there, and nothing of anyone else's touched."""

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
from subsynth.format import shards
from subsynth.storage import paths
from subsynth.storage.addresses import open_storage
from subsynth.storage.object_store import ObjectStore


@pytest.fixture
def short(monkeypatch):
    """Shards of 20 rows in groups of 10. Only in this process."""
    monkeypatch.setattr(shards, "ROWS", 20)
    monkeypatch.setattr(shards, "GROUP", 10)


@pytest.fixture
def here(bucket, monkeypatch):
    """A bucket with its settings in this process."""
    for key, value in bucket.env.items():
        monkeypatch.setenv(key, value)
    return bucket


@pytest.fixture
def calm(small, tmp_path, short):
    """The files that a directory has."""
    build_dataset(small, tmp_path / "calm", workers=1)
    return files(tmp_path / "calm")


def test_a_store_holds_the_bytes_of_a_directory(small, here, calm):
    done = build_dataset(small, here.address("set"), workers=1)
    assert (done.pairs, done.rendered) == (60, 60)
    assert here.files("set") == calm
    again = build_dataset(small, here.address("set"), workers=1)
    assert (again.rendered, again.found, again.bytes) == (0, 60, done.bytes)


@pytest.mark.parametrize("address", ["memory://set-{}", "file://{}/set"])
def test_other_addresses_hold_them_too(small, calm, tmp_path, address):
    """memory:// stands for stores where a name can be seen before its file is whole; file:// is a directory."""
    import fsspec

    address = address.format(tmp_path)
    build_dataset(small, address, workers=1)
    if address.startswith("file"):
        assert files(tmp_path / "set") == calm
        return
    fs, root = fsspec.core.url_to_fs(address)
    assert {name.removeprefix(f"{root}/"): fs.cat(name) for name in fs.find(root)} == calm
    fs.rm(root, recursive=True)


@pytest.fixture(scope="module")
def two_shards(tmp_path_factory):
    """A spec file of two shards of train, and the files that a directory has of it."""
    folder = tmp_path_factory.mktemp("two")
    text = "lang: en\nn: 1300\nn_test: 10\nfonts: {families: [Arimo, Kalam]}\nbackground: {p_procedural: 1.0}\n"
    (folder / "spec.yaml").write_text(text)
    build_dataset(Spec.load(folder / "spec.yaml"), folder / "set", workers=1)
    return folder / "spec.yaml", files(folder / "set")


def test_processes_of_their_own_put_them(bucket, two_shards):
    bucket.render("render", "--spec", two_shards[0], "--workers", 2, "--out", bucket.address("set"))
    assert bucket.files("set") == two_shards[1]


@pytest.mark.parametrize("merged", [True, False])
def test_what_is_lost_or_torn_is_made_again(small, here, calm, merged, monkeypatch):
    address, root = here.address("set"), f"{here.name}/set"
    if merged:
        build_dataset(small, address, workers=1)
    else:
        build_dataset(small, address, workers=1, rank=(0, 1))
    here.fs.rm(f"{root}/data/test-00000-of-00001.parquet")
    torn = f"{root}/data/train-00001-of-00002.parquet"
    here.fs.pipe_file(torn, here.fs.cat(torn)[:-100])
    done = build_dataset(small, address, workers=1)
    assert (done.rendered, done.found) == (20, 40)
    assert here.files("set") == calm


def test_entries_of_another_plan_are_not_taken_for_done(small, here, calm):
    """Shards and entries of another seed lie there, under the same names, with a claim of this spec beside them."""
    other = dataclasses.replace(small, seed=1)
    build_dataset(other, here.address("other"), workers=1, rank=(0, 1))
    for name, content in here.files("other").items():
        here.fs.pipe_file(f"{here.name}/set/{name}", content)
    here.fs.pipe_file(f"{here.name}/set/{paths.SPEC}", small.to_yaml().encode())
    here.fs.pipe_file(f"{here.name}/set/{paths.PLAN}", ownership.plan_digest(small).encode())
    assert build_dataset(small, here.address("set"), workers=1).rendered == 60
    assert here.files("set") == calm


def test_another_spec_is_refused(small, here):
    address = here.address("set")
    build_dataset(small, address, workers=1, rank=(0, 2))
    before = here.files("set")
    for other in (dataclasses.replace(small, seed=1), dataclasses.replace(small, n=31)):
        with pytest.raises(OutputError, match=r"is 0 there and 1 here|is 30 there and 31 here"):
            build_dataset(other, address, workers=1)
        with pytest.raises(OutputError, match="another spec"):
            build_dataset(other, address, workers=1, rank=(1, 2))
    assert here.files("set") == before


@pytest.mark.parametrize("kind", ["store", "directory"])
def test_two_plans_at_once(small, here, tmp_path, kind):
    """Both have looked, and found nothing there; one of them gets the place."""
    there = open_storage(here.address("set") if kind == "store" else str(tmp_path / "set"))
    other = dataclasses.replace(small, seed=1)
    ownership.take(small, "plan of the first", there)
    with pytest.raises(OutputError, match="another spec just now"):
        ownership.take(other, "plan of the second", there)
    with pytest.raises(OutputError, match="another run just now"):
        ownership.take(small, "same spec, other fonts", there)
    ownership.take(small, "plan of the first", there)  # another rank of the first
    assert there.read(paths.PLAN) == b"plan of the first"


def test_two_claims_at_the_same_moment(here):
    """A conditional put: whoever asks and however often, the first stays."""
    there = open_storage(here.address("set"))
    assert isinstance(there, ObjectStore)
    there.fs.pipe_file(f"{there.root}/x", b"first", mode="create")
    with pytest.raises(FileExistsError):
        there.fs.pipe_file(f"{there.root}/x", b"second", mode="create")
    assert not there.create_exclusive("x", "second") and there.read("x") == b"first"


def test_someone_else_s_objects_stay(small, here, calm):
    address = here.address("home")
    here.fs.pipe_file(f"{here.name}/home/thesis.txt", b"mine")
    with pytest.raises(OutputError, match="not a data set"):
        build_dataset(small, address, workers=1)
    assert here.files("home") == {"thesis.txt": b"mine"}
    build_dataset(small, address, workers=1, overwrite=True)
    assert here.files("home") == calm | {"thesis.txt": b"mine"}
    build_dataset(dataclasses.replace(small, seed=1), address, workers=1, overwrite=True)
    assert here.files("home").keys() == (calm | {"thesis.txt": b"mine"}).keys()
    here.fs.pipe_file(f"{here.name}/project/README.md", b"mine")
    with pytest.raises(OutputError, match="would be lost"):
        build_dataset(small, here.address("project"), workers=1, overwrite=True)


def test_what_cannot_be_rendered_leaves_nothing(here, tmp_path):
    (tmp_path / "lines.txt").write_text("\U00010400\U00010401\n" * 20)
    (tmp_path / "spec.yaml").write_text(f"lang: en\ntext: {{files: [{tmp_path}/lines.txt]}}\n")
    done = here.render("render", "--spec", tmp_path / "spec.yaml", "--n", 30, "--out", here.address("set"), check=False)
    assert done.returncode == 2 and "U+10400" in done.stderr and here.files("set") == {}


def test_a_connection_cut_in_every_put_leaves_nothing_to_be_seen(bucket, relay, two_shards):
    args = ["--spec", two_shards[0], "--workers", 1, "--out"]
    cutting = relay(b"/data/", times=1000)
    done = bucket.render("render", *args, bucket.address("set"), check=False, AWS_ENDPOINT_URL=cutting.endpoint)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1 and cutting.cuts > 0
    assert not [name for name in bucket.files("set") if name.startswith("data/")]
    bucket.render("render", *args, bucket.address("set"))
    assert bucket.files("set") == two_shards[1]


def test_a_connection_cut_once_is_made_good(bucket, relay, two_shards):
    args = ["--spec", two_shards[0], "--workers", 1, "--out"]
    cutting = relay(b"/data/", times=2)
    bucket.render("render", *args, bucket.address("set"), AWS_ENDPOINT_URL=cutting.endpoint)
    assert cutting.cuts == 2
    assert bucket.files("set") == two_shards[1]


def test_a_merge_reads_little_of_the_shards(here, relay, two_shards):
    """The columns that figures are drawn of, and not the images."""
    build_dataset(Spec.load(two_shards[0]), here.address("set"), workers=1, rank=(0, 1))
    counting = relay(b"no such path", times=0)
    here.render("merge", here.address("set"), AWS_ENDPOINT_URL=counting.endpoint)
    assert here.files("set") == two_shards[1]
    assert 0 < counting.answered < 0.1 * sum(len(v) for k, v in two_shards[1].items() if k.startswith("data/"))


@pytest.mark.parametrize(
    ("out", "env", "told"),
    [
        ("s3://no-such-bucket/set", {}, ["s3://no-such-bucket/set", "bucket does not exist"]),
        ("s3://any/set", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ["s3://any/set", "127.0.0.1:1"]),
        ("gs://any/set", {}, ["gs://any/set", "pip install gcsfs"]),
        ("nothing://any/set", {}, ["nothing://any/set", "Protocol not known"]),
        ("sftp://me:not-to-be-shown-anywhere@127.0.0.1:1/set", {}, ["sftp://127.0.0.1:1/set"]),
    ],
)
def test_what_cannot_be_reached_is_told_in_one_line(bucket, out, env, told):
    done = bucket.render("render", "--n", 3, "--out", out, check=False, **env)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in told), done.stderr


LOAD = """
import sys
import numpy as np
from datasets import load_dataset
files = {s: f"{sys.argv[1]}/data/{s}-*.parquet" for s in ("train", "test")}
data = load_dataset("parquet", data_files=files)
rows = load_dataset("parquet", data_files=files, streaming=True)
for split in files:
    seen = list(rows[split])
    assert len(seen) == len(data[split])
    for row, other in zip(seen, data[split], strict=True):
        assert np.array_equal(row["image"], other["image"]) and row["text"] == other["text"]
    print(split, len(seen), int(np.asarray(seen[3]["image"]).sum()), int(np.asarray(seen[3]["ground_truth"]).sum()))
"""


def test_load_dataset_opens_and_streams_it(small, here, tmp_path):
    from subsynth import pairs

    build_dataset(small, here.address("set"), workers=1)
    env = os.environ | here.env | {"HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, here.address("set")], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for line, (split, size) in zip(done.stdout.splitlines(), (("train", 30), ("test", 10)), strict=True):
        pair = next(pairs(small, split, 3, 4))
        assert line.split() == [split, str(size), str(int(pair.image.sum())), str(int(pair.ground_truth.sum()))]


def test_large_sets_have_larger_files(small):
    """At most 4,000 files a split until a file has 20,000 rows; every index is in one of them."""
    for n, rows in ((100_000, 1250), (5_000_000, 1250), (5_000_001, 2500), (10**9, 20_000)):
        some = [s for s in shards.shards(dataclasses.replace(small, n=n)) if s.split == "train"]
        assert some[0].stop == rows and some[0].start == 0 and some[-1].stop == n
        assert all(a.stop == b.start and a.number + 1 == b.number for a, b in itertools.pairwise(some))
        assert len(some) == some[0].of


def test_a_manifest_is_the_json_of_its_entries(small, here, calm):
    build_dataset(small, here.address("set"), workers=1)
    manifest = json.loads(here.files("set")[paths.MANIFEST])
    assert [e["file"] for e in manifest["shards"]] == [f"data/{s.name}" for s in shards.shards(small)]
    assert {k: v["rows"] for k, v in manifest["splits"].items()} == {s: small.size(s) for s in small.splits}
