"""Publishing: what lands on the hub, and what is refused, with the real client over real HTTP."""

import hashlib
import json
import os
import shutil

import pytest

from hub.conftest import LOAD, NAME, pixels, quick
from hub.state import OWNER, READER, STRANGER

ROWS = """
import sys
from datasets import load_dataset
print(len(load_dataset(sys.argv[1], split="train", revision=sys.argv[2])))
"""


def content(hub, path):
    return hub.read(hub.repos[NAME].at("main").tree[path])


def digests(hub):
    """SHA-256 of all that the hub holds but its own file, as it would be downloaded."""
    tree = hub.repos[NAME].at("main").tree
    return {p: hashlib.sha256(hub.read(f)).hexdigest() for p, f in tree.items() if p != ".gitattributes"}


def expected(directory):
    files = {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}
    files["README.md"] = files["README.md"].replace(b'load_dataset("sub_en"', f'load_dataset("{NAME}"'.encode())
    return {p: hashlib.sha256(b).hexdigest() for p, b in files.items()}


def test_one_commit_holds_it_all(hub, either, sets):
    done = either.publish(sets(2600))
    assert done.returncode == 0 and "published 12 files" in done.stdout, done.stderr
    assert not done.stderr
    assert digests(hub) == expected(sets(2600))
    assert [c.title for c in hub.repos[NAME].log()] == ["subsynth 0.1.0"]
    assert not hub.repos[NAME].private
    assert not hub.leaks


def test_publishing_again_commits_and_sends_nothing(hub, either, sets):
    assert either.publish(sets(60), "--tag", "v1.0.0").returncode == 0
    sent, commits = hub.uploaded(), len(hub.repos[NAME].commits)
    again = either.publish(sets(60), "--tag", "v1.0.0")
    assert again.returncode == 0 and "up to date" in again.stdout
    assert (hub.uploaded(), len(hub.repos[NAME].commits)) == (sent, commits)
    assert hub.count("POST", "/tag/") == 1


def test_fewer_shards_take_the_others_away_in_the_same_commit(hub, either, sets):
    """The old shards would be read beside the new ones."""
    either.publish(sets(2600))
    hub.repos[NAME].commit("by hand", hub.repos[NAME].at("main").tree | {"notes.txt": hub.put_small(b"mine")})
    done = either.publish(sets(1300))
    assert "without 3 that are no longer part of it" in done.stdout, done.stderr
    assert len(hub.repos[NAME].log()) == 3
    assert content(hub, "notes.txt") == b"mine"
    assert sorted(p for p in digests(hub) if p.startswith("data/")) == [
        "data/test-00000-of-00001.parquet", "data/test_hard-00000-of-00001.parquet",
        "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet",
    ]  # fmt: skip
    assert either.python(LOAD, NAME, "train") == pixels(quick(1300), "train")


def test_only_what_differs_is_sent(hub, client, sets):
    client.publish(sets(60))
    before = hub.uploaded()
    tree = dict(hub.repos[NAME].at("main").tree)
    tree["spec.yaml"] = hub.put_small(b"spoiled")
    hub.repos[NAME].commit("by hand", tree)
    assert "published 1 files" in client.publish(sets(60)).stdout
    assert hub.uploaded() == before
    assert digests(hub) == expected(sets(60))


def test_tags_name_versions(hub, client, sets):
    assert client.publish(sets(70), "--tag", "v1.0.0").returncode == 0
    moved = client.publish(sets(60), "--tag", "v1.0.0")
    assert moved.returncode == 2 and "tag 'v1.0.0' names another set already" in moved.stderr
    assert len(hub.repos[NAME].log()) == 1
    assert client.publish(sets(60), "--tag", "v2.0.0").returncode == 0
    first, second = (hub.repos[NAME].tags[t] for t in ("v1.0.0", "v2.0.0"))
    assert first != second == hub.repos[NAME].head
    assert client.python(ROWS, NAME, "v1.0.0") == "70"
    assert client.python(ROWS, NAME, "v2.0.0") == "60"
    assert client.publish(sets(60), "--tag", "v2.0.0").returncode == 0


def test_private_sets_are_for_their_owner(hub, either, sets):
    assert either.publish(sets(60), "--private").returncode == 0
    assert hub.repos[NAME].private
    assert either.python(LOAD, NAME, "test") == pixels(quick(60), "test")
    for token in ("", STRANGER):
        done = either.run("-c", LOAD, NAME, "test", HF_TOKEN=token, HF_HOME=str(either.place / f"other{token}"))
        assert done.returncode == 1 and "DatasetNotFoundError" in done.stderr
    assert not hub.leaks


def test_a_public_set_is_not_taken_for_a_private_one(hub, client, sets):
    client.publish(sets(60))
    done = client.publish(sets(60), "--private")
    assert done.returncode == 2 and "is public already" in done.stderr


