"""Validation of a generator during training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from dbram_baseline.arrays import U8
from dbram_baseline.data.sources import Source
from dbram_baseline.data.tensors import as_input, as_target
from dbram_baseline.evaluation.metrics import BLANK_INK, MAX_PSNR, blank_ink, f_measure, psnr
from dbram_baseline.training.losses import ssim
from dbram_baseline.training.step import Learner

PICTURED = 10  # pairs in the picture
BATCH = 32


@dataclass(frozen=True)
class Validation:
    """The means of the metrics, and a picture (H, W, 3): a row of input, ground truth and output for each pair."""

    metrics: dict[str, float]
    picture: U8


@torch.no_grad()
def validate(generator: nn.Module, source: Source, learner: Learner, device: torch.device) -> Validation:
    """PSNR, SSIM and, for text, the F-measure and the blank ink on the validation set of the source.

    The F-measure is the mean over the images with text, the blank ink that over the images without. Each is left out
    if there are no such images.
    """
    images, truths = source.validation()
    is_text = truths.ndim == 3
    generator.eval()
    batches = []
    for start in range(0, len(images), BATCH):
        with learner.autocast(device):
            batches.append(generator(as_input(images[start : start + BATCH].to(device))).float())
    generator.train()
    outputs, targets = (torch.cat(batches) + 1) / 2, (as_target(truths.to(device)) + 1) / 2
    if is_text:  # a single plane
        outputs, targets = outputs.mean(dim=1, keepdim=True), targets[:, :1]
    outputs = outputs.clamp(0, 1)
    metrics = {"ssim": float(ssim(outputs, targets).mean())}
    output_arrays, target_arrays = (t.permute(0, 2, 3, 1).squeeze(-1).cpu().numpy() for t in (outputs, targets))
    pairs = list(zip(output_arrays, target_arrays, strict=True))
    metrics["psnr"] = float(np.mean([min(psnr(o, t), MAX_PSNR) for o, t in pairs]))  # a frame may be purely white
    if is_text:
        masks = [(o < 0.5, t < 0.5) for o, t in pairs]
        for key, metric in (("f_measure", f_measure), (BLANK_INK, blank_ink)):
            values = np.array([metric(*m) for m in masks])
            if np.isfinite(values).any():
                metrics[key] = float(np.nanmean(values))
    rows = [
        (image.permute(1, 2, 0).cpu().numpy(), *(np.round(p * 255).astype(np.uint8) for p in (target, output)))
        for image, (output, target) in zip(images[:PICTURED], pairs[:PICTURED], strict=True)
    ]
    return Validation(metrics, picture_grid(rows))


def picture_grid(rows: Iterable[tuple[U8, ...]]) -> U8:
    """Rows of RGB or grey images side by side, as one RGB picture (H, W, 3)."""
    lines = []
    for row in rows:
        colour = [np.repeat(i[:, :, None], 3, axis=2) if i.ndim == 2 else i for i in row]
        framed = [np.pad(i, ((2, 2), (2, 2), (0, 0)), constant_values=200) for i in colour]
        lines.append(np.concatenate(framed, axis=1))
    return np.concatenate(lines)
