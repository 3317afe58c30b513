"""The network of *Document binarization using recurrent attention generative model* (DB-RAM, 2019).

The generator follows Table 1 of the paper: the ResNet generator of pix2pix, with two attention blocks and a
two-dimensional LSTM before its residual blocks. Where the text, the table and the figure of the paper disagree, the
reading is chosen that reproduces every printed number.

Input and output are float (B, 3, H, W) in [-1, 1]; text is -1, background 1. H and W may have any value: the border
is repeated up to the size that the strides need, and the output is cropped again.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Norm = Callable[[int], nn.Module]
ATTENDED_AT_ONCE = 4  # images, on a CPU: the weights of so many fit into its cache
SHIFTS = ((0, 0), (0, 1), (1, 0), (1, 1))  # of the pixels of a block, in the order of pixel_shuffle


class Attention(nn.Module):
    """Non-local block, Eq. 3-5: x + alpha * out(softmax(q k^T / sqrt(d)) v) over all positions of the map.

    `alpha` starts at 0, so that the block starts as the identity. Table 1 gives the first block a value with a
    quarter of the channels; a 1x1 convolution (not printed in the table) restores the full number.
    """

    def __init__(self, channels: int, key: int, value: int):
        super().__init__()
        self.query, self.key = nn.Conv2d(channels, key, 1), nn.Conv2d(channels, key, 1)
        self.value = nn.Conv2d(channels, value, 1)
        self.out = nn.Conv2d(value, channels, 1) if value != channels else nn.Identity()
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend to the map x (B, C, H, W); the result has its shape."""
        q, k, v = (f(x).flatten(2).transpose(1, 2) for f in (self.query, self.key, self.value))  # (B, HW, d)
        if x.is_cuda:
            y = functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        else:  # on a CPU the explicit product is two to three times faster, forward and backward
            scaled = q * q.shape[2] ** -0.5  # before the product, which has far more elements
            parts = zip(*(t.split(ATTENDED_AT_ONCE) for t in (scaled, k.transpose(1, 2), v)), strict=True)
            y = torch.cat([torch.bmm(torch.softmax(torch.bmm(q, k), dim=2), v) for q, k, v in parts])
        return x + self.alpha * self.out(y.transpose(1, 2).unflatten(2, x.shape[2:]))


class SpatialLSTM(nn.Module):
    """An LSTM along rows beside an LSTM down columns (Fig. 3): (B, C, H, W) to (B, 2C, H, W).

    With `rows_only`, one bidirectional LSTM along rows replaces both; it has the same number of parameters.
    """

    def __init__(self, channels: int, rows_only: bool = False):
        super().__init__()
        self.row = nn.LSTM(channels, channels, batch_first=True, bidirectional=rows_only)
        self.column = None if rows_only else nn.LSTM(channels, channels, batch_first=True)
        self.side_streams: list[torch.cuda.Stream] = []

    def forward(self, x: Tensor) -> Tensor:
        """The states along rows, then those along columns: (B, 2C, H, W)."""
        if self.column is None:
            return self.along_rows(self.row, x)
        if x.is_cuda and not torch.cuda.is_current_stream_capturing():  # neither LSTM fills the GPU alone
            main, side = torch.cuda.current_stream(), self.side_stream()
            side.wait_stream(main)
            with torch.cuda.stream(side):
                down = self.down_columns(self.column, x)
            along = self.along_rows(self.row, x)
            main.wait_stream(side)
            down.record_stream(main)
            return torch.cat([along, down], dim=1)
        return torch.cat([self.along_rows(self.row, x), self.down_columns(self.column, x)], dim=1)

    def side_stream(self) -> torch.cuda.Stream:
        """The second CUDA stream, created at the first use."""
        if not self.side_streams:
            self.side_streams.append(torch.cuda.Stream())
        return self.side_streams[0]

    @staticmethod
    def along_rows(lstm: nn.LSTM, x: Tensor) -> Tensor:
        """Run the LSTM over each row, from left to right."""
        batch, _, height, width = x.shape
        sequences = x.permute(0, 2, 3, 1).reshape(batch * height, width, -1)
        return lstm(sequences)[0].reshape(batch, height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    def down_columns(lstm: nn.LSTM, x: Tensor) -> Tensor:
        """Run the LSTM over each column, from top to bottom."""
        return SpatialLSTM.along_rows(lstm, x.transpose(2, 3)).transpose(2, 3)


class Residual(nn.Module):
    """Two 3x3 convolutions with a reflected border, dropout (the noise Z of Eq. 1) between them, and a skip."""

    def __init__(self, channels: int, norm: Norm, bias: bool, dropout: float):
        super().__init__()
        first = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), norm(channels)]
        second = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), norm(channels)]
        self.body = nn.Sequential(*first, nn.ReLU(), *([nn.Dropout(dropout)] if dropout else []), *second)

    def forward(self, x: Tensor) -> Tensor:
        """Add the residual to x (B, C, H, W)."""
        return x + self.body(x)


