"""Deflate: bytes -> a zlib stream (RFC 1950, 1951) of one block with its own Huffman code, without matches.

After PNG's Paeth filter, photographs contain few repetitions: a Huffman code alone gives smaller files than the
fast levels of matching libraries, in less time. The stream depends only on the bytes. That is not true of every
library: a fast matcher may read hash tables that were never cleared.

`kernels.png_encoding` compiles the same algorithm; this is its oracle.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from subsynth.core.pixels import U8

MAX_CODE_BITS = 15
END_OF_BLOCK = 256  # the symbol


def deflate(content: U8) -> bytes:
    """Bytes uint8 (n,), n >= 1 -> zlib stream."""
    counts = np.bincount(content, minlength=END_OF_BLOCK + 1)
    counts[END_OF_BLOCK] = 1
    lengths = code_lengths(counts)
    symbols = np.append(content, END_OF_BLOCK)
    header_values, header_widths = block_header(lengths)
    values = np.concatenate((header_values, canonical_codes(lengths)[symbols]))
    widths = np.concatenate((header_widths, lengths[symbols]))
    starts = np.cumsum(widths) - widths
    bits = np.zeros(int(widths.sum()), np.uint8)
    for position in range(int(widths.max())):
        has_bit = widths > position
        bits[starts[has_bit] + position] = (values[has_bit] >> position) & 1
    packed = np.packbits(bits, bitorder="little").tobytes()
    return b"\x78\x01" + packed + zlib.adler32(content.data).to_bytes(4, "big")


def code_lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Occurrences of each symbol (m,) -> bits of its Huffman code (m,), at most MAX_CODE_BITS; 0 for unused symbols.

    While a code would be longer, all counts are halved. At least two symbols must occur.
    """
    counts = counts.copy()
    while True:
        used = [(int(c), s) for s, c in enumerate(counts) if c]
        lengths = _huffman(sorted(used), len(counts))
        if lengths.max() <= MAX_CODE_BITS:
            return lengths
        counts[counts > 0] = (counts[counts > 0] >> 1) + 1


def _huffman(leaves: list[tuple[int, int]], size: int) -> NDArray[np.int64]:
    """The two-queue construction (van Leeuwen 1976) from (count, symbol) in ascending order; a leaf wins a tie."""
    weights = [count for count, _ in leaves]
    parents = [0] * (2 * len(leaves) - 1)
    leaf, node = 0, len(leaves)
    for parent in range(len(leaves), 2 * len(leaves) - 1):
        total = 0
        for _ in range(2):
            if leaf < len(leaves) and (node >= parent or weights[leaf] <= weights[node]):
                child, leaf = leaf, leaf + 1
            else:
                child, node = node, node + 1
            parents[child] = parent
            total += weights[child]
        weights.append(total)
    depths = [0] * len(parents)
    for child in range(len(parents) - 2, -1, -1):
        depths[child] = depths[parents[child]] + 1
    lengths = np.zeros(size, np.int64)
    for (_, symbol), depth in zip(leaves, depths, strict=False):
        lengths[symbol] = depth
    return lengths


def canonical_codes(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lengths (m,) -> canonical codes (m,), their bits in the order in which they are written."""
    codes = np.zeros(len(lengths), np.int64)
    code = 0
    for length in range(1, MAX_CODE_BITS + 1):
        for symbol in np.flatnonzero(lengths == length):
            codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code += 1
        code <<= 1
    return codes


def block_header(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The header of a final, dynamic block: values, and the width of each in bits.

    The code lengths 0 to 15 are written with four bits each, which is a complete code. Two distance codes of one
    bit each are declared and never used.
    """
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)  # RFC 1951, section 3.2.7
    values = [1, 2, len(lengths) - 257, 1, len(order) - 4] + [4 if s < 16 else 0 for s in order]
    widths = [1, 2, 5, 5, 4] + [3] * len(order)
    reversed_bits = [int(f"{v:04b}"[::-1], 2) for v in range(16)]
    values += [reversed_bits[v] for v in (*lengths.tolist(), 1, 1)]
    widths += [4] * (len(lengths) + 2)
    return np.array(values), np.array(widths)
