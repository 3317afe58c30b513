"""Advice on the number of threads where other processes keep the cores busy."""

import subprocess
import sys

import pytest

from dbram_baseline.training import threads


@pytest.mark.parametrize(
    "number, cores, busy, better",
    [
        (2, 2, 0.0, 0),
        (2, 2, 0.4, 0),
        (2, 2, 0.8, 1),
        (2, 2, 2.0, 1),
        (1, 2, 2.0, 0),
        (8, 16, 7.9, 0),
        (16, 16, 4.2, 12),
    ],
)
def test_the_advice_leaves_busy_cores_to_others(number, cores, busy, better):
    advice = threads.advice_on_threads(number, cores, busy)
    assert advice == "" if not better else f"OMP_NUM_THREADS={better} is faster" in advice


@pytest.mark.skipif(not threads.STATISTICS.exists(), reason="needs Linux")
def test_the_load_of_this_machine_is_noticed(monkeypatch):
    monkeypatch.setattr(threads.torch, "get_num_threads", lambda: threads.os.cpu_count() or 1)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(threads.os.cpu_count() or 1)]
    try:
        assert "are busy with other work" in threads.advice_for_this_machine() or threads.os.cpu_count() == 1
    finally:
        for process in busy:
            process.kill()
            process.wait()
