"""Train a generator on pairs: `python -m dbram_baseline.train --data sub_en`. Reads from top to bottom."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch
from torch import Tensor, distributed, nn
from tqdm import tqdm

from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError, run
from dbram_baseline.evaluation import metrics
from dbram_baseline.model import DISCRIMINATORS, PatchDiscriminator, generator, parameters
from dbram_baseline.training import checkpoint, losses
from dbram_baseline.training import cyclegan as cycle
from dbram_baseline.training.config import PRESETS, Config, autocasts, config, device, flags
from dbram_baseline.training.losses import descend

SHOWN = 10  # pairs of the validation slice in a picture grid


@click.command("train", context_settings={"max_content_width": 100, "show_default": False})
@click.option("--data", "name", help="Directory, hub name, several by commas, or render:en.  [./sub_en, or render:en]")
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), help="Hyperparameters to begin with.  [demo; on a GPU small]"
)
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the run.  [runs/<model>-<preset>-<data>]")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@flags
def command(name: str | None, preset: str | None, out: Path | None, resume: bool, **given: Any) -> None:
    """Train DB-RAM, or one of its kin, to separate subtitles from pictures.

    \b
    Examples:
      python -m dbram_baseline.train
      python -m dbram_baseline.train --data sub_en --preset paper
      python -m dbram_baseline.train --data sub_en,sub_zh --model nonlocal --steps 5000
      torchrun --nproc_per_node=4 -m dbram_baseline.train --data sub_en --preset paper
    """
    on = device(given["device"] or "auto")
    name = name or ("sub_en" if Path("sub_en").is_dir() else "render:en")
    preset = preset or ("small" if on.type == "cuda" else "demo")
    made = config(preset, given)
    slug = "-".join(part.strip("./:").replace("/", "_").replace(":", "-") for part in name.split(","))
    train(made, name, preset, out or Path("runs") / f"{made.model}-{preset}-{slug}", resume, given)


def train(
    made: Config, name: str, preset: str, out: Path, resume: bool = False, given: dict[str, Any] | None = None
) -> None:
    """Train by a Config on the data of this name, into a directory. Raises BaselineError."""
    last = out / checkpoint.LAST
    begun = 0
    if last.exists() and not resume:
        raise BaselineError(f"{out} holds a run already; add --resume to go on with it, or name another --out")
    if resume:
        told = checkpoint.about(last)
        made, begun = same(told, made, given or {}, name), told["step"]
    with _group() as (rank, world):
        first, quiet = rank == 0, rank != 0 or not sys.stderr.isatty()
        on = device(made.device)
        if on.type == "cuda" and world > 1:
            on = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(on)
        if made.batch % world:
            raise BaselineError(f"--batch is {made.batch}; with {world} processes, a multiple of {world} is needed")
        bf16 = autocasts(made.precision, on)
        torch.manual_seed(made.seed)
        nets = networks(made)
        nets = {k: net.to(on, memory_format=torch.channels_last) for k, net in nets.items()}  # type: ignore[call-overload]
        adams = {
            k: torch.optim.Adam(net.parameters(), made.lr, (made.beta1, 0.999), fused=on.type in ("cpu", "cuda"))
            for k, net in nets.items()
        }
        memory: dict[str, Tensor] = {}  # what a step keeps for later ones
        a_step = cycle.one_step if made.model == "cyclegan" else one_step
        if data.kind(name) == "shadows" and (made.fm or made.pfm or made.model == "plainu"):
            raise BaselineError(f"--data {name} is in colour; --model {made.model} and its loss are for text")
        source = data.source(name, made.validation, made.seed, made.epoch_pairs, made.workers, on, quiet)
        an_epoch = max(1, source.pairs // made.batch)
        steps = made.steps or made.epochs * an_epoch
        torch.manual_seed(made.seed + rank)  # of dropout: each process its own
        if begun:
            checkpoint.load(last, nets)
            memory = _take(checkpoint.state(last, begun), adams, on)
        if first:
            out.mkdir(parents=True, exist_ok=True)
            click.echo(
                f"{made.model}, preset {preset}, {parameters(nets['generator']):,} parameters, on {on.type} in "
                f"{'bf16' if bf16 else 'fp32'}{f' x {world}' if world > 1 else ''}; {name}: {steps:,} steps of "
                f"{made.batch} pairs{f', from step {begun:,}' if begun else ''}; into {out}"
            )
        about = {"config": made, "data": name, "preset": preset}
        log = _Log(out, begun) if first else None
        runs = {k: torch.compile(net) if made.compile else net for k, net in nets.items()}
        started, seen = time.monotonic(), 0
        bar = tqdm(total=steps, initial=begun, disable=quiet, unit=" steps", smoothing=0.05)
        pending: list[tuple[int, list[str], Tensor]] = []
        try:
            for step in range(begun, steps):
                for adam in adams.values():
                    for group in adam.param_groups:
                        group["lr"] = made.lr * decay(step, steps, an_epoch if not made.steps else 1)
                images, truths = (t.to(on, non_blocking=True) for t in source.batch(step, made.batch, rank, world))
                images, truths = data.cropped(images, truths, made.crop, made.seed + step)
                terms = a_step(runs, adams, data.as_input(images), data.as_target(truths), made, bf16, world, memory)
                pending.append((step, list(terms), torch.stack([t.detach() for t in terms.values()])))
                seen += made.batch
                done = step + 1
                save = done % made.save_every == 0 or done == steps
                look = done % (made.validate_every or an_epoch) == 0 or done == steps
                bar.update()
                if on.type == "cpu" or save or look or len(pending) == 50:  # a GPU is not waited for at each step
                    told = _flush(pending, log, made, out)
                    bar.set_postfix_str(f"loss {told['loss']:.3f}, {seen / (time.monotonic() - started):.1f} images/s")
                if look and log:
                    log.validation(done, *validate(nets["generator"], source, on, bf16))
                if save and first:
                    _sound(nets, done, made, out)
                    checkpoint.save(out, done, nets, _state(adams, on, memory), about)
        except KeyboardInterrupt:
            bar.close()
            click.echo(f"stopped; --resume goes on from the last checkpoint in {out}", err=True)
            sys.exit(130)
        bar.close()
        if log:
            log.close()
            took = time.monotonic() - started
            if seen:
                click.echo(f"trained on {seen:,} pairs in {took:.1f} s: {seen / took:.1f} images/s; {log.summary()}")
            click.echo(f"wrote {last}, log.jsonl, curves.png and grids/ in {out}")


def networks(made: Config) -> dict[str, nn.Module]:
    """All that a run trains, by name: the generator, and what judges it or goes back from it."""
    nets = {"generator": generator(made.model, made.width, made.attn1, made.norm, made.dropout)}
    judge = DISCRIMINATORS[made.discriminator]
    if made.model == "cyclegan":
        nets["backward"] = generator(made.model, made.width, made.attn1, made.norm, made.dropout)
        for name in ("judge_truths", "judge_images"):
            nets[name] = PatchDiscriminator(made.discriminator_width, made.norm, planes=3)
    elif made.adversarial:
        nets["discriminator"] = judge(made.discriminator_width, made.norm)
    return nets


def one_step(nets: dict[str, nn.Module], adams: dict[str, torch.optim.Adam], x: Tensor, y: Tensor, made: Config,
                bf16: bool, world: int = 1, _memory: dict[str, Tensor] | None = None) -> dict[str, Tensor]:  # fmt: skip
    """One step of both networks on a batch in [-1, 1]; the terms of the losses, as scalars, "loss" first."""
    cast = torch.autocast(x.device.type, torch.bfloat16, enabled=bf16)
    net, judge = nets["generator"], nets.get("discriminator")
    told: dict[str, Tensor] = {}
    with cast:
        fake = net(x)
    logits = None
    if judge is not None:
        with cast:  # real and generated each by itself, since they differ in their statistics
            real, wrong = judge(x, y), judge(x, fake.detach())
        told["discriminator"] = losses.discriminator_loss(real, wrong)
        descend(told["discriminator"], [adams["discriminator"]], world)
        for p in judge.parameters():
            p.requires_grad_(False)
        with cast:
            logits = judge(x, fake)
    terms = losses.generator_terms(fake, y, logits)
    if made.fm or made.pfm:
        terms |= losses.f_measure_terms(fake, y)
    weights = {k: getattr(made, k) for k in terms}
    loss = torch.stack([weights[k] * t for k, t in terms.items() if weights[k]]).sum()
    descend(loss, [adams["generator"]], world)
    if judge is not None:
        for p in judge.parameters():
            p.requires_grad_(True)
    return {"loss": loss} | {k: t for k, t in terms.items() if weights[k]} | told


def decay(step: int, steps: int, unit: int) -> float:
    """The learning rate's factor: 1 for half of the units (epochs, or steps), then linear, as in pix2pix."""
    units, at = -(-steps // unit), step // unit
    half = units - units // 2
    return 1.0 - max(0, at + 1 - half) / (units - half + 1)


@torch.no_grad()
def validate(net: nn.Module, source: data.Source, on: torch.device, bf16: bool) -> tuple[dict[str, float], np.ndarray]:
    """PSNR, SSIM and F-measure on the pairs held out, and a picture: input, truth, output."""
    images, truths = source.held_out()
    net.eval()
    outputs = []
    for start in range(0, len(images), 32):
        with torch.autocast(on.type, torch.bfloat16, enabled=bf16):
            outputs.append(net(data.as_input(images[start : start + 32].to(on))).float())
    net.train()
    made, wanted = (torch.cat(outputs) + 1) / 2, (data.as_target(truths.to(on)) + 1) / 2
    if truths.ndim == 3:  # text is one plane
        made, wanted = made.mean(dim=1, keepdim=True), wanted[:, :1]
    made = made.clamp(0, 1)
    told = {"ssim": float(losses.ssim(made, wanted).mean())}
    found, whole = (t.permute(0, 2, 3, 1).squeeze(-1).cpu().numpy() for t in (made, wanted))
    told["psnr"] = float(np.mean([metrics.psnr(o, t) for o, t in zip(found, whole, strict=True)]))
    if truths.ndim == 3:
        told["f_measure"] = float(
            np.mean([metrics.f_measure(o < 0.5, t < 0.5) for o, t in zip(found, whole, strict=True)])
        )
    shown = [
        (i.permute(1, 2, 0).cpu().numpy(), *(np.round(p * 255).astype(np.uint8) for p in (t, o)))
        for i, t, o in zip(images[:SHOWN], whole[:SHOWN], found[:SHOWN], strict=True)
    ]
    return told, data.grid(shown)


class _Log:
    """log.jsonl, TensorBoard, picture grids, and the curves at the end."""

    def __init__(self, out: Path, begun: int):
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - takes its time

        self.out, self.path = out, out / "log.jsonl"
        # A killed run has logged steps that no checkpoint holds: they come again.
        kept = [line for line in self._lines() if line["step"] < begun or ("psnr" in line and line["step"] == begun)]
        self.path.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self.file = self.path.open("a")
        self.board = SummaryWriter(out / "tensorboard", purge_step=begun or None)
        (out / "grids").mkdir(exist_ok=True)

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text().splitlines():
            with contextlib.suppress(ValueError):  # the last one may be torn
                found.append(json.loads(line))
        return found

    def step(self, step: int, told: dict[str, float]) -> None:
        """A training step."""
        self.file.write(json.dumps({"step": step, **told}) + "\n")
        self.file.flush()
        for k, v in told.items():
            self.board.add_scalar(f"train/{k}", v, step)

    def validation(self, step: int, told: dict[str, float], picture: np.ndarray) -> None:
        """A look at the pairs held out."""
        self.step(step, told)
        cv2.imwrite(str(self.out / "grids" / f"step-{step:07d}.png"), picture[:, :, ::-1])
        self.board.add_image("validation", picture, step, dataformats="HWC")

    def summary(self) -> str:
        """The last look, in words."""
        seen = [line for line in self._lines() if "psnr" in line]
        told = [k for k in ("psnr", "ssim", "f_measure") if seen and k in seen[-1]]
        return ", ".join(f"{k} {seen[-1][k]:.3f}" for k in told) if seen else "not validated"

    def close(self) -> None:
        """Draw the curves."""
        from matplotlib.figure import Figure  # noqa: PLC0415 - takes its time

        self.file.close()
        self.board.close()
        lines = self._lines()
        steps, looks = [s for s in lines if "loss" in s], [s for s in lines if "psnr" in s]
        figure = Figure(figsize=(12, 4.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        for key in [k for k in (steps[0] if steps else {}) if k != "step"]:
            left.plot([s["step"] for s in steps], [s[key] for s in steps], linewidth=0.8, label=key)
        left.set(xlabel="step", title="terms of the losses, unweighted; loss is their weighted sum", yscale="log")
        for key in [k for k in ("f_measure", "ssim") if looks and k in looks[0]]:
            right.plot([s["step"] for s in looks], [s[key] for s in looks], marker="o", label=key)
        right.set(xlabel="step", title="pairs held out", ylim=(0, 1))
        for axes in (left, right):
            axes.legend()
            axes.grid(alpha=0.3)
        figure.savefig(self.out / "curves.png", dpi=100)


def _flush(pending: list[tuple[int, list[str], Tensor]], log: _Log | None, made: Config, out: Path) -> dict[str, float]:
    """Log the steps that wait for it; the last. Raises BaselineError if a loss is not finite."""
    told: dict[str, float] = {}
    for step, names, values in pending:
        told = dict(zip(names, values.tolist(), strict=True))
        if not all(map(math.isfinite, told.values())):
            raise _apart(step, ", ".join(f"{k} {v}" for k, v in told.items() if not math.isfinite(v)), made, out)
        if log:
            log.step(step, told)
    pending.clear()
    return told


def _sound(nets: dict[str, nn.Module], step: int, made: Config, out: Path) -> None:
    """Raise BaselineError rather than keep weights that the last step has spoilt."""
    for name, net in nets.items():
        for part, weight in net.state_dict().items():
            if not bool(torch.isfinite(weight).all()):
                raise _apart(step, f"{name}.{part} is not finite", made, out)


def _apart(step: int, what: str, made: Config, out: Path) -> BaselineError:
    return BaselineError(
        f"step {step}: {what}: training has come apart; lower --lr (it is {made.lr:g}), or --precision fp32; "
        f"the checkpoint before is kept in {out}"
    )


def _state(adams: dict[str, torch.optim.Adam], on: torch.device, memory: dict[str, Tensor]) -> dict[str, Any]:
    state: dict[str, Any] = {"adam": {k: a.state_dict() for k, a in adams.items()}, "rng": torch.get_rng_state()}
    state["memory"] = {k: v.cpu() for k, v in memory.items()}
    return state | ({"cuda_rng": torch.cuda.get_rng_state(on)} if on.type == "cuda" else {})


def _take(state: dict[str, Any], adams: dict[str, torch.optim.Adam], on: torch.device) -> dict[str, Tensor]:
    for k, adam in adams.items():
        adam.load_state_dict(state["adam"][k])
    torch.set_rng_state(state["rng"])
    if on.type == "cuda" and "cuda_rng" in state:
        torch.cuda.set_rng_state(state["cuda_rng"], on)
    return {k: v.to(on) for k, v in state.get("memory", {}).items()}


def same(told: dict[str, Any], made: Config, given: dict[str, Any], name: str) -> Config:
    """A run's own configuration, if nothing that was given differs from it. Raises BaselineError if something does."""
    held: Config = told["config"]
    free = ("workers", "save_every", "device", "compile")  # change no result, or no more than a machine does
    for field in dataclasses.fields(Config):
        was, now = getattr(held, field.name), given.get(field.name)
        if now is not None and now != was and field.name not in free:
            raise BaselineError(
                f"--{field.name.replace('_', '-')} is {now}, and the run began with {was}; "
                "drop it, or name another --out"
            )
    if name != told["data"]:
        raise BaselineError(f"--data is {name}, and the run began with {told['data']}")
    return dataclasses.replace(held, **{k: getattr(made, k) for k in free if given.get(k) is not None})


@contextlib.contextmanager
def _group() -> Iterator[tuple[int, int]]:
    """Rank and number of the processes that torchrun has started, if it has."""
    if "RANK" not in os.environ:
        yield 0, 1
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield distributed.get_rank(), distributed.get_world_size()
    finally:
        distributed.destroy_process_group()


if __name__ == "__main__":
    run(command)
