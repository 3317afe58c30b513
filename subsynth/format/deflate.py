"""Deflate: bytes -> a zlib stream (RFC 1950, 1951) of one block in a Huffman code of its own, without matches.

After PNG's Paeth filter, photographs hold little that repeats; the code alone makes smaller files than the
fast levels of matching libraries do, in less time. The stream is a function of the bytes alone, which not
every library can say of its own: matching against tables that were never cleared is fast, too.

`kernels.files` compiles the same; this is its oracle.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

LONGEST = 15  # bits of a code
END = 256  # the symbol that ends the block

Bytes = NDArray[np.uint8]


def deflate(content: Bytes) -> bytes:
    """Bytes uint8 (n,), n at least 1 -> zlib stream."""
    counts = np.bincount(content, minlength=END + 1)
    counts[END] = 1
    lengths = code_lengths(counts)
    symbols = np.append(content, END)
    values = np.concatenate((header(lengths)[0], codes(lengths)[symbols]))
    widths = np.concatenate((header(lengths)[1], lengths[symbols]))
    starts = np.cumsum(widths) - widths
    bits = np.zeros(int(widths.sum()), np.uint8)
    for place in range(int(widths.max())):
        has = widths > place
        bits[starts[has] + place] = (values[has] >> place) & 1
    packed = np.packbits(bits, bitorder="little").tobytes()
    return b"\x78\x01" + packed + zlib.adler32(content.data).to_bytes(4, "big")


def code_lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each symbol occurs (m,) -> bits of its Huffman code (m,), at most LONGEST; 0 where it never occurs.

    Where a code would be longer, counts are halved until none is. At least two symbols must occur.
    """
    counts = counts.copy()
    while True:
        used = [(int(c), s) for s, c in enumerate(counts) if c]
        lengths = _huffman(sorted(used), len(counts))
        if lengths.max() <= LONGEST:
            return lengths
        counts[counts > 0] = (counts[counts > 0] >> 1) + 1


def _huffman(leaves: list[tuple[int, int]], size: int) -> NDArray[np.int64]:
    """The two-queue construction (van Leeuwen 1976) of (count, symbol) in rising order; ties go to the leaf."""
    weights = [count for count, _ in leaves]
    parents = [0] * (2 * len(leaves) - 1)
    leaf, node = 0, len(leaves)
    for made in range(len(leaves), 2 * len(leaves) - 1):
        total = 0
        for _ in range(2):
            if leaf < len(leaves) and (node >= made or weights[leaf] <= weights[node]):
                pick, leaf = leaf, leaf + 1
            else:
                pick, node = node, node + 1
            parents[pick] = made
            total += weights[pick]
        weights.append(total)
    depths = [0] * len(parents)
    for one in range(len(parents) - 2, -1, -1):
        depths[one] = depths[parents[one]] + 1
    lengths = np.zeros(size, np.int64)
    for (_, symbol), depth in zip(leaves, depths, strict=False):
        lengths[symbol] = depth
    return lengths


def codes(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lengths (m,) -> canonical codes (m,), their bits in the order in which they are written."""
    found = np.zeros(len(lengths), np.int64)
    code = 0
    for length in range(1, LONGEST + 1):
        for symbol in np.flatnonzero(lengths == length):
            found[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code += 1
        code <<= 1
    return found


def header(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The head of the block as values and their widths in bits: a final, dynamic block.

    Lengths 0 to 15 are written in four bits each, which is a complete code of its own; two distances are
    declared, of one bit each, that never occur.
    """
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
    values = [1, 2, len(lengths) - 257, 1, len(order) - 4] + [4 if s < 16 else 0 for s in order]
    widths = [1, 2, 5, 5, 4] + [3] * len(order)
    reverse = [int(f"{v:04b}"[::-1], 2) for v in range(16)]
    values += [reverse[v] for v in (*lengths.tolist(), 1, 1)]
    widths += [4] * (len(lengths) + 2)
    return np.array(values), np.array(widths)
