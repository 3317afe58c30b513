"""Strips of sample outputs for the pictures of a report."""

from __future__ import annotations

import cv2
import numpy as np

from dbram_baseline.arrays import U8, Images, Outputs

COUNT = 4  # samples of a strip
WINDOW = (64, 280)  # px, height and width of the samples that are cut from pages
FRAME = 190  # grey


def sample_strip(outputs: Outputs, truths: Images) -> U8:
    """The first outputs in [0, 1] side by side, RGB (H, W, 3); of pages, the part with the most text."""
    samples = []
    for output, truth in list(zip(outputs, truths, strict=False))[:COUNT]:
        is_page = truth.ndim == 2 and truth.shape[0] > WINDOW[0]
        part = output[_densest_window(truth)] if is_page else output
        pixels = np.round(np.clip(part, 0, 1) * 255).astype(np.uint8)
        rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
        samples.append(np.pad(rgb, ((0, 0), (2, 2), (0, 0)), constant_values=FRAME))
    samples += [np.full_like(samples[0], 255)] * (COUNT - len(samples))
    height = max(s.shape[0] for s in samples)
    padded = [np.pad(s, ((0, height - s.shape[0]), (0, 0), (0, 0)), constant_values=FRAME) for s in samples]
    return np.concatenate(padded, axis=1)


def _densest_window(truth: U8) -> tuple[slice, slice]:
    height, width = (min(w, s) for w, s in zip(WINDOW, truth.shape, strict=True))
    sums = cv2.integral((truth < 128).astype(np.uint8))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = (int(i) for i in np.unravel_index(int(inside.argmax()), inside.shape))
    return slice(top, top + height), slice(left, left + width)
