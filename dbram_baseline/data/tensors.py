"""Pixels to tensors and back. Networks read and write float (B, 3, H, W) in [-1, 1]; text is -1, background 1."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dbram_baseline.arrays import U8


def to_batch(images: U8) -> Tensor:
    """uint8 images (N, H, W, 3) as a tensor (N, 3, H, W) of the same values."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def as_input(images: Tensor) -> Tensor:
    """uint8 images (B, 3, H, W) as input of a network: float in [-1, 1], channels last in memory."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def as_target(truths: Tensor) -> Tensor:
    """uint8 ground truths (B, H, W) as (B, 3, H, W) of -1 (text) and 1; colour images (B, 3, H, W) as input."""
    if truths.ndim == 4:
        return as_input(truths)
    return ((truths > 127).float() * 2 - 1)[:, None].expand(-1, 3, -1, -1)


def as_greys(outputs: Tensor) -> Tensor:
    """Outputs of a network (B, 3, H, W) in [-1, 1] as greys (B, H, W) in [0, 1], the mean of the planes."""
    return (outputs.float().mean(dim=1) + 1) / 2


def crop_width(images: Tensor, truths: Tensor, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """Crop both to the same columns, at a position that depends only on the seed; unchanged if `width` is 0."""
    room = images.shape[3] - width
    if not width or room <= 0:
        return images, truths
    left = int(np.random.default_rng(seed).integers(room + 1))
    return images[..., left : left + width], truths[..., left : left + width]
