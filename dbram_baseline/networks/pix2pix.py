"""The U-Net generator of pix2pix (Isola et al., CVPR 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dbram_baseline.model import init_weights, norm_layer, pad_to_multiple


class UNet(nn.Module):
    """The U-Net of pix2pix with five levels; with more, an image of 32 px height would be reduced to nothing."""

    multiple = 32

    def __init__(self, width: int = 64, norm: str = "batch", dropout: float = 0.0):
        super().__init__()
        normalize, bias = norm_layer(norm)
        sizes = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        inputs = 3
        for level, c in enumerate(sizes):
            outermost, innermost = level == 0, level == len(sizes) - 1
            layers: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2)]
            layers.append(nn.Conv2d(inputs, c, 4, 2, 1, bias=bias))
            self.down.append(nn.Sequential(*layers, *([] if outermost or innermost else [normalize(c)])))
            up_inputs, up_outputs = c if innermost else 2 * c, 3 if outermost else inputs
            layers = [nn.ReLU(), nn.ConvTranspose2d(up_inputs, up_outputs, 4, 2, 1, bias=outermost or bias)]
            layers += [nn.Tanh()] if outermost else [normalize(up_outputs)]
            layers += [nn.Dropout(dropout)] if dropout and level == len(sizes) - 2 else []
            self.up.append(nn.Sequential(*layers))
            inputs = c
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        """Binarize images (B, 3, H, W) in [-1, 1]."""
        padded, crop = pad_to_multiple(x, self.multiple)
        maps = [padded]
        for down in self.down:
            maps.append(down(maps[-1]))
        y = maps.pop()
        for up in reversed(list(self.up)):
            y = up(y)
            y = torch.cat([maps.pop(), y], dim=1) if len(maps) > 1 else y
        return crop(y)
