"""The Ray engine on a real cluster of several nodes, one of which dies, writing to a real S3 server."""

import os
import subprocess
import sys
import time

import pytest

from scale.conftest import files
from subsynth import Spec, WorkerError, sub_en
from subsynth.build.build import build_dataset
from subsynth.build.engines import find_engine
from subsynth.build.worker import RenderJob
from subsynth.core.progress import NoProgress
from subsynth.format.shard_list import list_shards

SPEC = "lang: en\nn: 6000\nn_test: 100\nfonts: {families: [Arimo, Kalam]}\nbackground: {p_procedural: 1.0}\n"


@pytest.fixture
def cluster(bucket, monkeypatch):
    """A head node without processors. The nodes that a test adds reach the bucket by their environment."""
    for key, value in (bucket.env | {"RAY_USAGE_STATS_ENABLED": "0"}).items():
        monkeypatch.setenv(key, value)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
def test_the_death_of_a_node_loses_no_shard(bucket, tmp_path, cluster):
    nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]
    (tmp_path / "spec.yaml").write_text(SPEC)
    flags = ["--spec", str(tmp_path / "spec.yaml"), "--out", bucket.address("set")]
    run = subprocess.Popen(
        [sys.executable, "-m", "subsynth", "render", *flags, "--engine", "ray"],
        env=os.environ | bucket.env | {"RAY_ADDRESS": cluster.address},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(bucket.fs.find(f"{bucket.name}/set/data"))) < 4:
        assert run.poll() is None and time.monotonic() < deadline, run.communicate()
        time.sleep(0.1)
    cluster.remove_node(nodes[1], allow_graceful=False)
    output, error = run.communicate(timeout=240)
    assert run.returncode == 0, error
    assert "wrote 6,000 train" in output
    bucket.render("render", "--spec", tmp_path / "spec.yaml", "--out", tmp_path / "local")
    assert bucket.files("set") == files(tmp_path / "local")


@pytest.mark.slow
def test_a_cluster_is_started_if_none_runs(tmp_path, monkeypatch):
    """Relative paths in a spec are relative to the working directory of the command, on every machine."""
    text = "".join(f"This is line number {i}\n" for i in range(300))
    (tmp_path / "lines.txt").write_text(text)
    (tmp_path / "spec.yaml").write_text("lang: en\ntext: {files: [lines.txt]}\n")
    args = ["render", "--spec", "spec.yaml", "--n", 1300, "--n-test", 10, "--workers", 2]

    def render(*more):
        return subprocess.run(
            [sys.executable, "-m", "subsynth", *map(str, args), *map(str, more)],
            cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip

    result = render("--out", "set", "--engine", "ray")
    assert result.returncode == 0, result.stderr
    monkeypatch.chdir(tmp_path)
    build_dataset(Spec.load("spec.yaml", n=1300, n_test=10), "local", workers=1)
    assert files(tmp_path / "set") == files(tmp_path / "local")


def test_an_address_without_a_cluster(run, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    result = run("render", "--n", 3, "--engine", "ray", "--out", "set", timeout=180)
    assert result.code == 2 and "127.0.0.1:1" in result.err and len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "set").exists()


def test_the_error_without_ray_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    spec = sub_en(n=3)
    with pytest.raises(WorkerError, match=r"pip install 'subsynth\[ray\]'"):
        list(find_engine("ray")(RenderJob(spec, "set", "", 250), list_shards(spec), None, NoProgress()))
