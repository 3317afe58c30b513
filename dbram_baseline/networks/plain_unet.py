"""`plainu`: a compact U-Net of our own, without attention or LSTM."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dbram_baseline.model import Norm, norm_layer, pad_to_multiple

DILATION = 2  # of the blocks that see more of a line


class PlainUNet(nn.Module):
    """3x3 residual blocks at 1/2 to 1/16 of the size of the image; skip connections are added.

    Pixels are unshuffled to half the size before the first convolution, and shuffled back after the last, so that no
    convolution runs at full size. `context` more blocks at 1/16, with dilated convolutions, see more of a line of text.
    The single output plane is repeated three times.
    """

    multiple = 16
    planes = 1

    def __init__(self, width: int = 32, norm: str = "batch", dropout: float = 0.0, context: int = 0):
        super().__init__()
        normalize, bias = norm_layer(norm)
        sizes = [width, 2 * width, 4 * width, 4 * width]
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1, bias=bias), normalize(width), nn.ReLU()
        )
        self.down, self.up, self.left, self.right = (nn.ModuleList() for _ in range(4))
        for c, wider in zip(sizes, [*sizes[1:], 0], strict=True):
            self.left.append(_Block(c, normalize, bias, dropout))
            if wider:
                self.down.append(nn.Sequential(nn.Conv2d(c, wider, 3, 2, 1, bias=bias), normalize(wider), nn.ReLU()))
                self.up.append(nn.Sequential(nn.Conv2d(wider, 4 * c, 1), nn.PixelShuffle(2)))
                self.right.append(_Block(c, normalize, bias, dropout))
        self.context = nn.Sequential(*(_Block(sizes[-1], normalize, bias, dropout, DILATION) for _ in range(context)))
        for block in self.context:  # as the identity at first, so that they can be added to a trained network
            if (scale := block.body[-1].weight) is not None:
                nn.init.zeros_(scale)
        self.head = nn.Sequential(nn.Conv2d(width, 4 * self.planes, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """Binarize images (B, 3, H, W) in [-1, 1]."""
        return torch.tanh(self.logits(x)).expand(-1, 3, -1, -1)

    def logits(self, x: Tensor) -> Tensor:
        """The outputs of the last convolution, (B, planes, H, W), for images (B, 3, H, W) in [-1, 1]."""
        padded, crop = pad_to_multiple(x, self.multiple)
        return crop(self.logits_of_padded(padded))

    def logits_of_padded(self, x: Tensor) -> Tensor:
        """As `logits`, for images whose sides are multiples of `multiple`."""
        y, skips = self.left[0](self.stem(x)), []
        for down, block in zip(self.down, self.left[1:], strict=True):
            skips.append(y)
            y = block(down(y))
        y = self.context(y)
        for up, block in zip(reversed(list(self.up)), reversed(list(self.right)), strict=True):
            y = block(up(y) + skips.pop())
        head: Tensor = self.head(y)
        return head


class _Block(nn.Module):
    """Two 3x3 convolutions and a skip connection."""

    def __init__(self, channels: int, norm: Norm, bias: bool, dropout: float, dilation: int = 1):
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, 1, dilation, dilation, bias=bias) for _ in range(2))
        middle = [nn.Dropout(dropout)] if dropout else []
        self.body = nn.Sequential(first, norm(channels), nn.ReLU(), *middle, second, norm(channels))

    def forward(self, x: Tensor) -> Tensor:
        """ReLU(x + residual), (B, C, H, W)."""
        return functional.relu(x + self.body(x))
