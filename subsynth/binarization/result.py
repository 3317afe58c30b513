"""The result of binarizing one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from subsynth.core.pixels import U8


class Box(NamedTuple):
    """A rectangle in px; the right and lower borders are outside."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """x1 - x0."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """y1 - y0."""
        return self.y1 - self.y0


class Line(NamedTuple):
    """A line of text: its box, and the mean probability of text over the more certain half of its ink, 0.82 to 1."""

    box: Box
    confidence: float


@dataclass(frozen=True)
class Result:
    """What a picture of H x W px shows.

    coverage    uint8 (H, W): the probability that a pixel is text (fill), 0 to 255; 0 outside of the lines
    erase_mask  uint8 (H, W): 0 where a subtitle changed the picture (fill, outline, shadow, box), 255 elsewhere
    lines       its lines of text, from top to bottom
    watermarks  lines that were taken for watermarks: they are in none of the others
    """

    coverage: U8
    erase_mask: U8
    lines: tuple[Line, ...]
    watermarks: tuple[Line, ...] = ()

    @property
    def has_text(self) -> bool:
        """Whether the picture has any line of text."""
        return bool(self.lines)

    @property
    def confidence(self) -> float:
        """The mean confidence of the lines, weighted by their areas; 0 without any."""
        areas = [line.box.width * line.box.height for line in self.lines]
        return sum(a * line.confidence for a, line in zip(areas, self.lines, strict=True)) / max(1, sum(areas))
