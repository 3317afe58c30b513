"""The fully convolutional binarizer of Tensmeyer and Martinez (ICDAR 2017), after the network that they published.

Four scales, each of half the size of the one before, of 7, 6, 5 and 4 convolutions; all of them brought back to full
size, put together and convolved twice more. It sees grey and relative darkness: of the 25 pixels of each
neighbourhood, how many are darker than its middle, about as dark, and brighter. There are no norms, and borders are
padded with zeros.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

AROUND, APART = 2, 10  # px on each side; levels of 255 from which on a pixel is darker or brighter
LUMA = (0.299, 0.587, 0.114)


class FCN(nn.Module):
    """Input and output as of the other generators: (B, 3, H, W) in [-1, 1], text -1. One plane comes out, as three."""

    def __init__(self, width: int = 64, kernel: int = 9, lengths: tuple[int, ...] = (7, 6, 5, 4)):
        super().__init__()

        def layers(before: int, number: int) -> nn.Sequential:
            sizes = pairwise([before, *[width] * number])
            return nn.Sequential(
                *(nn.Sequential(nn.Conv2d(i, o, kernel, padding=kernel // 2), nn.ReLU()) for i, o in sizes)
            )

        # The first convolution of a scale is what the next one is pooled from.
        self.first = nn.ModuleList(layers(width if scale else 4, 1) for scale in range(len(lengths)))
        self.rest = nn.ModuleList(layers(width, number - 1) for number in lengths)
        self.head = nn.Sequential(
            *layers(width * len(lengths), 1), nn.Conv2d(width, 1, kernel, padding=kernel // 2), nn.Sigmoid()
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        y, maps = planes(x).to(x.dtype), []
        for first, rest in zip(self.first, self.rest, strict=True):
            y = first(y)
            maps.append(functional.interpolate(rest(y), size=x.shape[2:], mode="bilinear"))
            y = functional.avg_pool2d(y, 2, ceil_mode=True)
        text = self.head(torch.cat(maps, dim=1))
        return (1 - 2 * text).expand(-1, 3, -1, -1)


def planes(x: Tensor) -> Tensor:
    """Grey, and the shares of darker, like and brighter pixels around each: (B, 4, H, W) in [-0.5, 0.5], of images
    (B, 3, H, W) in [-1, 1]."""
    levels = torch.round((x.float() + 1) * 127.5)  # exact also where x came in bf16
    weights = torch.tensor(LUMA, device=x.device)[None, :, None, None]
    grey = torch.round((levels * weights).sum(dim=1, keepdim=True))
    framed = functional.pad(grey, (AROUND,) * 4, mode="replicate")
    side = 2 * AROUND + 1
    darker, brighter = torch.zeros_like(grey), torch.zeros_like(grey)
    for down in range(side):
        for across in range(side):
            near = framed[:, :, down : down + grey.shape[2], across : across + grey.shape[3]]
            darker += near < grey - APART
            brighter += near > grey + APART
    like = side**2 - darker - brighter
    return torch.cat([grey / 255, *(count / side**2 for count in (darker, like, brighter))], dim=1) - 0.5
