"""Config: every hyperparameter of a training run, with its unit, its presets and its command-line option."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

import click

from dbram_baseline.errors import BaselineError
from dbram_baseline.networks.device import PRECISIONS
from dbram_baseline.networks.factory import DISCRIMINATORS, MODELS

Value = str | int | float | bool
Overrides = Mapping[str, Value | None]  # by the names of Config's fields; None is not given
MAX_COUNT = 10**12
MAX_WIDTH = 4096  # channels
Command = TypeVar("Command", bound=Callable[..., Any])


def _field(default: Any, help_text: str, *choices: str, minimum: float = 0, maximum: float = MAX_COUNT) -> Any:
    """A field of Config with the help text, the choices and the bounds of its option."""
    bounds = minimum, maximum
    return dataclasses.field(default=default, metadata={"help": help_text, "choices": choices, "bounds": bounds})


@dataclass(frozen=True)
class Config:
    """The hyperparameters of a run; the defaults are the paper's (preset `paper`)."""

    model: str = _field("dbram", "generator", *MODELS)
    width: int = _field(64, "channels of the generator's first convolution", minimum=4, maximum=MAX_WIDTH)
    attn1: str = _field("table", "first attention as printed in Table 1, or as in Eq. 4", "table", "eq4")
    norm: str = _field("batch", "normalisation", "batch", "instance")
    dropout: float = _field(0.5, "probability of dropout in the residual blocks")
    discriminator: str = _field("pixel", "three 1x1 convolutions, or the PatchGAN of pix2pix", *DISCRIMINATORS)
    discriminator_width: int = _field(
        64, "channels of the discriminator's first convolution", minimum=1, maximum=MAX_WIDTH
    )
    adversarial: float = _field(1.0, "weight of the adversarial term; 0 trains without a discriminator")
    l1: float = _field(5.0, "weight of L1, lambda in Eq. 7")
    ssim: float = _field(5.0, "weight of 1 - SSIM, beta in Eq. 7")
    bce: float = _field(0.0, "weight of binary cross-entropy, not in the paper")
    fm: float = _field(0.0, "weight of 1 - F-measure, used by the FCN")
    pfm: float = _field(0.0, "weight of 1 - pseudo-F-measure, used by the FCN")
    cycle: float = _field(10.0, "weight of the cycle's L1 in both directions; cyclegan only")
    identity: float = _field(
        5.0, "weight of L1 between an image and its translation into its own domain; cyclegan only"
    )
    batch: int = _field(16, "pairs per step, over all devices", minimum=1, maximum=10**6)
    epochs: int = _field(200, "passes over the data", minimum=1)
    steps: int = _field(0, "steps, instead of epochs; 0: by epochs")
    epoch_pairs: int = _field(20_000, "pairs per epoch where pairs are rendered during training", minimum=1)
    crop: int = _field(0, "width of training crops, px; 0: whole images")
    lr: float = _field(2e-4, "learning rate of Adam, constant for half of the run, then linear to 0")
    beta1: float = _field(0.5, "first beta of Adam")
    precision: str = _field("auto", "auto is bf16 where the hardware has it", *PRECISIONS)
    seed: int = _field(0, "seed of weights, order and dropout")
    validation: int = _field(256, "pairs at the end of train that are kept for validation", minimum=1)
    validate_every: int = _field(0, "steps between validations; 0: an epoch")
    save_every: int = _field(200, "steps between checkpoints: the most that a killed run loses", minimum=1)
    workers: int = _field(2, "threads that decode, or processes that render", maximum=1024)
    compile: bool = _field(False, "compile the networks with torch.compile")
    device: str = _field("auto", "auto, cpu, cuda, cuda:1, ...")

    @classmethod
    def from_json(cls, record: object) -> Config:
        """The configuration that a checkpoint holds as a JSON object. Raises BaselineError for any other value."""
        if not isinstance(record, dict):
            raise BaselineError("its configuration is not an object")
        types = get_type_hints(cls)
        for name in [*types, *record]:
            if name not in record or name not in types:
                raise BaselineError(f"{'no' if name in types else 'unknown'} hyperparameter {str(name)[:40]!r}")
            if not isinstance(record[name], (int, float) if types[name] is float else types[name]) or (
                isinstance(record[name], bool) and types[name] is not bool
            ):
                raise BaselineError(f"--{name.replace('_', '-')} is {str(record[name])[:40]!r}, of another type")
        config = cls(**record)
        check_config(config)
        return config

    @property
    def is_cyclegan(self) -> bool:
        """Whether the model is trained without pairs, by the step of CycleGAN."""
        return self.model == "cyclegan"


