"""The processes that train together, started by torchrun."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import distributed

from dbram_baseline.networks.device import select_device


@dataclass(frozen=True)
class ProcessGroup:
    """This process's number and the number of all processes."""

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files of the run."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """The device called `name`; with several processes on GPUs, each has its own."""
        device = select_device(name)
        if device.type == "cuda" and self.world > 1:
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        return device


@contextlib.contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Join the processes that torchrun has started; a single process otherwise."""
    if "RANK" not in os.environ:
        yield ProcessGroup()
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield ProcessGroup(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
