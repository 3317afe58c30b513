"""Ray: a real cluster of several nodes, one of which dies, writing to a real S3 server."""

import os
import subprocess
import sys
import time

import pytest

from scale.conftest import files
from subsynth import Spec, WorkerError, sub_en
from subsynth.build.build import build_dataset
from subsynth.build.engines import engine

SPEC = "lang: en\nn: 10000\nn_test: 100\nfonts: {families: [Arimo, Kalam]}\nbackground: {p_procedural: 1.0}\n"


@pytest.fixture
def cluster(bucket, monkeypatch):
    """A head without processors. Its nodes have their own way to the bucket, as machines of a cluster do."""
    for key, value in (bucket.env | {"RAY_USAGE_STATS_ENABLED": "0"}).items():
        monkeypatch.setenv(key, value)
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    made.shutdown()


@pytest.mark.slow
def test_a_node_dies_and_all_shards_are_there(bucket, tmp_path, cluster):
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
    told, error = run.communicate(timeout=240)
    assert run.returncode == 0, error
    assert "wrote 10,000 train" in told
    bucket.render("render", "--spec", tmp_path / "spec.yaml", "--out", tmp_path / "here")
    assert bucket.files("set") == files(tmp_path / "here")


@pytest.mark.slow
def test_a_cluster_of_its_own(tmp_path, monkeypatch):
    """Without a cluster at hand one is begun; paths in a spec are relative to where the command is given."""
    text = "".join(f"line number {i} is all right\n" for i in range(300))
    (tmp_path / "lines.txt").write_text(text)
    (tmp_path / "spec.yaml").write_text("lang: en\ntext: {files: [lines.txt]}\n")  # beside the working directory
    args = ["render", "--spec", "spec.yaml", "--n", 1300, "--n-test", 10, "--workers", 2]

    def render(*more):
        return subprocess.run(
            [sys.executable, "-m", "subsynth", *map(str, args), *map(str, more)],
            cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip

    done = render("--out", "set", "--engine", "ray")
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    build_dataset(Spec.load("spec.yaml", n=1300, n_test=10), "calm", workers=1)
    assert files(tmp_path / "set") == files(tmp_path / "calm")


def test_no_cluster_at_the_address(run, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    result = run("render", "--n", 3, "--engine", "ray", "--out", "set", timeout=180)
    assert result.code == 2 and "127.0.0.1:1" in result.err and len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "set").exists()


def test_without_ray_one_line_tells_what_to_install(monkeypatch):
    from subsynth.build.worker import Job
    from subsynth.format import shards

    monkeypatch.setitem(sys.modules, "ray", None)
    spec = sub_en(n=3)
    with pytest.raises(WorkerError, match=r"pip install 'subsynth\[ray\]'"):
        list(engine("ray")(Job(spec, "set", ""), shards.shards(spec), None, lambda _: None))
