"""Config: every hyperparameter of a training run, typed, with its unit, its presets, and a flag each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

import click
import torch

from dbram_baseline.errors import BaselineError
from dbram_baseline.model import DISCRIMINATORS, VARIANTS

PRECISIONS = ("auto", "bf16", "fp32")


def _is(default: Any, told: str, *choices: str) -> Any:
    return dataclasses.field(default=default, metadata={"told": told, "choices": choices})


@dataclass(frozen=True)
class Config:
    """The defaults are the paper's: preset `paper`."""

    model: str = _is("dbram", "variant of the generator", *VARIANTS)
    width: int = _is(64, "channels of the generator's first convolution")
    attn1: str = _is("table", "first attention as Table 1 prints it, or as Eq. 4 has it", "table", "eq4")
    norm: str = _is("batch", "normalisation", "batch", "instance")
    dropout: float = _is(0.5, "probability of dropout in the residual blocks")
    discriminator: str = _is("pixel", "three 1x1 convolutions, or the PatchGAN of pix2pix", *DISCRIMINATORS)
    discriminator_width: int = _is(64, "channels of the discriminator's first convolution")
    adversarial: float = _is(1.0, "weight of the adversarial term; 0 trains without a discriminator")
    l1: float = _is(5.0, "weight of L1, lambda of Eq. 7")
    ssim: float = _is(5.0, "weight of 1 - SSIM, beta of Eq. 7")
    bce: float = _is(0.0, "weight of binary cross-entropy, not in the paper")
    fm: float = _is(0.0, "weight of 1 - F-measure, of the FCN")
    pfm: float = _is(0.0, "weight of 1 - pseudo-F-measure, of the FCN")
    cycle: float = _is(10.0, "weight of the cycle's L1, both ways; cyclegan only")
    identity: float = _is(5.0, "weight of L1 between a truth and what becomes of it; cyclegan only")
    batch: int = _is(16, "pairs a step, on all devices together")
    epochs: int = _is(200, "passes over the data")
    steps: int = _is(0, "steps, in place of epochs; 0: by epochs")
    epoch_pairs: int = _is(20_000, "pairs that an epoch has where they are rendered on the fly")
    crop: int = _is(0, "px of width that training crops are cut to; 0: whole images")
    lr: float = _is(2e-4, "learning rate of both Adams, constant for half of the run, then linear to 0")
    beta1: float = _is(0.5, "first beta of both Adams")
    precision: str = _is("auto", "auto is bf16 where the hardware has it", *PRECISIONS)
    seed: int = _is(0, "seed of weights, order and dropout")
    validation: int = _is(256, "pairs kept from training, off the end of train, to validate on")
    validate_every: int = _is(0, "steps between validations; 0: an epoch")
    save_every: int = _is(200, "steps between checkpoints: what a killed run loses at most")
    workers: int = _is(2, "threads that decode, or processes that render")
    compile: bool = _is(False, "compile the networks by torch.compile")
    device: str = _is("auto", "auto, cpu, cuda, cuda:1, ...")


PRESETS: dict[str, dict[str, Any]] = {
    "ci": {
        "width": 8, "discriminator_width": 8, "dropout": 0.0, "batch": 8, "crop": 96, "steps": 40, "lr": 2e-3,
        "precision": "fp32", "validation": 32, "epoch_pairs": 320,
    },
    "demo": {
        "width": 16, "discriminator_width": 16, "dropout": 0.0, "batch": 8, "steps": 3000,
        "validation": 128, "validate_every": 250, "epoch_pairs": 8000,
    },
    "small": {"width": 32, "discriminator_width": 32, "dropout": 0.0, "epochs": 20},
    "paper": {},
    # The paper's way with documents, in patches of 256 x 256 px.
    "pages": {"batch": 1, "norm": "instance", "validation": 32},
    "demo-pages": {  # a quarter wide, and strips of the patches: three minutes a run on two cores
        "width": 16, "discriminator_width": 16, "dropout": 0.0, "batch": 2, "crop": 64, "steps": 2000,
        "norm": "instance", "validation": 32, "validate_every": 500,
    },
    # Of `reproduce --quick`: half a minute a run on two cores.
    "quick": {
        "width": 8, "discriminator_width": 8, "dropout": 0.0, "batch": 8, "crop": 96, "steps": 450, "lr": 1e-3,
        "validation": 32,
    },
    "quick-pages": {
        "width": 8, "discriminator_width": 8, "dropout": 0.0, "batch": 2, "crop": 64, "steps": 500, "lr": 4e-4,
        "norm": "instance", "validation": 8,
    },
}  # fmt: skip


