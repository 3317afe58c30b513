"""Worker processes: Ctrl-C is handled by their parent alone, and they end with it, even if it is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

POLL_SECONDS = 0.5
T = TypeVar("T")


def become_worker(parent: int) -> None:
    """Make this process a worker of the process `parent`: it ignores Ctrl-C, and ends when that process has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)


def end_with_parent(parent: int) -> None:
    """From now on, end this process, with exit code 1, when the process `parent` has ended, even if it was killed."""
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Within it Ctrl-C waits, and processes that are started never see it: not even before they can ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def submit(pool: ProcessPoolExecutor, function: Callable[..., T], *arguments: Any) -> Future[T]:
    """Submit a call to a pool, which may start processes for it; Ctrl-C waits meanwhile.

    Raises BrokenProcessPool if a process of the pool has died. While another one is started, this closes the pipes of
    the pool, which Python itself reports as an OSError.
    """
    with interrupts_blocked():
        try:
            return pool.submit(function, *arguments)
        except (OSError, ValueError) as error:
            if pool._broken:
                raise BrokenProcessPool("a process ended while another one was started") from error
            raise


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)
