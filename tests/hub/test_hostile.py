"""What is sent is what subsynth wrote and what was verified, whatever else a directory holds or becomes meanwhile."""

import json
import os
import shutil

import pytest

from hub.conftest import NAME
from hub.state import OWNER
from subsynth import OutputError
from subsynth.core.progress import NoProgress
from subsynth.publish import hub as publishing

SHARD = "data/train-00000-of-00001.parquet"
KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def copy(sets, tmp_path):
    shutil.copytree(sets(60), tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def key(tmp_path):
    (tmp_path / "id_rsa").write_bytes(KEY)
    return tmp_path / "id_rsa"


def held(hub):
    """The content of every file on the hub."""
    return [hub.read(f) for repo in hub.repos.values() for f in repo.at("main").tree.values()] if hub.repos else []


@pytest.mark.parametrize("name", ["LICENSES.md", "assets/contact-sheet.png", "README.md", "scores.json", SHARD])
def test_a_link_in_the_place_of_a_file_is_not_followed(hub, client, copy, key, name):
    (copy / name).unlink(missing_ok=True)
    (copy / name).symlink_to(key)
    result = client.publish(copy)
    assert result.returncode == 2 and "symbolic link" in result.stderr and name in result.stderr
    assert len(result.stderr.splitlines()) == 1 and not hub.repos


@pytest.mark.parametrize("name", ["LICENSES.md", "README.md", "scores.json", SHARD])
def test_a_file_with_another_name_elsewhere_is_not_sent(hub, client, copy, tmp_path, name):
    """Whatever it holds: here it is even what subsynth wrote. A copy of the directory is published."""
    private = tmp_path / "private"
    if name == "scores.json":
        private.write_text("{}")
    else:
        (copy / name).rename(private)
    os.link(private, copy / name)
    result = client.publish(copy)
    assert result.returncode == 2 and f"{name}: it has 2 names (hard links)" in result.stderr, result.stderr
    assert len(result.stderr.splitlines()) == 1 and "copy the directory" in result.stderr and not hub.repos
    if name == SHARD:
        shutil.copytree(copy, tmp_path / "again")
        result = client.publish(tmp_path / "again")
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["data", "assets"])
def test_a_folder_that_is_a_link_is_not_followed(hub, client, copy, tmp_path, name):
    (copy / name).rename(tmp_path / "elsewhere")
    (copy / name).symlink_to(tmp_path / "elsewhere")
    result = client.publish(copy)
    assert result.returncode == 2 and "symbolic link" in result.stderr and not hub.repos


@pytest.mark.parametrize("name", ["LICENSES.md", "assets/contact-sheet.png"])
def test_a_fifo_is_refused_before_it_is_read(hub, client, copy, name):
    (copy / name).unlink()
    os.mkfifo(copy / name)
    result = client.publish(copy)
    assert result.returncode == 2 and "a FIFO" in result.stderr and not hub.repos


def test_a_figure_that_is_no_picture_and_a_shard_with_a_foreign_name(hub, client, copy):
    shutil.copy(copy / "assets/ground-truth.png", copy / "figure.png")
    (copy / "assets/ground-truth.png").write_bytes(KEY)
    result = client.publish(copy)
    assert result.returncode == 2 and "ground-truth.png: is not a PNG file" in result.stderr
    shutil.move(copy / "figure.png", copy / "assets/ground-truth.png")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["shards"][0]["file"] = ".github/workflows/run.yml"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    result = client.publish(copy)
    assert result.returncode == 2 and "not the name of a shard" in result.stderr and not hub.repos


class Swapping(NoProgress):
    """Calls a function at the moment when the work starts."""

    def __init__(self, swap):
        self.swap = swap

    def start(self, total, done=0):
        self.swap()


@pytest.mark.parametrize("how", ["content", "link", "growing"])
def test_a_file_swapped_after_its_verification_is_not_sent(hub, copy, key, monkeypatch, how):
    """It is swapped after everything is verified, at the moment when the upload starts."""

    def swap():
        if how == "content":
            (copy / SHARD).write_bytes(KEY + bytes((copy / SHARD).stat().st_size - len(KEY)))
        elif how == "growing":
            os.truncate(copy / SHARD, 1 << 33)
        else:
            (copy / SHARD).unlink()
            (copy / SHARD).symlink_to(key)

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", OWNER)
    monkeypatch.setattr(publishing, "HfApi", lambda: publishing.huggingface_hub.HfApi(hub.url, OWNER))
    with pytest.raises(OutputError, match="symbolic link" if how == "link" else "changed while"):
        publishing.publish(copy, NAME, uploading=Swapping(swap))
    assert not any(KEY.strip() in content for content in held(hub))
    assert not any(KEY.strip() in path.read_bytes() for path in hub.folder.iterdir())


def test_own_files_of_the_set_are_said_and_the_set_is_published(hub, client, tmp_path, sets):
    """What a spec names is not opened to publish: the files, their digests and pixels are verified without it."""
    import dataclasses

    from hub.conftest import quick
    from subsynth.build.build import build_dataset

    (tmp_path / "own.txt").write_text("".join(f"Line number {i} of it\n" for i in range(60)))
    spec = quick(30)
    spec = dataclasses.replace(spec, text=dataclasses.replace(spec.text, files=(str(tmp_path / "own.txt"),)))
    build_dataset(spec, tmp_path / "own" / "sub_en", workers=1)
    (tmp_path / "own.txt").unlink()
    result = client.publish(tmp_path / "own" / "sub_en")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("not rendered again") == 1 and len(result.stderr.splitlines()) == 1


def test_secrets_of_the_endpoint_are_not_printed(client, sets):
    secret = "xq7Sup3rS3cret"
    result = client.publish(sets(60), "--dry-run", HF_ENDPOINT=f"http://ada:{secret}@127.0.0.1:9")
    assert secret not in result.stdout + result.stderr
