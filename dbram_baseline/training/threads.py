"""The threads of a training run on a CPU that other processes use too."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

STATISTICS = Path("/proc/stat")  # Linux only
SECONDS = 0.3  # for which the load is measured


def advice_on_threads(threads: int, cores: int, busy: float) -> str:
    """What to tell about `threads` threads on `cores` cores of which `busy` are used by others; "" if there is room.

    Threads of a step wait for the slowest one: two on two busy cores train at a quarter of the speed of a single one.
    """
    room = max(1, cores - round(busy))
    if threads <= room:
        return ""
    return (
        f"{busy:.1f} of {cores} cores are busy with other work, so that {threads} threads wait for each other; "
        f"OMP_NUM_THREADS={room} is faster"
    )


def advice_for_this_machine() -> str:
    """The advice for this process, which must be idle while the load is measured; "" where that is impossible."""
    before = _busy_and_total()
    time.sleep(SECONDS if before else 0)
    after = _busy_and_total()
    if not before or not after or after[1] <= before[1]:
        return ""
    share = (after[0] - before[0]) / (after[1] - before[1])
    cores = os.cpu_count() or 1
    return advice_on_threads(torch.get_num_threads(), cores, share * cores)


def _busy_and_total() -> tuple[int, int] | None:
    """The time that all cores were busy, and the whole time, in ticks since the machine started."""
    try:
        ticks = [int(value) for value in STATISTICS.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = sum(ticks[3:5])  # idle, and waiting for a disk
    return sum(ticks) - idle, sum(ticks)
