"""The fully convolutional network of Tensmeyer and Martinez (ICDAR 2017), after the network that they published.

It has four scales of 7, 6, 5 and 4 convolutions; each scale is half the size of the previous one. The maps of all
scales are resized to full size, concatenated and convolved twice more. Besides grey, the input has the relative
darkness of each pixel: the shares of the 25 pixels around it that are darker, about as dark, and brighter. There is
no normalisation, and borders are padded with zeros.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

RADIUS, CONTRAST = 2, 10  # px around a pixel; a neighbour is darker or brighter if it differs by more of 255 levels
LUMA = (0.299, 0.587, 0.114)


class FCN(nn.Module):
    """Input and output are those of the other generators; the single output plane is repeated three times."""

    def __init__(self, width: int = 64, kernel: int = 9, lengths: tuple[int, ...] = (7, 6, 5, 4)):
        super().__init__()

        def layers(inputs: int, number: int) -> nn.Sequential:
            sizes = pairwise([inputs, *[width] * number])
            return nn.Sequential(
                *(nn.Sequential(nn.Conv2d(i, o, kernel, padding=kernel // 2), nn.ReLU()) for i, o in sizes)
            )

        # The next scale starts from the pooled output of this scale's first convolution.
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
        """Binarize images (B, 3, H, W) in [-1, 1]."""
        y, maps = input_planes(x).to(x.dtype), []
        for first, rest in zip(self.first, self.rest, strict=True):
            y = first(y)
            maps.append(functional.interpolate(rest(y), size=x.shape[2:], mode="bilinear"))
            y = functional.avg_pool2d(y, 2, ceil_mode=True)
        text = self.head(torch.cat(maps, dim=1))
        return (1 - 2 * text).expand(-1, 3, -1, -1)


def input_planes(x: Tensor) -> Tensor:
    """Grey, and the shares of darker, similar and brighter neighbours of each pixel.

    From images (B, 3, H, W) in [-1, 1] to (B, 4, H, W) in [-0.5, 0.5].
    """
    levels = torch.round((x.float() + 1) * 127.5)  # exact for bf16 input too
    weights = torch.tensor(LUMA, device=x.device)[None, :, None, None]
    grey = torch.round((levels * weights).sum(dim=1, keepdim=True))
    padded = functional.pad(grey, (RADIUS,) * 4, mode="replicate")
    side = 2 * RADIUS + 1
    darker, brighter = torch.zeros_like(grey), torch.zeros_like(grey)
    for top in range(side):
        for left in range(side):
            neighbour = padded[:, :, top : top + grey.shape[2], left : left + grey.shape[3]]
            darker += neighbour < grey - CONTRAST
            brighter += neighbour > grey + CONTRAST
    similar = side**2 - darker - brighter
    return torch.cat([grey / 255, *(count / side**2 for count in (darker, similar, brighter))], dim=1) - 0.5
