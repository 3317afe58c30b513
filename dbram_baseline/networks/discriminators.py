"""Discriminators: DB-RAM's own, which judges single pixels, and the PatchGAN of pix2pix and CycleGAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dbram_baseline.model import init_weights, norm_layer


class PixelDiscriminator(nn.Module):
    """DB-RAM's discriminator: three 1x1 convolutions on an image joined with its real or generated ground truth."""

    def __init__(self, width: int = 64, norm: str = "batch"):
        super().__init__()
        normalize, bias = norm_layer(norm)
        self.body = nn.Sequential(
            nn.Conv2d(6, width, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 1, bias=bias), normalize(2 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )  # fmt: skip
        self.apply(init_weights)

    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        """One logit per pixel, (B, 1, H, W), from two inputs (B, 3, H, W)."""
        return self.body(torch.cat([image, truth], dim=1))


class PatchDiscriminator(nn.Module):
    """The 70x70 PatchGAN of pix2pix: one logit per overlapping patch, 2 x 33 of them for an image of 32 x 280 px.

    `planes` is 6 to judge an image joined with its ground truth (pix2pix), 3 to judge either of them (CycleGAN).
    """

    def __init__(self, width: int = 64, norm: str = "batch", planes: int = 6):
        super().__init__()
        normalize, bias = norm_layer(norm)
        layers: list[nn.Module] = [nn.Conv2d(planes, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for inputs, c, stride in ((width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 8 * width, 1)):
            layers += [nn.Conv2d(inputs, c, 4, stride, 1, bias=bias), normalize(c), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))
        self.apply(init_weights)

    def forward(self, *images: Tensor) -> Tensor:
        """Logits (B, 1, h, w) of all inputs (B, 3, H, W) joined along their planes."""
        return self.body(torch.cat(images, dim=1))