def test_a_dry_run_tells_and_changes_nothing(hub, client, sets):
    done = client.publish(sets(1300), "--dry-run", "--private", "--tag", "v1")
    assert done.returncode == 0, done.stderr
    assert "send    data/train-00001-of-00002.parquet" in done.stdout
    assert "to subsynth/sub_en, to be created as a private one, tagged v1" in done.stdout
    assert not hub.repos and not hub.count("POST", "")
    client.publish(sets(2600))
    done = client.publish(sets(1300), "--dry-run")
    assert "delete  data/train-00002-of-00003.parquet" in done.stdout
    assert len(hub.repos[NAME].log()) == 1


def test_a_dry_run_needs_neither_token_nor_network(client, sets):
    done = client.publish(sets(1300), "--dry-run", HF_TOKEN="", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0 and "11 files" in done.stdout
    assert "what lies there already is unknown" in done.stderr


@pytest.fixture
def copy(sets, tmp_path):
    shutil.copytree(sets(60), tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("name", ["data/test-00000-of-00001.parquet", "LICENSES.md", "assets/ground-truth.png"])
def test_a_directory_that_does_not_verify_is_refused(hub, client, copy, name):
    (copy / name).unlink()
    done = client.publish(copy)
    assert done.returncode == 2 and f"{name.removeprefix('data/')}: is missing" in done.stderr
    assert not hub.repos


def test_a_flipped_bit_is_refused(hub, client, copy):
    shard = copy / "data/train-00000-of-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    done = client.publish(copy)
    assert done.returncode == 2 and "train-00000-of-00001.parquet" in done.stderr
    assert not hub.repos


def test_a_card_of_another_set_is_refused(hub, client, copy, sets):
    shutil.copy(sets(70) / "README.md", copy)
    done = client.publish(copy)
    assert done.returncode == 2 and "README.md: counts other rows than the manifest" in done.stderr


def test_the_owner_s_words_in_the_card_and_scores_are_published(hub, client, copy):
    card = copy / "README.md"
    card.write_text(card.read_text() + "\nThanks to Ada.\n")
    rows = [{"method": "Otsu", "F-measure": 0.51234567}, {"method": "Sauvola", "F-measure": 0.25}]
    (copy / "scores.json").write_text(json.dumps({"command": "score --data x", "split": "test", "rows": rows}))
    assert client.publish(copy).returncode == 0
    text = content(hub, "README.md").decode()
    assert "Thanks to Ada." in text and "| Otsu | 0.5123 |" in text
    assert text.index("## Baselines") < text.index("## Intended use")
    assert "up to date" in client.publish(copy).stdout
    (copy / "scores.json").write_text("[]")
    assert "scores.json: not scores that can be read" in client.publish(copy).stderr


@pytest.mark.parametrize(
    ("token", "word"),
    [
        ("", "hf auth login"),
        ("hf_wrong_token", "does not accept your token (401)"),
        (READER, "needs the role `write`"),
        (STRANGER, "rights in 'subsynth'"),
    ],
)
def test_who_may_not_is_told_so_at_once(hub, client, sets, token, word):
    done = client.publish(sets(60), HF_TOKEN=token)
    assert done.returncode == 2 and word in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (token and token in done.stdout + done.stderr)
    assert not hub.repos


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--repo", "sub_en"], "namespace/name"),
        (["--repo", "a/b/c"], "a/b/c"),
        (["--repo", "sub synth/en"], "sub synth/en"),
        (["--tag", "v 1"], "--tag 'v 1'"),
        (["--tag", "../x"], "--tag '../x'"),
    ],
)
def test_names_that_cannot_be_are_refused(hub, client, sets, flags, word):
    done = client.publish(sets(60), *flags)
    assert done.returncode == 2 and word in done.stderr and len(done.stderr.splitlines()) == 1
    assert not hub.requests


def test_offline_and_unreachable_are_told(client, sets):
    done = client.publish(sets(60), HF_HUB_OFFLINE="1")
    assert done.returncode == 2 and "HF_HUB_OFFLINE is set" in done.stderr
    done = client.publish(sets(60), HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 2 and "http://127.0.0.1:9" in done.stderr
    assert len(done.stderr.splitlines()) == 6 and "6 times in a row" in done.stderr


def test_the_token_is_nowhere(hub, either, sets, tmp_path):
    """Neither in what is printed, nor in what is sent as content, nor in the directory."""
    hub.fail("POST", "/commit/", 503)
    done = either.publish(sets(60), HF_DEBUG="1")
    assert done.returncode == 0 and OWNER not in done.stdout
    assert OWNER not in done.stderr.replace("Authorization", "")
    assert not any(OWNER.encode() in p.read_bytes() for p in sets(60).rglob("*") if p.is_file())
    assert not any(OWNER.encode() in p.read_bytes() for p in hub.folder.iterdir())


def test_nothing_is_written_into_the_directory(client, copy):
    for path in [copy, *copy.rglob("*")]:
        os.utime(path, (1, 1))
    assert client.publish(copy).returncode == 0
    assert all(p.stat().st_mtime == 1 for p in [copy, *copy.rglob("*")])
