"""Pairs rendered for training, in this process or in worker processes that end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np

import subsynth
from dbram_baseline.arrays import U8

SPECS = {"en": subsynth.sub_en, "zh": subsynth.sub_zh}


def render_pairs(language: str, seed: int, split: str, start: int, stop: int, stride: int) -> tuple[U8, U8]:
    """Every `stride`-th pair from `start` to before `stop`: images (N, H, W, 3) and ground truths (N, H, W)."""
    spec = SPECS[language](n=1_000_000_000, n_test=1_000_000, seed=seed)
    pairs = list(subsynth.pairs(spec, split, start, stop))[::stride]
    return np.stack([p.image for p in pairs]), np.stack([p.ground_truth for p in pairs])


def start_worker(parent: int) -> None:
    """Make this process a worker: Ctrl-C is handled by the training process, with which it ends, even if killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """Ctrl-C waits; processes that are started inside never see it, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