PRESETS: dict[str, dict[str, Value]] = {
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
    "compact": {  # bands and strips in turn
        "width": 16, "dropout": 0.0, "batch": 16, "crop": 240, "steps": 40_000, "lr": 2e-3, "validation": 128,
        "validate_every": 1000, "epoch_pairs": 20_000, "adversarial": 0.0,
    },
    # As the paper trains on documents, in patches of 256 x 256 px.
    "pages": {"batch": 1, "norm": "instance", "validation": 32},
    "demo-pages": {  # a quarter of the width, on strips of the patches: three minutes per run on two cores
        "width": 16, "discriminator_width": 16, "dropout": 0.0, "batch": 2, "crop": 64, "steps": 2000,
        "norm": "instance", "validation": 32, "validate_every": 500,
    },
    # Used by `reproduce --quick`: half a minute per run on two cores.
    "quick": {
        "width": 8, "discriminator_width": 8, "dropout": 0.0, "batch": 8, "crop": 96, "steps": 450, "lr": 1e-3,
        "validation": 32,
    },
    "quick-pages": {
        "width": 8, "discriminator_width": 8, "dropout": 0.0, "batch": 2, "crop": 64, "steps": 500, "lr": 4e-4,
        "norm": "instance", "validation": 8,
    },
}  # fmt: skip

# The published hyperparameters of the models that are not trained like DB-RAM. No preset sets these fields.
RECIPES: dict[str, dict[str, Value]] = {
    "pix2pix": {"discriminator": "patch", "l1": 100.0, "ssim": 0.0},  # Isola et al., 2017
    "cgan": {"l1": 0.0, "ssim": 0.0},  # the adversarial term alone, an ablation in the same paper
    # Tensmeyer and Martinez, 2017; but with Adam, as all models here, instead of SGD.
    "fcn": {"adversarial": 0.0, "l1": 0.0, "ssim": 0.0, "fm": 1.0, "pfm": 1.0, "dropout": 0.0},
    "compact": {"adversarial": 0.0, "l1": 0.0, "ssim": 0.0, "bce": 1.0},  # the terms of training/labelled_step.py
    "cyclegan": {"discriminator": "patch", "l1": 0.0, "ssim": 0.0, "norm": "instance", "dropout": 0.0},
}
LOSS_TERMS = ("adversarial", "l1", "ssim", "bce", "fm", "pfm")  # of training on pairs


def hyperparameter_options(command: Command) -> Command:
    """Add an option for each hyperparameter to a click command."""
    types = get_type_hints(Config)
    for field in reversed(dataclasses.fields(Config)):
        option, choices = "--" + field.name.replace("_", "-"), field.metadata["choices"]
        help_text = f"{field.metadata['help']}  [paper: {field.default}]"
        if types[field.name] is bool:
            add = click.option(f"{option}/--no-{field.name}", field.name, default=None, help=help_text)
        else:
            value_type = click.Choice(choices) if choices else types[field.name]
            add = click.option(option, field.name, type=value_type, default=None, help=help_text)
        command = add(command)
    return command


def build_config(preset: str, overrides: Overrides) -> Config:
    """The preset, then the model's own recipe, then the overrides. Raises BaselineError for invalid values."""
    given = {k: v for k, v in overrides.items() if v is not None}
    if "epochs" in given:  # requested epochs take precedence over the steps of a preset
        given = {"steps": 0} | given
    model = str(given.get("model", "dbram"))
    if model == "cyclegan" and "epochs" not in given:  # the paper trains it for 50 epochs, the others for 200
        given["epochs"] = max(1, int(PRESETS[preset].get("epochs", Config.epochs)) // 4)
    values: dict[str, Any] = PRESETS[preset] | RECIPES.get(model, {}) | given
    config = Config(**values)
    check_config(config)
    return config


def check_config(config: Config) -> None:
    """Raise BaselineError for values that no run can have."""
    for field in dataclasses.fields(Config):
        option, value = "--" + field.name.replace("_", "-"), getattr(config, field.name)
        minimum, maximum = field.metadata["bounds"]
        choices = field.metadata["choices"]
        if isinstance(value, str):
            if (choices and value not in choices) or not value.isprintable() or len(value) > 100:
                raise BaselineError(
                    f"{option} is {value[:40]!r}; choose from {', '.join(choices) or 'auto, cpu, cuda'}"
                )
        elif isinstance(value, int) and not minimum <= value <= maximum:
            bound = f"at least {minimum}" if value < minimum else f"at most {maximum}"
            raise BaselineError(f"{option} is {str(value)[:40]}; must be {bound}")
    for name in (*LOSS_TERMS, "cycle", "identity"):
        if not 0 <= getattr(config, name) < float("inf"):
            raise BaselineError(f"--{name} is {getattr(config, name)}; a weight must be finite and at least 0")
    for name in ("dropout", "beta1"):
        if not 0 <= getattr(config, name) < 1:
            raise BaselineError(f"--{name} is {getattr(config, name)}; must be at least 0 and below 1")
    if not 0 < config.lr < 1:
        raise BaselineError(f"--lr is {config.lr}; must be above 0 and below 1")
    if 0 < config.crop < 16:
        raise BaselineError(f"--crop is {config.crop}; must be at least 16 px, or 0 for whole images")
    options = ", ".join("--" + name for name in LOSS_TERMS)
    if not any(getattr(config, name) for name in LOSS_TERMS):
        raise BaselineError(f"{options} are all 0: there is nothing to learn from")
    if config.is_cyclegan and (not config.adversarial or any(getattr(config, name) for name in LOSS_TERMS[1:])):
        raise BaselineError(f"--model cyclegan is trained without pairs: of {options}, only the first may be above 0")
