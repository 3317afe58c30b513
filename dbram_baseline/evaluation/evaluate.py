"""Predict: the outputs of a network. Evaluate: the metrics of any outputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from dbram_baseline.arrays import F32, F64, U8, Grey, Images, Outputs, as_unit
from dbram_baseline.data.tensors import as_greys, as_input, to_batch
from dbram_baseline.evaluation.eval_set import EvalSet, parallel_map
from dbram_baseline.evaluation.metrics import METRICS, BinarySample, ColourSample
from dbram_baseline.evaluation.pseudo_f_measure import PseudoWeights
from dbram_baseline.evaluation.values import MetricValues
from dbram_baseline.networks.device import network_dtype
from dbram_baseline.networks.inference import fold_batch_norms

BATCH = 16  # images
TILE, OVERLAP = 256, 32  # px; the memory of the attention grows with the fourth power of the side


def predict(network: nn.Module, images: Images, device: torch.device, precision: str = "auto", colour: bool = False,
            quiet: bool = True) -> Outputs:  # fmt: skip
    """The outputs of a generator, float32 in [0, 1]: greys, text 0; or with `colour`, RGB images.

    An array (N, H, W, 3) gives an array (N, H, W) or (N, H, W, 3); a list of pages gives a list of greys.
    """
    network = prepare_network(network, device, precision)
    if isinstance(images, list):
        return [predict_tiled(network, image) for image in tqdm(images, desc="network", disable=quiet)]
    return _predict_batches(network, images, colour, quiet)


def prepare_network(network: nn.Module, device: torch.device, precision: str = "auto") -> nn.Module:
    """A copy for inference on a device: batch norms folded, and the weights in bf16 where the hardware has it."""
    network = fold_batch_norms(network)
    return network.to(device, network_dtype(precision, device), memory_format=torch.channels_last)  # type: ignore[call-overload]


@torch.no_grad()
def _predict_batches(network: nn.Module, images: U8, colour: bool, quiet: bool) -> F32:
    weight = next(network.parameters())
    outputs = np.empty(images.shape if colour else images.shape[:3], np.float32)
    for start in tqdm(range(0, len(images), BATCH), desc="network", disable=quiet):
        batch = as_input(to_batch(images[start : start + BATCH]).to(weight.device)).to(weight.dtype)
        output = network(batch)
        output = (output.permute(0, 2, 3, 1).float() + 1) / 2 if colour else as_greys(output)
        outputs[start : start + BATCH] = output.clamp(0, 1).cpu().numpy()
    return outputs


@torch.no_grad()
def predict_tiled(network: nn.Module, image: U8, tile: int = TILE, overlap: int = OVERLAP) -> F32:
    """The grey (H, W) in [0, 1], text 0, of an image (H, W, 3) of any size, blended from overlapping tiles."""
    weight = next(network.parameters())
    total = np.zeros(image.shape[:2], np.float32)
    total_weight = np.zeros(image.shape[:2], np.float32)
    for top, bottom in _tile_spans(image.shape[0], tile, overlap):
        for left, right in _tile_spans(image.shape[1], tile, overlap):
            pixels = to_batch(np.ascontiguousarray(image[top:bottom, left:right])[None])
            output = network(as_input(pixels.to(weight.device)).to(weight.dtype))
            grey = as_greys(output).clamp(0, 1)[0].cpu().numpy()
            blend = np.outer(_ramp(bottom - top, overlap), _ramp(right - left, overlap)).astype(np.float32)
            total[top:bottom, left:right] += grey * blend
            total_weight[top:bottom, left:right] += blend
    return total / total_weight


def _tile_spans(length: int, tile: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Start and stop of tiles that cover a side, overlap by at least `overlap`, and have the same length."""
    if length <= tile:
        yield 0, length
        return
    number = -(-(length - overlap) // (tile - overlap))
    for i in range(number):
        start = round(i * (length - tile) / (number - 1))
        yield start, start + tile


def _ramp(length: int, overlap: int) -> F64:
    """Blending weights along a side: they fall towards both ends, but not to 0."""
    to_end = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    return np.minimum(1.0, to_end / (overlap + 1))


def evaluate(eval_set: EvalSet, outputs: Outputs) -> MetricValues:
    """All metrics of outputs in [0, 1], a value for each image: of greys, or of RGB images if the set has masks.

    A value is nan where the metric is not defined for the image. `blank_ink` is a column only if the set has frames
    without text.
    """
    return _evaluate_binary(eval_set, outputs) if eval_set.masks is None else _evaluate_colour(eval_set, outputs)


def _evaluate_binary(eval_set: EvalSet, outputs: Outputs) -> MetricValues:
    metrics = [(m.key, m.binary) for m in METRICS if m.binary and (eval_set.blank_count or not m.of_blank)]
    all_white = eval_set.all_white_ssim

    def values(item: tuple[Grey, U8, PseudoWeights]) -> list[float]:
        sample = BinarySample(*item, all_white_ssim=all_white)
        return [function(sample) for _, function in metrics]

    items = list(zip(outputs, eval_set.truths, eval_set.weights, strict=True))
    return MetricValues.of_rows([k for k, _ in metrics], parallel_map(values, items, "metrics", eval_set.quiet))


def _evaluate_colour(eval_set: EvalSet, outputs: Outputs) -> MetricValues:
    assert eval_set.masks is not None
    metrics = [(m.key, m.colour) for m in METRICS if m.colour]
    rows = []
    for image, truth, mask in zip(outputs, eval_set.truths, eval_set.masks, strict=True):
        sample = ColourSample(image, as_unit(truth), mask)
        rows.append([function(sample) for _, function in metrics])
    return MetricValues.of_rows([key for key, _ in metrics], rows)
