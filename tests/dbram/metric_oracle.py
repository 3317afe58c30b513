"""The metrics of the DIBCO contests written out from their definitions, one pixel at a time: slow, and independent.

Masks are bool (H, W), True on text. Sources: Gatos, Ntirogiannis and Pratikakis, "ICDAR 2009 Document Image
Binarization Contest" (F-measure, PSNR, NRM); Lu, Kot and Shi, "Distance-Reciprocal Distortion Measure for Binary
Document Images", 2004 (DRD); Ntirogiannis, Gatos and Pratikakis, "Performance Evaluation Methodology for Historical
Document Image Binarization", 2013 (pseudo-F-measure).
"""

import math


def pixels(mask):
    height, width = mask.shape
    return ((y, x) for y in range(height) for x in range(width))


def f_measure(output, truth):
    tp = sum(bool(output[p] and truth[p]) for p in pixels(truth))
    recall = tp / sum(bool(truth[p]) for p in pixels(truth))
    precision = tp / sum(bool(output[p]) for p in pixels(truth))
    return 2 * recall * precision / (recall + precision)


def pseudo_f_measure(output, truth, recall_weights, precision_weights):
    """Recall counts text pixels by their weights; precision counts each output pixel as 1 plus its weight."""
    recall_weights, precision_weights = recall_weights.astype(float), precision_weights.astype(float)
    recalled = all_text = precise = all_output = 0.0
    for p in pixels(truth):
        if truth[p]:
            all_text += recall_weights[p]
            recalled += recall_weights[p] if output[p] else 0
        if output[p]:
            all_output += 1 + precision_weights[p]
            precise += 1 + precision_weights[p] if truth[p] else 0
    recall, precision = recalled / all_text, precise / all_output
    return 2 * recall * precision / (recall + precision)


def psnr(output, truth):
    squared = sum((255 * bool(output[p]) - 255 * bool(truth[p])) ** 2 for p in pixels(truth)) / truth.size
    return 10 * math.log10(255**2 / squared)


def nrm(output, truth):
    missed = sum(bool(truth[p] and not output[p]) for p in pixels(truth)) / sum(bool(truth[p]) for p in pixels(truth))
    background = sum(not truth[p] for p in pixels(truth))
    return (missed + sum(bool(output[p] and not truth[p]) for p in pixels(truth)) / background) / 2


def drd(output, truth):
    """The sum of DRD_k over the wrong pixels, divided by the number of 8x8 blocks that are not of one colour."""
    height, width = truth.shape
    offsets = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if (i, j) != (0, 0)]
    norm = sum(1 / math.hypot(i, j) for i, j in offsets)
    total = 0.0
    for y, x in pixels(truth):
        if output[y, x] == truth[y, x]:
            continue
        for i, j in offsets:
            if 0 <= y + i < height and 0 <= x + j < width and truth[y + i, x + j] != output[y, x]:
                total += 1 / math.hypot(i, j) / norm
    mixed = 0
    for top in range(0, height - 7, 8):
        for left in range(0, width - 7, 8):
            text = sum(bool(truth[top + i, left + j]) for i in range(8) for j in range(8))
            mixed += 0 < text < 64
    return total / mixed
