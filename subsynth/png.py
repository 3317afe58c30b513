"""PNG: one place where images become files."""

from __future__ import annotations

import cv2

from subsynth.ink import U8

CODER = "opencv huffman, sub filter"  # named in the manifest: pixels are the promise, bytes are not


def color(image: U8) -> bytes:
    """RGB uint8 (H, W, 3) -> PNG. Huffman coding alone: larger by a tenth than the smallest, and fast."""
    flags = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY, cv2.IMWRITE_PNG_COMPRESSION, 1]
    flags += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
    return bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)[1])


def binary(mask: U8) -> bytes:
    """Mask uint8 (H, W) of 0 and 255 -> PNG of one bit a pixel."""
    return bytes(cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 6])[1])
