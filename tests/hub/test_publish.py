"""Publishing: what the hub holds afterwards and what is rejected, with the real client over real HTTP."""

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
    """SHA-256 of every file on the hub, as it would be downloaded, except the hub's own .gitattributes."""
    tree = hub.repos[NAME].at("main").tree
    return {p: hashlib.sha256(hub.read(f)).hexdigest() for p, f in tree.items() if p != ".gitattributes"}


def expected(directory):
    files = {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}
    files["README.md"] = files["README.md"].replace(b'load_dataset("sub_en"', f'load_dataset("{NAME}"'.encode())
    return {p: hashlib.sha256(b).hexdigest() for p, b in files.items()}


def test_one_commit_holds_all_files(hub, either, sets):
    result = either.publish(sets(2600))
    assert result.returncode == 0 and "published 12 files" in result.stdout, result.stderr
    assert not result.stderr
    assert digests(hub) == expected(sets(2600))
    assert [c.title for c in hub.repos[NAME].log()] == ["subsynth 0.1.0"]
    assert not hub.repos[NAME].private
    assert not hub.leaks


def test_publishing_twice_sends_and_commits_nothing(hub, either, sets):
    assert either.publish(sets(60), "--tag", "v1.0.0").returncode == 0
    sent, commits = hub.uploaded(), len(hub.repos[NAME].commits)
    again = either.publish(sets(60), "--tag", "v1.0.0")
    assert again.returncode == 0 and "up to date" in again.stdout
    assert (hub.uploaded(), len(hub.repos[NAME].commits)) == (sent, commits)
    assert hub.count("POST", "/tag/") == 1


def test_obsolete_shards_are_deleted_in_the_same_commit(hub, either, sets):
    """Old shards would be read beside the new ones."""
    either.publish(sets(2600))
    hub.repos[NAME].commit("by hand", hub.repos[NAME].at("main").tree | {"notes.txt": hub.put_small(b"mine")})
    result = either.publish(sets(1300))
    assert "without 3 that are no longer part of it" in result.stdout, result.stderr
    assert len(hub.repos[NAME].log()) == 3
    assert content(hub, "notes.txt") == b"mine"
    assert sorted(p for p in digests(hub) if p.startswith("data/")) == [
        "data/test-00000-of-00001.parquet", "data/test_hard-00000-of-00001.parquet",
        "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet",
    ]  # fmt: skip
    assert either.python(LOAD, NAME, "train") == pixels(quick(1300), "train")


def test_only_differing_files_are_sent(hub, client, sets):
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
    assert moved.returncode == 2 and "tag 'v1.0.0' names another data set already" in moved.stderr
    assert len(hub.repos[NAME].log()) == 1
    assert client.publish(sets(60), "--tag", "v2.0.0").returncode == 0
    first, second = (hub.repos[NAME].tags[t] for t in ("v1.0.0", "v2.0.0"))
    assert first != second == hub.repos[NAME].head
    assert client.python(ROWS, NAME, "v1.0.0") == "70"
    assert client.python(ROWS, NAME, "v2.0.0") == "60"
    assert client.publish(sets(60), "--tag", "v2.0.0").returncode == 0


def test_private_sets_are_readable_by_their_owner_only(hub, either, sets):
    assert either.publish(sets(60), "--private").returncode == 0
    assert hub.repos[NAME].private
    assert either.python(LOAD, NAME, "test") == pixels(quick(60), "test")
    for token in ("", STRANGER):
        result = either.run("-c", LOAD, NAME, "test", HF_TOKEN=token, HF_HOME=str(either.folder / f"other{token}"))
        assert result.returncode == 1 and "DatasetNotFoundError" in result.stderr
    assert not hub.leaks


def test_a_public_repository_does_not_become_private(hub, client, sets):
    client.publish(sets(60))
    result = client.publish(sets(60), "--private")
    assert result.returncode == 2 and "is public already" in result.stderr


