"""Images per second of the full DB-RAM on this machine's device, in training and inference."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gpu_machine import machine

from dbram_baseline.data.sources import Resident
from dbram_baseline.data.tensors import as_input, as_target
from dbram_baseline.networks.device import select_device
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.networks.inference import fold_batch_norms
from dbram_baseline.training.config import build_config
from dbram_baseline.training.graphed_step import GraphedStep
from dbram_baseline.training.loop import build_networks
from dbram_baseline.training.optimizer import adam
from dbram_baseline.training.step import Learner, Step, paired_step

SYNCHRONIZED = "bf16, synchronized at each step"
GRAPH = "bf16, as a CUDA graph"
BATCHES = 8  # different batches that are used in turn


@dataclass(frozen=True)
class Rate:
    """A row of speed.json: images per second of the median, the slowest and the fastest block of calls."""

    task: str  # "training" or "inference"
    batch: int
    mode: str
    width: int
    images_per_s: float
    slowest: float
    fastest: float
    total_seconds: float
    peak_gb: float | None  # of the GPU's memory


def speed(out: Path, tiny: bool, compile_seconds: float) -> int:
    """Write speed.json and speed.md. What is compiled runs in a process of its own, for at most `compile_seconds`."""
    rates = list(measure(compiled=False, tiny=tiny))
    write(out, rates, "")
    lines = out / "speed-compiled.jsonl"
    lines.unlink(missing_ok=True)
    command = [sys.executable, str(Path(__file__).with_name("gpu.py")), "speed", "--compiled", "--out", str(out)]
    command += ["--tiny"] * tiny
    child = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        errors = child.communicate(timeout=compile_seconds)[1].strip().splitlines()
        message = f"torch.compile failed: {' '.join(errors[-1:])}" if child.returncode else ""
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        message = f"torch.compile was stopped after {compile_seconds:.0f} s"
    if lines.exists():
        rates += [Rate(**json.loads(line)) for line in lines.read_text().splitlines()]
    print(write(out, rates, message))
    return 0


def speed_compiled(out: Path, tiny: bool) -> int:
    """Append each rate of the compiled network to speed-compiled.jsonl as soon as it is measured."""
    with (out / "speed-compiled.jsonl").open("a") as file:
        for rate in measure(compiled=True, tiny=tiny):
            print(json.dumps(dataclasses.asdict(rate)), file=file, flush=True)
    return 0


def measure(compiled: bool, tiny: bool) -> Iterator[Rate]:
    device = select_device("auto")
    cuda = device.type == "cuda"
    width, batches = (8, (2, 4)) if tiny else (64, (16, 64))
    for task in ("training", "inference"):
        modes = ["bf16, compiled"] if compiled else ["bf16", "fp32"]
        modes += [SYNCHRONIZED, GRAPH] if cuda and task == "training" and not compiled else []
        for batch in batches:
            for mode in modes:
                torch.compiler.reset()  # a size does not profit from the one before
                if cuda:
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
                start = time.monotonic()
                prepare = training if task == "training" else inference
                seconds = time_blocks(prepare(width, batch, device, mode), device, tiny)
                yield Rate(
                    task, batch, mode, width,
                    batch / statistics.median(seconds), batch / max(seconds), batch / min(seconds),
                    time.monotonic() - start, torch.cuda.max_memory_allocated() / 1e9 if cuda else None,
                )  # fmt: skip


def training(width: int, batch: int, device: torch.device, mode: str) -> Callable[[int], None]:
    """A step of the preset `paper`, with batches from the same source as in training."""
    torch.manual_seed(0)
    config = build_config("paper", {"width": width, "discriminator_width": width})
    networks = {k: n.to(device, memory_format=torch.channels_last) for k, n in build_networks(config).items()}
    optimizers = {k: adam(n.parameters(), config.lr, config.beta1, device) for k, n in networks.items()}
    if mode.endswith("compiled"):
        networks = {k: torch.compile(n) for k, n in networks.items()}
    learner = Learner(config, networks, optimizers, bf16=mode.startswith("bf16"))
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(BATCHES * batch + 1, 32, 280, 3), dtype=np.uint8)
    truths = np.where(rng.random(images.shape[:3]) < 0.1, 0, 255).astype(np.uint8)
    source = Resident(images, truths, 1, 0, device)
    train_step: Step = GraphedStep(paired_step) if mode == GRAPH else paired_step

    def step(number: int) -> None:
        batch_images, batch_truths = source.batch(number, batch)
        train_step(learner, as_input(batch_images), as_target(batch_truths))
        if mode == SYNCHRONIZED:
            torch.cuda.synchronize()

    return step


def inference(width: int, batch: int, device: torch.device, mode: str) -> Callable[[int], None]:
    """The network on uint8 images that are on the device already, as `score` runs it."""
    torch.manual_seed(0)
    dtype = torch.bfloat16 if mode.startswith("bf16") else torch.float32
    network = fold_batch_norms(build_generator("dbram", width)).to(device, dtype, memory_format=torch.channels_last)
    if mode.endswith("compiled"):
        network = torch.compile(network)
    shape = (batch, 3, 32, 280)
    images = [torch.randint(256, shape, dtype=torch.uint8, device=device) for _ in range(BATCHES)]

    @torch.no_grad()
    def infer(number: int) -> None:
        network(as_input(images[number % BATCHES]).to(dtype))

    return infer


def time_blocks(function: Callable[[int], None], device: torch.device, tiny: bool) -> list[float]:
    """Seconds per call in each of several blocks of calls; the argument of `function` is the number of the call."""
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    number = 0

    def block(calls: int) -> float:
        nonlocal number
        synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            function(number)
            number += 1
        synchronize()
        return (time.perf_counter() - start) / calls

    block(1 if tiny else 10)  # warms up
    calls = 1 if tiny else max(5, math.ceil(0.4 / block(10)))
    return [block(calls) for _ in range(2 if tiny else 5)]


def write(out: Path, rates: list[Rate], message: str) -> str:
    """Write speed.json and speed.md, with a message about torch.compile; return the Markdown."""
    hardware = machine()
    lines = [
        f"DB-RAM, width {rates[0].width}, 32 x 280 px, {hardware['device']}, torch {hardware['torch']}: images/s, the "
        "median of five blocks (slowest to fastest). fp32 is torch's default: TF32 in convolutions.\n",
        "| | batch | images/s | | ms per batch | peak GB |",
        "|---|---|---|---|---|---|",
    ]
    for r in sorted(rates, key=lambda r: (r.task != "training", r.batch)):
        peak = "" if r.peak_gb is None else f"{r.peak_gb:.2f}"
        cells = [f"{r.task}, {r.mode}", f"{r.batch}", f"{r.images_per_s:,.0f}", f"{r.slowest:,.0f} to {r.fastest:,.0f}"]
        lines.append(f"| {' | '.join([*cells, f'{1000 * r.batch / r.images_per_s:.2f}', peak])} |")
    text = "\n".join([*lines, *([f"\n{message}"] if message else [])]) + "\n"
    (out / "speed.md").write_text(text)
    record = {"machine": hardware, "compile": message, "rows": [dataclasses.asdict(r) for r in rates]}
    (out / "speed.json").write_text(json.dumps(record, indent=1) + "\n")
    return text
