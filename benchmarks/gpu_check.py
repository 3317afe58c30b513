"""Compare one training step of each generator on this machine's device with the same step in float64 on the CPU, and
steps as a CUDA graph with the same steps without one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from gpu_machine import machine
from torch import Tensor

from dbram_baseline.data.tensors import as_input, as_target, to_batch
from dbram_baseline.model import Attention
from dbram_baseline.networks.device import select_device
from dbram_baseline.training.config import build_config
from dbram_baseline.training.graphed_step import GraphedStep
from dbram_baseline.training.loop import build_networks
from dbram_baseline.training.optimizer import adam, set_learning_rate
from dbram_baseline.training.step import Learner, paired_step
from subsynth import pairs, sub_en

MODELS = ("dbram", "nonlocal", "only-lstm", "nonlocal-bilstm", "resnet6", "pix2pix")
# Of the relative error ||ours - reference|| / ||reference||. Factors have 11 significant bits in TF32, which torch uses
# for convolutions on CUDA by default, and 8 in bf16.
TOLERANCES = {
    "fp32": {"forward": 1e-4, "losses": 1e-4, "gradients": 5e-3},
    "tf32": {"forward": 5e-3, "losses": 1e-3, "gradients": 5e-2},
    "bf16": {"forward": 5e-2, "losses": 1e-2, "gradients": 2e-1},
}
STEPS = 20  # with and without a CUDA graph
GRAPH_TOLERANCE = 1e-2  # of a relative difference after these steps, in which sums of other orders have grown


def check(out: Path, tiny: bool) -> int:
    """Print and write the errors; 1 if one exceeds its tolerance."""
    device = select_device("auto")
    width, batch = (8, 2) if tiny else (16, 4)
    precisions = ["fp32", "tf32", "bf16"] if device.type == "cuda" else ["fp32", "bf16"]
    rows, exceeded = [], 0
    print(f"{machine()['device']}: relative errors against float64 on the CPU; width {width}\n")
    print("| model | | CPU fp32 | " + " | ".join(precisions) + " |\n|---|---|---|" + "---|" * len(precisions))
    for model in MODELS:
        for quantity, errors in relative_errors(model, width, batch, device, precisions).items():
            bad = [p for p in precisions if not errors[p] <= TOLERANCES[p][quantity]]  # nan is bad too
            exceeded += len(bad)
            cells = [f"{e:.1e}{' EXCEEDED' if p in bad else ''}" for p, e in errors.items()]
            print(f"| {model} | {quantity} | " + " | ".join(cells) + " |")
            rows.append({"model": model, "quantity": quantity, "errors": errors, "exceeded": bad})
    record = {"machine": machine(), "width": width, "batch": batch, "tolerances": TOLERANCES, "rows": rows}
    (out / "check.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"\n{exceeded} of {len(rows) * len(precisions)} errors exceed their tolerance")
    return 1 if exceeded else 0


def relative_errors(
    model: str, width: int, batch: int, device: torch.device, precisions: list[str]
) -> dict[str, dict[str, float]]:
    """By the quantity, then by the precision; float32 on the CPU is among them, for scale."""
    cpu = torch.device("cpu")
    reference = one_step(model, width, batch, cpu, torch.float64, bf16=False)
    results = {"CPU fp32": one_step(model, width, batch, cpu, torch.float32, bf16=False)}
    for precision in precisions:
        torch.backends.cudnn.allow_tf32 = precision != "fp32"
        results[precision] = one_step(model, width, batch, device, torch.float32, bf16=precision == "bf16")
    return {
        quantity: {p: float((r[quantity] - exact).norm() / exact.norm()) for p, r in results.items()}
        for quantity, exact in reference.items()
    }


def one_step(
    model: str, width: int, batch: int, device: torch.device, dtype: torch.dtype, *, bf16: bool
) -> dict[str, Tensor]:
    """The output of a new network on rendered pairs, the losses of one step, and the generator's gradients in it."""
    torch.manual_seed(0)
    config = build_config("demo", {"model": model, "width": width, "discriminator_width": width})
    networks = build_networks(config)
    for module in networks["generator"].modules():
        if isinstance(module, Attention):
            torch.nn.init.constant_(module.alpha, 0.5)  # with its initial value, 0, the attention has no effect
    networks = {k: n.to(device, dtype, memory_format=torch.channels_last) for k, n in networks.items()}
    optimizers = {k: torch.optim.Adam(n.parameters(), config.lr, (config.beta1, 0.999)) for k, n in networks.items()}
    learner = Learner(config, networks, optimizers, bf16)
    samples = list(pairs(sub_en(), "test", 0, batch))
    images = to_batch(np.stack([p.image for p in samples])).to(device)
    truths = torch.from_numpy(np.stack([p.ground_truth for p in samples])).to(device)
    inputs, targets = as_input(images).to(dtype), as_target(truths).to(dtype)
    with torch.no_grad(), learner.autocast(device):
        output = networks["generator"](inputs)
    terms = paired_step(learner, inputs, targets)
    gradients = torch.cat([p.grad.flatten() for p in networks["generator"].parameters() if p.grad is not None])
    losses = torch.stack([term.detach() for term in terms.values()])
    return {k: v.double().cpu() for k, v in (("forward", output), ("losses", losses), ("gradients", gradients))}