def test_a_dry_run_reports_and_changes_nothing(hub, client, sets):
    result = client.publish(sets(1300), "--dry-run", "--private", "--tag", "v1")
    assert result.returncode == 0, result.stderr
    assert "send    data/train-00001-of-00002.parquet" in result.stdout
    assert "to subsynth/sub_en, to be created as a private one, tagged v1" in result.stdout
    assert not hub.repos and not hub.count("POST", "")
    client.publish(sets(2600))
    result = client.publish(sets(1300), "--dry-run")
    assert "delete  data/train-00002-of-00003.parquet" in result.stdout
    assert len(hub.repos[NAME].log()) == 1


def test_a_dry_run_needs_neither_token_nor_network(client, sets):
    result = client.publish(sets(1300), "--dry-run", HF_TOKEN="", HF_ENDPOINT="http://127.0.0.1:9")
    assert result.returncode == 0 and "11 files" in result.stdout
    assert "what the hub holds already is unknown" in result.stderr


@pytest.fixture
def copy(sets, tmp_path):
    shutil.copytree(sets(60), tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("name", ["data/test-00000-of-00001.parquet", "LICENSES.md", "assets/ground-truth.png"])
def test_an_incomplete_directory_is_rejected(hub, client, copy, name):
    (copy / name).unlink()
    result = client.publish(copy)
    assert result.returncode == 2 and f"{name.removeprefix('data/')}: is missing" in result.stderr
    assert not hub.repos


def test_a_flipped_bit_is_rejected(hub, client, copy):
    shard = copy / "data/train-00000-of-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    result = client.publish(copy)
    assert result.returncode == 2 and "train-00000-of-00001.parquet" in result.stderr
    assert not hub.repos


def test_the_card_of_another_set_is_rejected(hub, client, copy, sets):
    shutil.copy(sets(70) / "README.md", copy)
    result = client.publish(copy)
    assert result.returncode == 2 and "README.md: counts other rows than the manifest" in result.stderr


def test_an_edited_card_and_scores_are_published(hub, client, copy):
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
def test_missing_permissions_fail_immediately(hub, client, sets, token, word):
    result = client.publish(sets(60), HF_TOKEN=token)
    assert result.returncode == 2 and word in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (token and token in result.stdout + result.stderr)
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
def test_invalid_names_are_rejected(hub, client, sets, flags, word):
    result = client.publish(sets(60), *flags)
    assert result.returncode == 2 and word in result.stderr and len(result.stderr.splitlines()) == 1
    assert not hub.requests


def test_offline_mode_and_an_unreachable_hub(client, sets):
    result = client.publish(sets(60), HF_HUB_OFFLINE="1")
    assert result.returncode == 2 and "HF_HUB_OFFLINE is set" in result.stderr
    result = client.publish(sets(60), HF_ENDPOINT="http://127.0.0.1:9")
    assert result.returncode == 2 and "http://127.0.0.1:9" in result.stderr
    assert len(result.stderr.splitlines()) == 6 and "6 times in a row" in result.stderr


def test_the_token_appears_nowhere(hub, either, sets, tmp_path):
    """Neither in the output, nor in the content that is sent, nor in the directory."""
    hub.fail("POST", "/commit/", 503)
    result = either.publish(sets(60), HF_DEBUG="1")
    assert result.returncode == 0 and OWNER not in result.stdout
    assert OWNER not in result.stderr.replace("Authorization", "")
    assert not any(OWNER.encode() in p.read_bytes() for p in sets(60).rglob("*") if p.is_file())
    assert not any(OWNER.encode() in p.read_bytes() for p in hub.folder.iterdir())


def test_nothing_is_written_into_the_directory(client, copy):
    for path in [copy, *copy.rglob("*")]:
        os.utime(path, (1, 1))
    assert client.publish(copy).returncode == 0
    assert all(p.stat().st_mtime == 1 for p in [copy, *copy.rglob("*")])
