"""The training loop."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
import sys
import time
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dbram_baseline.data.refs import DataRef, Kind
from dbram_baseline.data.sources import Source, open_source
from dbram_baseline.data.tensors import as_input, as_target, crop_width
from dbram_baseline.errors import BaselineError
from dbram_baseline.networks.compact import Compact
from dbram_baseline.networks.device import uses_bf16
from dbram_baseline.networks.discriminators import PatchDiscriminator
from dbram_baseline.networks.factory import DISCRIMINATORS, build_generator, count_parameters
from dbram_baseline.training.checkpoint import (
    AVERAGE,
    LAST,
    CheckpointInfo,
    check_shapes,
    load_generator,
    load_weights,
    read_info,
    save_checkpoint,
)
from dbram_baseline.training.config import Config, Overrides
from dbram_baseline.training.cyclegan import cyclegan_step
from dbram_baseline.training.graphed_step import GraphedStep
from dbram_baseline.training.labelled_step import labelled_step
from dbram_baseline.training.optimizer import adam, learning_rate_factor, set_learning_rate
from dbram_baseline.training.process_group import ProcessGroup, process_group
from dbram_baseline.training.resume import resumed_config
from dbram_baseline.training.run_lock import RunLock
from dbram_baseline.training.run_log import RunLog
from dbram_baseline.training.state import load_state
from dbram_baseline.training.step import Learner, Step, paired_step
from dbram_baseline.training.threads import advice_for_this_machine
from dbram_baseline.training.validation import validate
from subsynth.core.main_guard import StoppedError
from subsynth.core.terminal import echo

UNLOGGED_STEPS = 50  # steps whose losses may stay on a GPU, so that it is not waited for at each step


def train(config: Config, data: str, preset: str, out: Path, resume: bool = False, overrides: Overrides | None = None,
          step: Step | None = None, init: str = "", source: Source | None = None) -> None:  # fmt: skip
    """Train on `data` (as --data takes it) into the directory `out`. Raises BaselineError.

    The generator starts with the weights of `init` (as --init takes it), or with random ones. With `resume`, the run in
    `out` continues from its last checkpoint; `overrides` are the hyperparameters that the user gave, which must not
    differ from those of the run. `step` replaces the training step of the model, and `source` what `data` names.
    """
    with process_group() as group, contextlib.closing(RunLock(out)) as lock:
        if group.is_first and out.exists():  # a new folder is locked when the run starts
            lock.acquire()
        start = _check_folder(out, resume)
        if resume:
            before = read_info(out / LAST)
            config, init = resumed_config(before, config, overrides or {}, data, init), before.init
            check_shapes(out / LAST, lambda: build_networks(config))
        trainer = Trainer(CheckpointInfo(config, data, preset, start, init), out, group, step, source)
        if group.is_first:
            lock.acquire()
            if _check_folder(out, resume) != start:
                raise BaselineError(f"{out}: another training has written there since; start again")
        trainer.run()


def _check_folder(out: Path, resume: bool) -> int:
    """The step that a run in the folder starts from. Raises BaselineError if it holds a run that is not resumed."""
    if resume:
        return read_info(out / LAST).step
    if (out / LAST).exists():
        raise BaselineError(f"{out} already holds a run; add --resume to continue it, or name another --out")
    return 0


def build_networks(config: Config) -> dict[str, nn.Module]:
    """All networks of a run by the names in its checkpoints: the generator, and what it is trained with."""
    networks = {"generator": build_generator(config.model, config.width, config.attn1, config.norm, config.dropout)}
    if config.is_cyclegan:
        networks["backward"] = build_generator(config.model, config.width, config.attn1, config.norm, config.dropout)
        for name in ("judge_truths", "judge_images"):
            networks[name] = PatchDiscriminator(config.discriminator_width, config.norm, planes=3)
    elif config.adversarial:
        networks["discriminator"] = DISCRIMINATORS[config.discriminator](config.discriminator_width, config.norm)
    if config.model == "compact":
        networks[AVERAGE] = copy.deepcopy(networks["generator"]).requires_grad_(False)
    return networks


class Trainer:
    """One run, from `info.step` to its last step. The order of the random draws is part of the result."""

    def __init__(self, info: CheckpointInfo, out: Path, group: ProcessGroup, step: Step | None = None,
                 source: Source | None = None):  # fmt: skip
        self.info, self.config, self.out, self.group = info, info.config, out, group
        self.quiet = not group.is_first or not sys.stderr.isatty()
        self.device = group.device(self.config.device)
        if self.config.batch % group.world:
            raise BaselineError(
                f"--batch is {self.config.batch}; with {group.world} processes it must be a multiple of {group.world}"
            )
        torch.manual_seed(self.config.seed)
        self.networks = {
            name: network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for name, network in build_networks(self.config).items()
        }
        if info.init and not info.step:
            self._load_init()
        self.learner = self._learner()
        self.step: Step = step or self._model_step()
        self.source = source or self._open_source()
        self.epoch_steps = max(1, self.source.pairs // self.config.batch)
        self.steps = self.config.steps or self.config.epochs * self.epoch_steps
        torch.manual_seed(self.config.seed + group.rank)  # of dropout, different in each process
        if info.step:
            load_weights(out / LAST, self.networks)
            load_state(out / LAST, info.step, self.learner, self.device)
        self.log: RunLog | None = None
        self.unlogged: list[tuple[int, list[str], Tensor]] = []  # step, names of the terms, their values
        self.started, self.trained_pairs = 0.0, 0

    def _load_init(self) -> None:
        """Give the generator, and the average of its weights, those of another checkpoint."""
        network, other = load_generator(Path(self.info.init))
        weights = network.state_dict()
        if isinstance(network, Compact) and not len(network.context):  # older: new blocks start as the identity
            weights |= {k: v for k, v in self.networks["generator"].state_dict().items() if k.startswith("context.")}
        for name in ("generator", AVERAGE):
            if name in self.networks:
                try:
                    self.networks[name].load_state_dict(weights)
                except RuntimeError as error:
                    raise BaselineError(
                        f"--init {self.info.init}: {other.label} is another network than {self.config.model} "
                        f"{self.config.width}; name its --model and --width"
                    ) from error

    def _learner(self) -> Learner:
        config = self.config
        optimizers: dict[str, torch.optim.Optimizer] = {
            name: adam(network.parameters(), config.lr, config.beta1, self.device)
            for name, network in self.networks.items()
            if name != AVERAGE
        }
        networks = {name: torch.compile(n) if config.compile else n for name, n in self.networks.items()}
        bf16 = uses_bf16(config.precision, self.device)
        return Learner(config, networks, optimizers, bf16, self.group.world)

    def _model_step(self) -> Step:
        """The step of the model; on one GPU as a graph, if it is always the same work on that GPU alone."""
        config = self.config
        if config.is_cyclegan:
            return cyclegan_step
        if config.model == "compact":
            return labelled_step
        fixed = not (config.fm or config.pfm or config.compile) and self.group.world == 1
        return GraphedStep(paired_step) if fixed and self.device.type == "cuda" else paired_step

    def _open_source(self) -> Source:
        config, refs = self.config, DataRef.parse_list(self.info.data)
        if any(ref.kind is Kind.SHADOWS for ref in refs) and (config.fm or config.pfm or config.model == "plainu"):
            raise BaselineError(
                f"--data {self.info.data} is in colour; --model {config.model} and its loss are for text"
            )
        return open_source(
            refs,
            config.validation,
            config.seed,
            config.epoch_pairs,
            config.workers,
            self.device,
            self.quiet,
            labelled=config.model == "compact",
        )

    def run(self) -> None:
        """Train to the last step. Raises StoppedError after Ctrl-C; the last checkpoint remains."""
        if self.group.is_first:
            echo(self._description())
            advice = advice_for_this_machine() if self.device.type == "cpu" else ""
            if advice:
                echo(f"note: {advice}")
            self.log = RunLog(self.out, self.info.step)
        self.started = time.monotonic()
        bar = tqdm(total=self.steps, initial=self.info.step, disable=self.quiet, unit=" steps", smoothing=0.05)
        try:
            with bar:
                for step in range(self.info.step, self.steps):
                    self._train_step(step)
                    bar.update()
                    self._after_step(step + 1, bar)
        except KeyboardInterrupt as error:
            raise StoppedError(f"stopped; --resume continues from the last checkpoint in {self.out}") from error
        if self.log:
            self._finish(self.log)

    def _train_step(self, step: int) -> None:
        config, group = self.config, self.group
        factor = learning_rate_factor(step, self.steps, 1 if config.steps else self.epoch_steps)
        set_learning_rate(self.learner.optimizers.values(), config.lr * factor)
        batch = self.source.batch(step, config.batch, group.rank, group.world)
        images, truths = (t.to(self.device, non_blocking=True) for t in batch)
        images, truths = crop_width(images, truths, config.crop, config.seed + step)
        terms = self.step(self.learner, as_input(images), as_target(truths))
        self.unlogged.append((step, list(terms), torch.stack([t.detach() for t in terms.values()])))
        self.trained_pairs += config.batch

    def _after_step(self, done: int, bar: tqdm[NoReturn]) -> None:
        """Log, validate and save, where it is time to, after `done` steps."""
        config, last = self.config, done == self.steps
        save = done % config.save_every == 0 or last
        validating = done % (config.validate_every or self.epoch_steps) == 0 or last
        if self.device.type == "cpu" or save or validating or len(self.unlogged) == UNLOGGED_STEPS:
            loss = self._log_steps()
            speed = self.trained_pairs / (time.monotonic() - self.started)
            bar.set_postfix_str(f"loss {loss:.3f}, {speed:.1f} images/s")
        if validating and self.log:
            generator = self.networks.get(AVERAGE, self.networks["generator"])
            result = validate(generator, self.source, self.learner, self.device)
            self.log.validation(done, result)
        if save and self.group.is_first:
            self._check_weights(done)
            info = dataclasses.replace(self.info, step=done)
            save_checkpoint(self.out, info, self.networks, self.learner, self.device)

    def _log_steps(self) -> float:
        """Log the steps that are not logged yet; the loss of the last. Raises BaselineError if one is not finite."""
        loss = math.nan
        if self.device.type == "cuda":  # wait without occupying a core
            event = torch.cuda.Event(blocking=True)
            event.record()
            event.synchronize()
        for step, names, values in self.unlogged:
            terms = dict(zip(names, values.tolist(), strict=True))
            if not all(map(math.isfinite, terms.values())):
                reason = ", ".join(f"{k} {v}" for k, v in terms.items() if not math.isfinite(v))
                raise self._diverged(step, reason)
            if self.log:
                self.log.step(step, terms)
            loss = terms["loss"]
        self.unlogged.clear()
        return loss

    def _check_weights(self, done: int) -> None:
        """Raise BaselineError if the last step has spoilt the weights, so that they do not replace good ones."""
        for name, network in self.networks.items():
            for key, weight in network.state_dict().items():
                if not bool(torch.isfinite(weight).all()):
                    raise self._diverged(done, f"{name}.{key} is not finite")

    def _diverged(self, step: int, reason: str) -> BaselineError:
        return BaselineError(
            f"step {step}: {reason}: training diverged; lower --lr (it is {self.config.lr:g}), or use --precision "
            f"fp32; the last checkpoint is in {self.out}"
        )

    def _description(self) -> str:
        config, world = self.config, self.group.world
        parameters = count_parameters(self.networks["generator"])
        hardware = (
            f"{self.device.type} in {'bf16' if self.learner.bf16 else 'fp32'}{f' x {world}' if world > 1 else ''}"
        )
        start = f", from step {self.info.step:,}" if self.info.step else ""
        start = start or (f", from the weights of {self.info.init}" if self.info.init else "")
        return (
            f"{config.model}, preset {self.info.preset}, {parameters:,} parameters, on {hardware}; "
            f"{self.info.data}: {self.steps:,} steps of {config.batch} pairs{start}; into {self.out}"
        )

    def _finish(self, log: RunLog) -> None:
        log.close()
        seconds = time.monotonic() - self.started
        if self.trained_pairs:
            speed = self.trained_pairs / seconds
            echo(f"trained on {self.trained_pairs:,} pairs in {seconds:.1f} s: {speed:.1f} images/s; {log.summary()}")
        echo(f"wrote {self.out / LAST}, log.jsonl, curves.png and grids/ in {self.out}")