def check_graphs(out: Path, tiny: bool) -> int:
    """Print and write the differences between STEPS steps with and without a graph; 1 if one exceeds its tolerance."""
    device = select_device("auto")
    if device.type != "cuda":
        print("no CUDA GPU: there are no graphs to check")
        return 0
    width, batch = (8, 2) if tiny else (16, 16)
    print(f"{machine()['device']}: {STEPS} steps as a CUDA graph and without; width {width}, batch {batch}, bf16\n")
    print("| model | losses | weights | ms a step | as a graph |\n|---|---|---|---|---|")
    rows, exceeded = [], 0
    for model in MODELS:
        plain, graphed = (some_steps(model, width, batch, device, graph=graph) for graph in (False, True))
        errors = {k: float((graphed[k] - plain[k]).norm() / plain[k].norm()) for k in ("losses", "weights")}
        times = [float(run["ms"]) for run in (plain, graphed)]
        bad = not all(error <= GRAPH_TOLERANCE for error in errors.values())
        exceeded += bad
        cells = [*(f"{e:.1e}" for e in errors.values()), *(f"{t:.2f}" for t in times)]
        print(f"| {model} | {' | '.join(cells)} |{' EXCEEDED' if bad else ''}", flush=True)
        rows.append({"model": model, "errors": errors, "ms": times, "exceeded": bad})
    record = {"machine": machine(), "width": width, "batch": batch, "steps": STEPS, "rows": rows}
    (out / "graphs.json").write_text(json.dumps(record, indent=1) + "\n")
    return 1 if exceeded else 0


def some_steps(model: str, width: int, batch: int, device: torch.device, *, graph: bool) -> dict[str, Tensor]:
    """The losses of STEPS steps from the same weights on the same pairs, the weights after them, and ms a step."""
    torch.manual_seed(0)
    config = build_config("demo", {"model": model, "width": width, "discriminator_width": width})
    networks = {k: n.to(device, memory_format=torch.channels_last) for k, n in build_networks(config).items()}
    optimizers = {k: adam(n.parameters(), config.lr, config.beta1, device) for k, n in networks.items()}
    learner = Learner(config, networks, optimizers, bf16=True)
    samples = list(pairs(sub_en(), "test", 0, 4 * batch))
    images = as_input(to_batch(np.stack([p.image for p in samples])).to(device))
    truths = as_target(torch.from_numpy(np.stack([p.ground_truth for p in samples])).to(device))
    step = GraphedStep(paired_step) if graph else paired_step

    def run(number: int) -> Tensor:
        rows = slice(number % 4 * batch, (number % 4 + 1) * batch)
        set_learning_rate(optimizers.values(), config.lr * (1 - number / (2 * STEPS)))
        return torch.stack([term.detach() for term in step(learner, images[rows], truths[rows]).values()])

    losses = torch.stack([run(number) for number in range(STEPS)]).double().cpu()
    weights = torch.cat([p.detach().flatten() for n in networks.values() for p in n.parameters()]).double().cpu()
    start = time.perf_counter()
    for number in range(2 * STEPS):
        run(number)
    torch.cuda.synchronize()
    ms = torch.tensor((time.perf_counter() - start) / (2 * STEPS) * 1000)
    return {"losses": losses, "weights": weights, "ms": ms}
