"""PNG kernels: the compiled versions of `format.png.paeth_filter` and `format.deflate.deflate`."""

from __future__ import annotations

import numpy as np
from numba import int64, types, uint8

from subsynth.kernels.jit import kernel, readonly
from subsynth.kernels.rows import copy

LONGEST = 15
END = 256
SYMBOLS = END + 1
ONE, TWO, LOW_BYTE = np.uint64(1), np.uint64(2), np.uint64(255)
U8, U16, U24, U32, U40, U48, U56 = (np.uint64(8 * i) for i in range(1, 8))


@kernel(uint8[:, ::1](readonly(types.uint8, 2), int64))
def filtered(rows, step):
    """`png.paeth_filter`: rows (H, n) of bytes, `step` per pixel -> (H, 1 + n), filter type and Paeth's differences."""
    height, width = rows.shape
    out = np.empty((height, 1 + width), np.uint8)
    nothing = np.zeros(width, np.uint8)
    for row in range(height):
        line, current, before = out[row, 1:], rows[row], rows[row - 1] if row else nothing
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
    return out


@kernel(None)
def _sort(keys, count):
    """Shell's sort with the gaps of Ciura (2001), in place; numba takes a second to compile NumPy's."""
    for gap in (301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, count):
            key, at = keys[i], i
            while at >= gap and keys[at - gap] > key:
                keys[at] = keys[at - gap]
                at -= gap
            keys[at] = key


@kernel(None)
def _code_lengths(counts):
    leaves = 0
    keys = np.empty(SYMBOLS, np.int64)
    for symbol in range(SYMBOLS):
        if counts[symbol]:
            keys[leaves] = counts[symbol] * 512 + symbol
            leaves += 1
    _sort(keys, leaves)
    weights = np.empty(2 * leaves - 1, np.int64)
    for leaf in range(leaves):
        weights[leaf] = keys[leaf] >> 9
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
def _limited_lengths(counts):
    """`deflate.code_lengths`."""
    lengths, halved = _code_lengths(counts), counts
    while True:
        longest = int64(0)
        for symbol in range(SYMBOLS):
            longest = max(longest, lengths[symbol])
        if longest <= LONGEST:
            return lengths
        less = np.zeros(SYMBOLS, np.int64)
        for symbol in range(SYMBOLS):
            if halved[symbol]:
                less[symbol] = (halved[symbol] >> 1) + 1
        halved = less
        lengths = _code_lengths(halved)


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
    return at + full, bits >> (full << np.uint64(5)), pending - (full << np.uint64(5))


@kernel(None)
def _count(content):
    """How often each byte occurs; the content is read in words of eight bytes."""
    counters = np.zeros((4, SYMBOLS), np.int64)  # four, so that equal neighbours do not depend on each other
    first, second, third, fourth = counters[0], counters[1], counters[2], counters[3]
    size = len(content)
    words = content[: size - size % 8].view(np.uint64)
    for i in range(np.uint64(len(words))):
        word = words[i]
        first[word & LOW_BYTE] += 1
        second[(word >> U8) & LOW_BYTE] += 1
        third[(word >> U16) & LOW_BYTE] += 1
        fourth[(word >> U24) & LOW_BYTE] += 1
        first[(word >> U32) & LOW_BYTE] += 1
        second[(word >> U40) & LOW_BYTE] += 1
        third[(word >> U48) & LOW_BYTE] += 1
        fourth[word >> U56] += 1
    for i in range(size - size % 8, size):
        first[content[i]] += 1
    for symbol in range(SYMBOLS):
        first[symbol] += second[symbol] + third[symbol] + fourth[symbol]
    return first


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
    lengths = _limited_lengths(counts)
    codes = _codes(lengths)
    # Written in 32-bit words, little-endian; at most 31 bits are pending in `bits`, and at most 30 are added at once.
    total = int64(16 + 17 + 3 * 19 + 4 * (SYMBOLS + 2))
    for symbol in range(SYMBOLS):
        total += counts[symbol] * lengths[symbol]
    words = np.empty(total // 32 + 4, np.uint32)
    at = np.uint64(0)
    bits, pending = np.uint64(0x0178 | 1 << 16 | 2 << 17 | (SYMBOLS - 257) << 19), np.uint64(24)
    bits |= np.uint64(1 | 15 << 5) << pending
    at, bits, pending = _flush(words, at, bits, pending + np.uint64(9))
    for position in range(19):  # the lengths of the code-length codes: zero for 16 to 18, which come first
        bits |= np.uint64(4 if position >= 3 else 0) << pending
        at, bits, pending = _flush(words, at, bits, pending + np.uint64(3))
    for symbol in range(SYMBOLS + 2):
        bits |= _reversed(np.uint64(lengths[symbol] if symbol < SYMBOLS else 1), 4) << pending
        at, bits, pending = _flush(words, at, bits, pending + np.uint64(4))
    packed = np.empty(SYMBOLS, np.uint64)  # a code and its length in one word: one look-up per symbol
    for symbol in range(SYMBOLS):
        packed[symbol] = codes[symbol] << U8 | np.uint64(lengths[symbol])
    for pair in range(np.uint64(size // 2)):  # both codes are joined before they have to wait for the last pair
        first, second = packed[content[TWO * pair]], packed[content[TWO * pair + ONE]]
        width = first & LOW_BYTE
        bits |= (first >> U8 | (second >> U8) << width) << pending
        at, bits, pending = _flush(words, at, bits, pending + (width + (second & LOW_BYTE)))
    if size % 2:
        last = packed[content[size - 1]]
        bits |= (last >> U8) << pending
        at, bits, pending = _flush(words, at, bits, pending + (last & LOW_BYTE))
    bits |= codes[END] << pending
    at, bits, pending = _flush(words, at, bits, pending + np.uint64(lengths[END]))
    words[at] = np.uint32(bits)
    end = (total + 7) // 8
    out = np.empty(end + 4, np.uint8)
    copy(words.view(np.uint8), out[:end])
    check = _adler(content)
    for k in range(4):
        out[end + k] = np.uint8(check >> (24 - 8 * k))
    return out
