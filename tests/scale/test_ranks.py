"""Ranks: parts are rendered in any order, by any processes, and merged into the data set of a single run."""

import os
import signal
import subprocess
import sys
import time

import pytest

from scale.conftest import files
from subsynth import OutputError, Spec
from subsynth.build.build import build_dataset, merge_ranks
from subsynth.storage import paths


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory):
    """English without photographs: four shards of train and one of each other split."""
    file = tmp_path_factory.mktemp("spec") / "spec.yaml"
    file.write_text(
        "lang: en\nn: 3800\nn_test: 100\nfonts: {families: [Arimo, Kalam]}\nbackground: {p_procedural: 1.0}\n"
    )
    return file


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, spec_file):
    """The files of one local run without ranks."""
    out = tmp_path_factory.mktemp("undisturbed") / "set"
    subprocess.run([sys.executable, "-m", "subsynth", "render", "--spec", spec_file, "--out", out], check=True)
    return files(out)


def test_ranks_in_any_order_with_one_killed_and_run_again(bucket, monkeypatch, spec_file, undisturbed):
    for key, value in bucket.env.items():
        monkeypatch.setenv(key, value)
    out, spec = bucket.address("set"), Spec.load(spec_file)
    first = f"{bucket.name}/set/{paths.SCRATCH}/train-00000-of-00004.parquet.json"

    def stored():
        return bucket.files("set")

    build_dataset(spec, out, workers=1, rank=(3, 4))
    early = bucket.render("merge", out, check=False)
    assert early.returncode == 2 and "6 of 7 shards are not finished" in early.stderr
    assert paths.MANIFEST not in stored()
    flags = ["--spec", spec_file, "--rank", 0, "--world-size", 4, "--out", out, "--workers", 1]
    victim = subprocess.Popen(
        [sys.executable, "-m", "subsynth", "render", *map(str, flags)],
        env=os.environ | bucket.env, start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not bucket.fs.exists(first):
        assert victim.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    for rank in (2, 1):
        build_dataset(spec, out, workers=1, rank=(rank, 4))
    with pytest.raises(OutputError, match="1 of 7 shards are not finished"):
        merge_ranks(out)
    output = bucket.render("render", *flags).stdout
    assert "100 of its 1,350" in output and "1,250 pairs were finished before" in output and "subsynth merge" in output
    assert "complete" in bucket.render("merge", out).stdout
    assert stored() == undisturbed
    merge_ranks(out)  # a second merge changes nothing
    assert stored() == undisturbed
    assert build_dataset(spec, out, workers=1, rank=(1, 4)).rendered == 0
    assert build_dataset(spec, out, workers=1).rendered == 0
    assert stored() == undisturbed


def test_concurrent_ranks_in_one_directory(bucket, tmp_path, spec_file, undisturbed):
    out = str(tmp_path / "set")
    parts = [
        subprocess.Popen(
            [sys.executable, "-m", "subsynth", "render", "--spec", spec_file, "--rank", str(rank),
             "--world-size", "3", "--out", out, "--workers", "1"]
        )
        for rank in range(3)
    ]  # fmt: skip
    early = bucket.render("merge", out, check=False)  # while they write
    assert early.returncode == 2
    assert [part.wait(timeout=120) for part in parts] == [0, 0, 0]
    bucket.render("merge", out)
    assert files(tmp_path / "set") == undisturbed


def test_a_run_without_ranks_finishes_what_ranks_started(small, tmp_path):
    build_dataset(small, tmp_path / "expected", workers=1)
    build_dataset(small, tmp_path / "set", workers=1, rank=(1, 3))
    result = build_dataset(small, tmp_path / "set", workers=1)
    assert result.resumed == 10 and files(tmp_path / "set") == files(tmp_path / "expected")


def test_more_ranks_than_shards(small, tmp_path):
    rendered = [build_dataset(small, tmp_path / "set", workers=1, rank=(r, 9)).rendered for r in range(9)]
    assert sum(rendered) == 60 and rendered[4:] == [0] * 5
    assert merge_ranks(tmp_path / "set").pairs == 60


def test_merge_needs_a_data_set(tmp_path, small):
    with pytest.raises(OutputError, match=r"no spec\.yaml there"):
        merge_ranks(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / paths.SPEC).write_text("lang: xx\n")
    with pytest.raises(OutputError, match="cannot read"):
        merge_ranks(tmp_path / "else")


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--rank", 1], "need each other"),
        (["--world-size", 2], "need each other"),
        (["--rank", 2, "--world-size", 2], "--rank is 2"),
        (["--rank", -1, "--world-size", 2], "--rank is -1"),
        (["--rank", 0, "--world-size", 0], "--world-size 0"),
        (["--rank", 0, "--world-size", 2, "--engine", "ray"], "does not combine"),
        (["--rank", 0, "--world-size", 2, "--overwrite"], "other ranks"),
        (["--engine", "spark"], "'spark'"),
    ],
)
def test_invalid_combinations_of_options(run, flags, word):
    result = run("render", "--n", 3, *flags)
    assert result.code == 2 and word in result.err and len(result.err.strip().splitlines()) == 1