class OutputConv2d(nn.Conv2d):
    """A convolution of stride 1 with few output channels, which a CPU computes for 2 x 2 pixels at once.

    The four pixels are the channels of a convolution of stride 2, whose kernel is larger by one. It does more products,
    but fills vector registers, and takes half of the time. The results are the same up to rounding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, C, H, W); the usual convolution is used where the output has an odd side."""
        height, width = x.shape[2] - self.kernel_size[0] + 1, x.shape[3] - self.kernel_size[1] + 1
        if x.is_cuda or height % 2 or width % 2 or self.bias is None:
            return super().forward(x)
        shifted = [functional.pad(self.weight, (right, 1 - right, down, 1 - down)) for down, right in SHIFTS]
        weight = torch.stack(shifted, dim=1).flatten(0, 1)  # (4 outputs, C, kernel + 1, kernel + 1)
        blocks = functional.conv2d(x, weight, self.bias.repeat_interleave(4), stride=2)
        return functional.pixel_shuffle(blocks, 2)


class Generator(nn.Module):
    """The generator of Table 1; `width` is the number of channels in its first row (64 in the paper).

    The ablations leave out `attention`, or replace the two-dimensional LSTM: `rnn` is "row-column", "rows" or "none".
    `attn1` selects the channels of the first attention (query, key, value), of 256: as in the table ("table": 8, 8,
    64) or as in Eq. 4 ("eq4": 32, 32, 256).
    """

    multiple = 4  # H and W are padded to multiples of this

    def __init__(self, width: int = 64, attention: bool = True, rnn: str = "row-column", attn1: str = "table",
                 norm: str = "batch", dropout: float = 0.5, blocks: int = 6):  # fmt: skip
        super().__init__()
        normalize, bias = norm_layer(norm)
        c = 4 * width
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7, bias=bias), normalize(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), normalize(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, c, 3, 2, 1, bias=bias), normalize(c), nn.ReLU(),
        )  # fmt: skip
        channels = (max(1, c // 32), c // 4) if attn1 == "table" else (c // 8, c)
        self.attention_1 = Attention(c, *channels) if attention else nn.Identity()
        self.rnn = nn.Identity()
        if rnn != "none":
            self.rnn = nn.Sequential(SpatialLSTM(c, rows_only=rnn == "rows"), nn.Conv2d(2 * c, c, 1))
        self.attention_2 = Attention(c, c // 8, c) if attention else nn.Identity()
        self.residual = nn.Sequential(*(Residual(c, normalize, bias, dropout) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(c, 2 * width, 3, 2, 1, 1, bias=bias), normalize(2 * width), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1, bias=bias), normalize(width), nn.ReLU(),
            nn.ReflectionPad2d(3), OutputConv2d(width, 3, 7), nn.Tanh(),
        )  # fmt: skip
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        """Binarize images (B, 3, H, W) in [-1, 1]; the three planes of the output are averaged for scoring."""
        padded, crop = pad_to_multiple(x, self.multiple)
        y = self.attention_2(self.rnn(self.attention_1(self.encoder(padded))))
        return crop(self.decoder(self.residual(y)))


def norm_layer(kind: str) -> tuple[Norm, bool]:
    """The constructor of a normalisation ("batch" or "instance"), and whether convolutions before it need a bias."""
    return (nn.BatchNorm2d, False) if kind == "batch" else (nn.InstanceNorm2d, True)


def pad_to_multiple(x: Tensor, multiple: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Repeat the border until both sides are multiples and at least 8 px; also a function that crops it again."""
    height, width = x.shape[2:]
    padded_height, padded_width = (max(8, -(-side // multiple) * multiple) for side in (height, width))
    if (padded_height, padded_width) == (height, width):
        return x, lambda y: y
    top, left = (padded_height - height) // 2, (padded_width - width) // 2
    border = (left, padded_width - width - left, top, padded_height - height - top)
    return functional.pad(x, border, mode="replicate"), lambda y: y[:, :, top : top + height, left : left + width]


def init_weights(module: nn.Module) -> None:
    """Initialise as pix2pix does: convolutions N(0, 0.02), norms N(1, 0.02). LSTMs keep the default of torch."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


# The model, its three ablations in the paper, and our control without attention and LSTM.
ABLATIONS: dict[str, Callable[..., Generator]] = {
    "dbram": Generator,
    "nonlocal": lambda **arguments: Generator(rnn="none", **arguments),
    "only-lstm": lambda **arguments: Generator(attention=False, rnn="rows", **arguments),
    "nonlocal-bilstm": lambda **arguments: Generator(rnn="rows", **arguments),
    "resnet6": lambda **arguments: Generator(attention=False, rnn="none", **arguments),
}