# What a model is trained by where that is not DB-RAM's way; presets set none of these.
RECIPES: dict[str, dict[str, Any]] = {
    "pix2pix": {"discriminator": "patch", "l1": 100.0, "ssim": 0.0},  # Isola et al., 2017
    "cgan": {"l1": 0.0, "ssim": 0.0},  # the adversarial term alone, an ablation of the same paper
    # Tensmeyer and Martinez, 2017, but for its optimizer: by Adam here, as all are, in place of SGD.
    "fcn": {"adversarial": 0.0, "l1": 0.0, "ssim": 0.0, "fm": 1.0, "pfm": 1.0, "dropout": 0.0},
    "cyclegan": {"discriminator": "patch", "l1": 0.0, "ssim": 0.0, "norm": "instance", "dropout": 0.0},
}


def flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """A flag for each hyperparameter."""
    for field in reversed(dataclasses.fields(Config)):
        kind = get_type_hints(Config)[field.name]
        choices = field.metadata["choices"]
        name = "--" + field.name.replace("_", "-")
        told = f"{field.metadata['told']}  [paper: {field.default}]"
        taken: Any = None if kind is bool else click.Choice(choices) if choices else kind
        option = click.option(
            f"{name}/--no-{field.name}" if kind is bool else name, field.name, type=taken, default=None, help=told
        )
        command = option(command)
    return command


def config(preset: str, given: dict[str, Any]) -> Config:
    """The preset, the model's own recipe, and what was given on top. Raises BaselineError for what cannot be."""
    asked = {k: v for k, v in given.items() if v is not None}
    if "epochs" in asked:  # a preset's steps do not go before epochs that were asked for
        asked = {"steps": 0} | asked
    model = asked.get("model", "dbram")
    if model == "cyclegan" and "epochs" not in asked:  # 50 in the paper, of 200
        asked["epochs"] = max(1, PRESETS[preset].get("epochs", Config.epochs) // 4)
    made = Config(**(PRESETS[preset] | RECIPES.get(model, {}) | asked))
    at_least = {"width": 4, "discriminator_width": 1, "batch": 1, "epochs": 1, "epoch_pairs": 1, "validation": 1}
    at_least |= {"save_every": 1, "workers": 0, "steps": 0, "validate_every": 0, "seed": 0, "crop": 0}
    for name, least in at_least.items():
        if getattr(made, name) < least:
            raise BaselineError(f"--{name.replace('_', '-')} is {getattr(made, name)}; at least {least} is needed")
    terms = ("adversarial", "l1", "ssim", "bce", "fm", "pfm")
    for name in (*terms, "cycle", "identity"):
        if not 0 <= getattr(made, name) < float("inf"):
            raise BaselineError(f"--{name} is {getattr(made, name)}; a weight of 0 or more is needed")
    if not 0 <= made.dropout < 1 or not 0 < made.lr < 1 or not 0 <= made.beta1 < 1:
        raise BaselineError(f"--dropout {made.dropout}, --lr {made.lr}, --beta1 {made.beta1}: not all within 0 and 1")
    if 0 < made.crop < 16:
        raise BaselineError(f"--crop is {made.crop}; at least 16 px are needed, or 0 for whole images")
    told = ", ".join("--" + name for name in terms)
    if not any(getattr(made, name) for name in terms):
        raise BaselineError(f"{told} are all 0: there is nothing to learn from")
    if made.model == "cyclegan" and (not made.adversarial or any(getattr(made, name) for name in terms[1:])):
        raise BaselineError(f"--model cyclegan sees no pairs: of {told} all but the first are 0 there")
    return made


def device(name: str) -> torch.device:
    """The device that is meant. Raises BaselineError if it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise BaselineError(f"--device {name!r}: {str(error).splitlines()[0]}; auto takes what there is") from error
    return found


def autocasts(precision: str, on: torch.device) -> bool:
    """Whether the network runs in bf16: where the hardware multiplies it, or where it is asked for."""
    if precision != "auto":
        return precision == "bf16"
    if on.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return on.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
