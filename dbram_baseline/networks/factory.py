"""Models and discriminators by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from dbram_baseline.model import ABLATIONS, Generator
from dbram_baseline.networks.compact import Compact
from dbram_baseline.networks.discriminators import PatchDiscriminator, PixelDiscriminator
from dbram_baseline.networks.fcn import FCN
from dbram_baseline.networks.pix2pix import UNet
from dbram_baseline.networks.plain_unet import PlainUNet

# DB-RAM with its ablations, its competitors, and the compact U-Net. Each constructor accepts width, attn1, norm and
# dropout, and ignores what its network does not have.
MODELS: dict[str, Callable[..., nn.Module]] = {
    **ABLATIONS,
    "pix2pix": lambda attn1="", **arguments: UNet(**arguments),
    "cgan": lambda **arguments: Generator(attention=False, rnn="none", **arguments),
    "cyclegan": lambda **arguments: Generator(attention=False, rnn="none", blocks=9, **arguments),
    "fcn": lambda width, **_: FCN(width),
    "compact": lambda attn1="", **arguments: Compact(**arguments),
    "plainu": lambda attn1="", **arguments: PlainUNet(**arguments),
}
DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {"pixel": PixelDiscriminator, "patch": PatchDiscriminator}


def build_generator(
    name: str, width: int = 64, attn1: str = "table", norm: str = "batch", dropout: float = 0.5
) -> nn.Module:
    """A new generator, by its name in MODELS."""
    return MODELS[name](width=width, attn1=attn1, norm=norm, dropout=dropout)


def count_parameters(network: nn.Module) -> int:
    """The number of trained values."""
    return sum(p.numel() for p in network.parameters())
