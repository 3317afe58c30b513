"""The network of *Document binarization with a recurrent attention generative model* (DB-RAM, 2019), and its kin.

Table 1 of the paper, with the places where text, table and figure disagree resolved so that every printed number
holds: the ResNet generator of pix2pix with two attention blocks and a two-dimensional LSTM before its residual
blocks. Images go in and come out as float (B, 3, H, W) in [-1, 1]; text is -1, background 1. Sides may be any
number of pixels: they are padded by repeating the border to what the strides need, and the output is cropped.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from dbram_baseline.networks.fcn import FCN

Norm = Callable[[int], nn.Module]


class Attention(nn.Module):
    """Non-local block, Eq. 3-5: x + alpha * out(softmax(q k^T / sqrt(d)) v) over all places of the map.

    `alpha` begins at 0, so that the block begins as the identity. Table 1 gives the first block a value of a
    quarter of the channels, which a 1x1 convolution (not printed there) brings back to all of them.
    """

    def __init__(self, channels: int, key: int, value: int):
        super().__init__()
        self.query, self.key = nn.Conv2d(channels, key, 1), nn.Conv2d(channels, key, 1)
        self.value = nn.Conv2d(channels, value, 1)
        self.out = nn.Conv2d(value, channels, 1) if value != channels else nn.Identity()
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).flatten(2).transpose(1, 2) for f in (self.query, self.key, self.value))  # (B, HW, d)
        if x.is_cuda:
            y = functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        else:  # there, this is two to three times faster, forward and backward
            y = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)) * q.shape[2] ** -0.5, dim=2), v)
        return x + self.alpha * self.out(y.transpose(1, 2).unflatten(2, x.shape[2:]))


class SpatialLSTM(nn.Module):
    """An LSTM along rows and one down columns, side by side (Fig. 3): (B, C, H, W) to (B, 2C, H, W).

    `rows_only` has one LSTM along rows in both directions instead, of as many parameters.
    """

    def __init__(self, channels: int, rows_only: bool = False):
        super().__init__()
        self.row = nn.LSTM(channels, channels, batch_first=True, bidirectional=rows_only)
        self.column = None if rows_only else nn.LSTM(channels, channels, batch_first=True)
        self.streams: list[torch.cuda.Stream] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.column is None:
            return self.along_rows(self.row, x)
        if x.is_cuda and not torch.cuda.is_current_stream_capturing():  # neither fills the device alone
            here, aside = torch.cuda.current_stream(), self.aside()
            aside.wait_stream(here)
            with torch.cuda.stream(aside):
                down = self.down_columns(self.column, x)
            along = self.along_rows(self.row, x)
            here.wait_stream(aside)
            down.record_stream(here)
            return torch.cat([along, down], dim=1)
        return torch.cat([self.along_rows(self.row, x), self.down_columns(self.column, x)], dim=1)

    def aside(self) -> torch.cuda.Stream:
        """A second stream, made at first use."""
        if not self.streams:
            self.streams.append(torch.cuda.Stream())
        return self.streams[0]

    @staticmethod
    def along_rows(lstm: nn.LSTM, x: Tensor) -> Tensor:
        """Every row is a sequence, from left to right."""
        batch, _, height, width = x.shape
        sequences = x.permute(0, 2, 3, 1).reshape(batch * height, width, -1)
        return lstm(sequences)[0].reshape(batch, height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    def down_columns(lstm: nn.LSTM, x: Tensor) -> Tensor:
        """Every column is a sequence, from top to bottom."""
        return SpatialLSTM.along_rows(lstm, x.transpose(2, 3)).transpose(2, 3)


class Residual(nn.Module):
    """Two 3x3 convolutions over a reflected border, with dropout (the noise Z of Eq. 1) between, and a skip."""

    def __init__(self, channels: int, norm: Norm, bias: bool, dropout: float):
        super().__init__()
        half = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), norm(channels)]
        more = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), norm(channels)]
        self.body = nn.Sequential(*half, nn.ReLU(), *([nn.Dropout(dropout)] if dropout else []), *more)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Generator(nn.Module):
    """Table 1, `width` being the channels of its first row (64 in the paper).

    `attention` and `rnn` (row-column, rows or none) leave parts out, for the ablations. `attn1` is the first
    attention as the table prints it ("table": 8, 8, 64 of 256 channels) or as Eq. 4 has it ("eq4": 32, 32, 256).
    """

    multiple = 4  # of which sides are padded to be

    def __init__(self, width: int = 64, attention: bool = True, rnn: str = "row-column", attn1: str = "table",
                 norm: str = "batch", dropout: float = 0.5, blocks: int = 6):  # fmt: skip
        super().__init__()
        new, bias = _norm(norm)
        c = 4 * width
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7, bias=bias), new(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), new(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, c, 3, 2, 1, bias=bias), new(c), nn.ReLU(),
        )  # fmt: skip
        first = (max(1, c // 32), c // 4) if attn1 == "table" else (c // 8, c)
        self.attention_1 = Attention(c, *first) if attention else nn.Identity()
        self.rnn = nn.Identity()
        if rnn != "none":
            self.rnn = nn.Sequential(SpatialLSTM(c, rows_only=rnn == "rows"), nn.Conv2d(2 * c, c, 1))
        self.attention_2 = Attention(c, c // 8, c) if attention else nn.Identity()
        self.residual = nn.Sequential(*(Residual(c, new, bias, dropout) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(c, 2 * width, 3, 2, 1, 1, bias=bias), new(2 * width), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1, bias=bias), new(width), nn.ReLU(),
            nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh(),
        )  # fmt: skip
        self.apply(_begin)

    def forward(self, x: Tensor) -> Tensor:
        padded, crop = _padded(x, self.multiple)
        y = self.attention_2(self.rnn(self.attention_1(self.encoder(padded))))
        return crop(self.decoder(self.residual(y)))


class Discriminator(nn.Module):
    """Three 1x1 convolutions on an image beside its (real or generated) truth: a logit a pixel, (B, 1, H, W)."""

    def __init__(self, width: int = 64, norm: str = "batch"):
        super().__init__()
        new, bias = _norm(norm)
        self.body = nn.Sequential(
            nn.Conv2d(6, width, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 1, bias=bias), new(2 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )  # fmt: skip
        self.apply(_begin)

    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        return self.body(torch.cat([image, truth], dim=1))


class PatchDiscriminator(nn.Module):
    """The 70x70 PatchGAN of pix2pix: a logit for each overlapping patch; 2 x 33 of them for 32 x 280 px.

    It judges all that it is given, side by side: an image with its truth (pix2pix), or one of them alone (CycleGAN).
    """

    def __init__(self, width: int = 64, norm: str = "batch", planes: int = 6):
        super().__init__()
        new, bias = _norm(norm)
        layers: list[nn.Module] = [nn.Conv2d(planes, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for before, c, stride in ((width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 8 * width, 1)):
            layers += [nn.Conv2d(before, c, 4, stride, 1, bias=bias), new(c), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))
        self.apply(_begin)

    def forward(self, *images: Tensor) -> Tensor:
        return self.body(torch.cat(images, dim=1))


class UNet(nn.Module):
    """The U-Net of pix2pix at depth 5, the least that it has: deeper ones cannot take 32 px of height."""

    multiple = 32

    def __init__(self, width: int = 64, norm: str = "batch", dropout: float = 0.0):
        super().__init__()
        new, bias = _norm(norm)
        sizes = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = 3
        for level, c in enumerate(sizes):
            outermost, innermost = level == 0, level == len(sizes) - 1
            layers: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2)]
            layers.append(nn.Conv2d(before, c, 4, 2, 1, bias=bias))
            self.down.append(nn.Sequential(*layers, *([] if outermost or innermost else [new(c)])))
            wide, to = c if innermost else 2 * c, 3 if outermost else before
            layers = [nn.ReLU(), nn.ConvTranspose2d(wide, to, 4, 2, 1, bias=outermost or bias)]
            layers += [nn.Tanh()] if outermost else [new(to)]
            layers += [nn.Dropout(dropout)] if dropout and level == len(sizes) - 2 else []
            self.up.append(nn.Sequential(*layers))
            before = c
        self.apply(_begin)

    def forward(self, x: Tensor) -> Tensor:
        padded, crop = _padded(x, self.multiple)
        maps = [padded]
        for down in self.down:
            maps.append(down(maps[-1]))
        y = maps.pop()
        for up in reversed(list(self.up)):
            y = up(y)
            y = torch.cat([maps.pop(), y], dim=1) if len(maps) > 1 else y
        return crop(y)


class PlainUNet(nn.Module):
    """A compact network of today, ours: plain 3x3 residual blocks between 1/2 and 1/16 of the size, sums for skips.

    The image is folded to half its size before the first convolution, and the output unfolded from it, so that no
    convolution works at full size. One plane comes out, and is given as three.
    """

    multiple = 16

    def __init__(self, width: int = 32, norm: str = "batch", dropout: float = 0.0):
        super().__init__()
        new, bias = _norm(norm)
        sizes = [width, 2 * width, 4 * width, 4 * width]
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1, bias=bias), new(width), nn.ReLU()
        )
        self.down, self.up, self.left, self.right = (nn.ModuleList() for _ in range(4))
        for c, wider in zip(sizes, [*sizes[1:], 0], strict=True):
            self.left.append(_Block(c, new, bias, dropout))
            if wider:
                self.down.append(nn.Sequential(nn.Conv2d(c, wider, 3, 2, 1, bias=bias), new(wider), nn.ReLU()))
                self.up.append(nn.Sequential(nn.Conv2d(wider, 4 * c, 1), nn.PixelShuffle(2)))
                self.right.append(_Block(c, new, bias, dropout))
        self.head = nn.Sequential(nn.Conv2d(width, 4, 3, padding=1), nn.PixelShuffle(2), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        padded, crop = _padded(x, self.multiple)
        y, skips = self.left[0](self.stem(padded)), []
        for down, block in zip(self.down, self.left[1:], strict=True):
            skips.append(y)
            y = block(down(y))
        for up, block in zip(reversed(list(self.up)), reversed(list(self.right)), strict=True):
            y = block(up(y) + skips.pop())
        return crop(self.head(y)).expand(-1, 3, -1, -1)


class _Block(nn.Module):
    """Two 3x3 convolutions and a skip."""

    def __init__(self, channels: int, norm: Norm, bias: bool, dropout: float):
        super().__init__()
        first = [nn.Conv2d(channels, channels, 3, padding=1, bias=bias), norm(channels), nn.ReLU()]
        middle = [nn.Dropout(dropout)] if dropout else []
        second = [nn.Conv2d(channels, channels, 3, padding=1, bias=bias), norm(channels)]
        self.body = nn.Sequential(*first, *middle, *second)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


def _norm(kind: str) -> tuple[Norm, bool]:
    """A maker of norms, and whether the convolutions before them need a bias."""
    return (nn.BatchNorm2d, False) if kind == "batch" else (nn.InstanceNorm2d, True)


def _padded(x: Tensor, multiple: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The border repeated to sides that are multiples, of at least 8 px, and a function that takes it off again."""
    height, width = x.shape[2:]
    tall, wide = (max(8, -(-side // multiple) * multiple) for side in (height, width))
    if (tall, wide) == (height, width):
        return x, lambda y: y
    top, left = (tall - height) // 2, (wide - width) // 2
    sides = (left, wide - width - left, top, tall - height - top)
    return functional.pad(x, sides, mode="replicate"), lambda y: y[:, :, top : top + height, left : left + width]


def _begin(module: nn.Module) -> None:
    """Initial weights as in pix2pix: N(0, 0.02), norms N(1, 0.02); an LSTM keeps torch's own."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


# Of the paper: the model, its three ablations, and our control. Then its competitors, and a network of today.
# What a network does not have (an attention, norms, dropout) is taken and left.
VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "dbram": Generator,
    "nonlocal": lambda **k: Generator(rnn="none", **k),
    "only-lstm": lambda **k: Generator(attention=False, rnn="rows", **k),
    "nonlocal-bilstm": lambda **k: Generator(rnn="rows", **k),
    "resnet6": lambda **k: Generator(attention=False, rnn="none", **k),
    "pix2pix": lambda attn1="", **k: UNet(**k),
    "cgan": lambda **k: Generator(attention=False, rnn="none", **k),
    "cyclegan": lambda **k: Generator(attention=False, rnn="none", blocks=9, **k),
    "fcn": lambda width, **_: FCN(width),
    "plainu": lambda attn1="", **k: PlainUNet(**k),
}


def generator(name: str, width: int = 64, attn1: str = "table", norm: str = "batch", dropout: float = 0.5) -> nn.Module:
    """A generator by the name of its variant."""
    return VARIANTS[name](width=width, attn1=attn1, norm=norm, dropout=dropout)


DISCRIMINATORS = {"pixel": Discriminator, "patch": PatchDiscriminator}


def parameters(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(p.numel() for p in module.parameters())


def folded(module: nn.Module) -> nn.Module:
    """A copy for scoring: in evaluation mode, with each batch norm folded into the convolution before it."""
    import copy  # noqa: PLC0415

    module = copy.deepcopy(module).eval()
    for owner in module.modules():
        if isinstance(owner, nn.Sequential):
            for name, later in list(zip(owner._modules, list(owner._modules)[1:], strict=False)):
                conv, norm = owner._modules[name], owner._modules[later]
                if isinstance(norm, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d | nn.ConvTranspose2d):
                    transpose = isinstance(conv, nn.ConvTranspose2d)
                    fused = nn.utils.fusion.fuse_conv_bn_weights(
                        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias,
                        transpose,
                    )  # fmt: skip
                    conv.weight, conv.bias = fused
                    owner._modules[later] = nn.Identity()
    return module
