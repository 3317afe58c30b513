"""Blocks of text: lines close above each other are one text, others change independently, as a title does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from subsynth.binarization.lines import find_lines
from subsynth.binarization.masks import Mask
from subsynth.binarization.result import Box

LEADING = 1.5  # heights of the lower of two lines: with more between them, they are two blocks
MIN_LEADING = 0.025  # of the height of a frame: a line may have low characters alone


def line_boxes(mask: Mask) -> list[Box]:
    """The boxes of the lines of text in a mask."""
    return [line.box for line in find_lines(mask.astype(np.uint8) * np.uint8(255))]


def in_boxes(mask: Mask, boxes: Iterable[Box]) -> Mask:
    """The part of a mask inside of boxes."""
    part = np.zeros_like(mask)
    for box in boxes:
        area = slice(box.y0, box.y1), slice(box.x0, box.x1)
        part[area] = mask[area]
    return part


def is_near(line: Box, block: Sequence[Box], frame_height: int) -> bool:
    """Whether a line belongs to a block: the rows of both overlap, or little is between them."""
    return any(
        max(line.y0, other.y0) - min(line.y1, other.y1)
        <= max(LEADING * min(line.height, other.height), MIN_LEADING * frame_height)
        for other in block
    )


def into_blocks(lines: Sequence[Box], frame_height: int) -> list[list[Box]]:
    """The blocks that lines form, from top to bottom."""
    blocks: list[list[Box]] = []
    for line in sorted(lines, key=lambda box: box.y0):
        near = [block for block in blocks if is_near(line, block, frame_height)]
        blocks = [block for block in blocks if block not in near]
        blocks.append([line, *(other for block in near for other in block)])
    return sorted(blocks, key=lambda block: min(box.y0 for box in block))
