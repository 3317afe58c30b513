"""PNG kernels: the compiled versions of `format.png.paeth_filter` and `format.deflate.deflate`."""

from __future__ import annotations

import numpy as np
from numba import int64, types, uint8

from subsynth.kernels.jit import kernel, readonly

LONGEST = 15
END = 256
SYMBOLS = END + 1


@kernel(uint8[:, ::1](readonly(types.uint8, 2), int64))
def filtered(rows, step):
    """`png.paeth_filter`: rows (H, n) of bytes, `step` per pixel -> (H, 1 + n), filter type and Paeth's differences."""
    height, width = rows.shape
    out = np.empty((height, 1 + width), np.uint8)
    before = np.zeros(width, np.uint8)
    for row in range(height):
        line, current = out[row, 1:], rows[row]
        out[row, 0] = 4
        for i in range(step):
            line[i] = current[i] - before[i]
        now, left, above, corner = current[step:], current[: width - step], before[step:], before[: width - step]
        rest = line[step:]
        for i in range(width - step):
            a, b, c = np.int16(left[i]), np.int16(above[i]), np.int16(corner[i])
            pa, pb = abs(np.int16(b - c)), abs(np.int16(a - c))
            pc = abs(np.int16(np.int16(a + b) - np.int16(c + c)))
            guess = a if pa <= pb and pa <= pc else (b if pb <= pc else c)
            rest[i] = np.uint8(np.int16(now[i]) - guess)
        before = current.copy()
    return out


@kernel(None)
def _code_lengths(counts):
    leaves = 0
    keys = np.empty(SYMBOLS, np.int64)
    for symbol in range(SYMBOLS):
        if counts[symbol]:
            keys[leaves] = counts[symbol] * 512 + symbol
            leaves += 1
    keys = np.sort(keys[:leaves])
    weights = np.empty(2 * leaves - 1, np.int64)
    weights[:leaves] = keys >> 9
    parents, depths = np.zeros(2 * leaves - 1, np.int64), np.zeros(2 * leaves - 1, np.int64)
    leaf, node = 0, leaves
    for parent in range(leaves, 2 * leaves - 1):
        total = int64(0)
        for _ in range(2):
            if leaf < leaves and (node >= parent or weights[leaf] <= weights[node]):
                pick = leaf
                leaf += 1
            else:
                pick = node
                node += 1
            parents[pick] = parent
            total += weights[pick]
        weights[parent] = total
    for child in range(2 * leaves - 3, -1, -1):
        depths[child] = depths[parents[child]] + 1
    lengths = np.zeros(SYMBOLS, np.int64)
    for leaf in range(leaves):
        lengths[keys[leaf] & 511] = depths[leaf]
    return lengths


@kernel(None)
def _reversed(value, width):
    result = np.uint64(0)
    for _ in range(width):
        result = (result << np.uint64(1)) | (value & np.uint64(1))
        value >>= np.uint64(1)
    return result


@kernel(None)
def _codes(lengths):
    codes = np.zeros(SYMBOLS, np.uint64)
    per_length, following = np.zeros(LONGEST + 1, np.uint64), np.zeros(LONGEST + 1, np.uint64)
    for symbol in range(SYMBOLS):
        per_length[lengths[symbol]] += np.uint64(1)
    for length in range(2, LONGEST + 1):
        following[length] = (following[length - 1] + per_length[length - 1]) << np.uint64(1)
    for symbol in range(SYMBOLS):
        length = lengths[symbol]
        if length:
            codes[symbol] = _reversed(following[length], length)
            following[length] += np.uint64(1)
    return codes


@kernel(None)
def _flush(words, at, bits, pending):
    """Write a word if it is complete, without a branch that could be mispredicted."""
    words[at] = np.uint32(bits)
    full = pending >> np.uint64(5)
    return at + int64(full), bits >> (full << np.uint64(5)), pending - (full << np.uint64(5))


@kernel(None)
def _count(content):
    counters = np.zeros((4, SYMBOLS), np.int64)  # four, so that equal neighbours do not depend on each other
    size = len(content)
    for i in range(0, size - 3, 4):
        counters[0, content[i]] += 1
        counters[1, content[i + 1]] += 1
        counters[2, content[i + 2]] += 1
        counters[3, content[i + 3]] += 1
    for i in range(size - size % 4, size):
        counters[0, content[i]] += 1
    return counters.sum(axis=0)


@kernel(None)
def _adler(content):
    """Adler-32, reduced modulo 65521 once per block, within which the sums cannot overflow."""
    low, high = int64(1), int64(0)
    for start in range(0, len(content), 4096):
        part = content[start : start + 4096]
        count = len(part)
        plain, ranked = int64(0), int64(0)
        for i in range(count):
            plain += part[i]
            ranked += (count - i) * part[i]
        high = (high + low * count + ranked) % 65521
        low = (low + plain) % 65521
    return high << 16 | low


@kernel(uint8[::1](readonly(types.uint8, 1)))
def deflate(content):
    """`deflate.deflate`: bytes uint8 (n,) -> zlib stream uint8."""
    size = len(content)
    counts = _count(content)
    counts[END] = 1
    occurrences = counts.copy()
    lengths = _code_lengths(counts)
    while lengths.max() > LONGEST:
        for symbol in range(SYMBOLS):
            if counts[symbol]:
                counts[symbol] = (counts[symbol] >> 1) + 1
        lengths = _code_lengths(counts)
    codes = _codes(lengths)
    # Written in 32-bit words, little-endian; at most 31 bits are pending in `bits`, and at most 30 are added at once.
    total = 16 + 17 + 3 * 19 + 4 * (SYMBOLS + 2) + (occurrences * lengths).sum()
    words = np.empty(total // 32 + 4, np.uint32)
    at = 0
    bits, pending = np.uint64(0x0178 | 1 << 16 | 2 << 17 | (SYMBOLS - 257) << 19), np.uint64(24)
    bits |= np.uint64(1 | 15 << 5) << pending
    at, bits, pending = _flush(words, at, bits, pending + np.uint64(9))
    for position in range(19):  # the lengths of the code-length codes: zero for 16 to 18, which come first
        bits |= np.uint64(4 if position >= 3 else 0) << pending
        at, bits, pending = _flush(words, at, bits, pending + np.uint64(3))
    for symbol in range(SYMBOLS + 2):
        bits |= _reversed(np.uint64(lengths[symbol] if symbol < SYMBOLS else 1), 4) << pending
        at, bits, pending = _flush(words, at, bits, pending + np.uint64(4))
    # A code and its length in one word: one look-up per symbol.
    packed = (codes << np.uint64(8)) | lengths.astype(np.uint64)
    for i in range(0, size - 1, 2):
        first, second = packed[content[i]], packed[content[i + 1]]
        bits |= (first >> np.uint64(8)) << pending
        pending += first & np.uint64(255)
        bits |= (second >> np.uint64(8)) << pending
        at, bits, pending = _flush(words, at, bits, pending + (second & np.uint64(255)))
    if size % 2:
        last = packed[content[size - 1]]
        bits |= (last >> np.uint64(8)) << pending
        at, bits, pending = _flush(words, at, bits, pending + (last & np.uint64(255)))
    bits |= codes[END] << pending
    at, bits, pending = _flush(words, at, bits, pending + np.uint64(lengths[END]))
    words[at] = np.uint32(bits)
    end = (total + 7) // 8
    out = np.empty(end + 4, np.uint8)
    out[:end] = words.view(np.uint8)[:end]
    check = _adler(content)
    for k in range(4):
        out[end + k] = np.uint8(check >> (24 - 8 * k))
    return out
