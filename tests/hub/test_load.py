"""Loading what was published, with the real `datasets`: by name, as a stream, beside its traps."""

import json
import re
import shutil
from pathlib import Path

import pytest

from hub.conftest import LOAD, NAME, pixels, quick
from subsynth import plan, sub_zh
from subsynth.build.build import build_dataset

ROOT = Path(__file__).parents[2]
# Counts of all splits, and features, of a set by name or directory.
TELL = """
import sys
from datasets import load_dataset
data = load_dataset(sys.argv[1], **dict(a.split("=") for a in sys.argv[2:]))
features = data["train"].features
print({name: len(rows) for name, rows in data.items()}, features["image"], features["ground_truth"])
"""
WHICH = """
import sys
from datasets import load_dataset
print(load_dataset(sys.argv[1], split="test", revision=sys.argv[2]).info.description)
"""
TEXTS = """
from datasets import load_dataset
print([row["text"] for row in load_dataset("subsynth/sub_en", split="test", streaming=True)])
"""
COUNTS = "{'train': 60, 'test': 20, 'test_hard': 20} Image(mode='RGB', decode=True) Image(mode='L', decode=True)"


def snippets(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("how", ["download", "stream"])
def test_pixels_are_those_rendered_here(either, sets, how):
    either.publish(sets(60))
    loaded = either.python(LOAD, NAME, "train,test,test_hard", how).split()
    assert loaded == [pixels(quick(60), split) for split in ("train", "test", "test_hard")]


def test_directory_and_published_set_are_alike(either, sets):
    either.publish(sets(60))
    assert either.python(TELL, NAME) == either.python(TELL, sets(60)) == COUNTS


def test_snippets_of_the_cards_run(client, sets):
    """Of the directory's card where the directory lies, and of the published one anywhere."""
    client.publish(sets(60))
    published = client.hub.read(client.hub.repos[NAME].at("main").tree["README.md"]).decode()
    for text, cwd in ((sets(60).joinpath("README.md").read_text(), sets(60).parent), (published, client.place)):
        use, stream, torch = snippets(text)
        client.python(f"{use}assert pair['text'] and pair['image'].size == (280, 32)", cwd=cwd)
        assert client.python(stream, cwd=cwd)
        assert client.python(torch, cwd=cwd) == "torch.Size([3, 32, 280])"


def test_chinese_text_comes_as_it_is(client, tmp_path):
    spec = sub_zh(n=20, n_test=10)
    build_dataset(spec, tmp_path / "sub_zh", workers=1)
    assert client.publish(tmp_path / "sub_zh").returncode == 0
    assert client.python(TEXTS) == str([r.text for r in plan(spec, "test", 0, 10)])


# The traps of the clients, and how the set stays out of them.


def test_another_set_under_the_same_name_is_not_taken_from_the_cache(client, sets):
    """A directory is cached by its card alone: the digest in it tells sets apart."""
    other = client.place / "sub_en"
    assert client.python(LOAD, sets(60), "test") == pixels(quick(60), "test")
    build_dataset(quick(60, seed=1), other, workers=1)
    assert client.python(LOAD, other, "test") == pixels(quick(60, seed=1), "test")


def test_what_lies_beside_the_shards_is_not_read(client, sets, tmp_path):
    """The card names *.parquet; a pattern like train-* would take the unfinished file for data."""
    shutil.copytree(sets(60), tmp_path / "sub_en")
    shard = tmp_path / "sub_en/data/train-00000-of-00001.parquet"
    shutil.copy(shard, f"{shard}.tmp")
    assert client.python(TELL, tmp_path / "sub_en") == COUNTS


def test_a_stream_that_is_left_ends_well(client, sets):
    """Large row groups make the interpreter abort, or hang, at its exit, each time; ours are small. Arrow's threads
    still race with the exit, and on a busy machine lose now and then (one of forty): one abort of three is let pass,
    after the row has come."""
    client.publish(sets(1300))
    code = f"""
from datasets import load_dataset
print(next(iter(load_dataset("{NAME}", split="train", streaming=True)))["index"], flush=True)
"""
    done = [client.run("-c", code) for _ in range(3)]
    assert [d.stdout.strip() for d in done] == ["0"] * 3, done
    assert [d.returncode for d in done].count(0) >= 2, done


def test_the_package_s_folder_does_not_hide_the_set(client, sets):
    """In the project's own root lies a folder `subsynth`, as the namespace is called."""
    client.publish(sets(60))
    assert (ROOT / "subsynth/cli.py").exists() and not (ROOT / "subsynth/sub_en").exists()
    assert client.python(TELL, NAME, cwd=ROOT) == COUNTS
    assert client.hub.count("GET", "/cdn/")


def test_the_loaded_set_tells_which_it_is(client, sets):
    """With the hub away, `datasets` takes the newest version that it has, even for the tag of another, and warns."""
    first, second = (json.loads((sets(n) / "manifest.json").read_text())["content_sha256"] for n in (60, 70))
    client.publish(sets(60), "--tag", "v1")
    assert client.python(WHICH, NAME, "v1") == f"content-sha256 {first}"
    client.publish(sets(70), "--tag", "v2")
    client.hub.__exit__()
    away = client.run("-c", WHICH, NAME, "v2", HF_HUB_OFFLINE="1")
    assert away.stdout.strip() == f"content-sha256 {first}" and "Using the latest cached version" in away.stderr
    assert first != second


def test_no_script_is_published(client, sets):
    """`datasets` refuses repositories with a script of their name."""
    client.publish(sets(60))
    assert not [p for p in client.hub.repos[NAME].at("main").tree if p.endswith(".py")]


def test_fewer_shards_load(client, sets):
    """Old shards beside new ones fail for every user; they go in the commit that brings the new ones."""
    client.publish(sets(2600))
    client.publish(sets(1300))
    told = client.python(TELL, NAME)
    assert told.startswith("{'train': 1300, 'test': 20, 'test_hard': 20}")


def test_the_baseline_trains_on_a_name_of_the_hub(client, sets):
    client.publish(sets(60))
    words = ["--preset", "ci", "--steps", "2", "--validation", "10", "--out", "run"]
    done = client.run("-m", "dbram_baseline.train", "--data", NAME, *words)
    assert done.returncode == 0 and (client.place / "run/last.safetensors").exists(), done.stderr


def test_a_report_knows_a_name_of_the_hub_by_its_commit(client, sets):
    client.publish(sets(60))
    ask = f"from dbram_baseline.data import fingerprint; print(fingerprint({NAME!r}))"
    head = client.hub.repos[NAME].head
    assert client.python(ask) == head[:12]
    client.python(TELL, NAME)
    client.publish(sets(70))
    assert client.python(ask, HF_HUB_OFFLINE="1") == head[:12], "what is in the cache, which would be loaded"
    assert client.python(ask) == client.hub.repos[NAME].head[:12] != head[:12]
    done = client.run("-c", ask.replace(NAME, "nobody/nothing"))
    assert "BaselineError: --data nobody/nothing cannot be loaded" in done.stderr
