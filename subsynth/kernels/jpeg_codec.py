"""JPEG encoding and decoding without files, bit for bit as libjpeg-turbo: 4:2:0, integer DCT, smooth upsampling.

Entropy coding loses nothing, so it is left out. The oracle is `effects.jpeg.encode_and_decode`, which calls a real
codec. Formats: ITU-T T.81 (1992) and JFIF 1.02. The DCT is that of Loeffler, Ligtenberg and Moschytz (1989), with 13
fractional bits, and 2 more between its two passes.

A plane is stored as 8 strips, uint8 (8, blocks * 8): strip v holds row v of every block, block after block. All blocks
are transformed side by side: coefficient (u, v) of block n is at `u * STRIP + v * LANES + n` of a buffer, so that each
step is one loop over contiguous integers. Positions that are computed by a factor or an offset are unsigned: for signed
ones, numba tests for negative positions, and LLVM then generates no vector instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from subsynth.kernels.jit import kernel
from subsynth.kernels.rows import copy

LANES = 160  # blocks at a time: those of the luma of a subtitle crop; their buffer fits into the cache of a core
STRIP = 8 * LANES
FRACTION_BITS, PASS_BITS = 13, 2
ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)
# Sums of cosines of multiples of pi / 16, in 1 / 2^FRACTION_BITS; C0298 is 0.298631336
C0298, C0390, C0541, C0765, C0899, C1175 = (np.int32(c) for c in (2446, 3196, 4433, 6270, 7373, 9633))
C1501, C1847, C1961, C2053, C2562, C3072 = (np.int32(c) for c in (12299, 15137, 16069, 16819, 20995, 25172))
# Weights of the colour transforms in 1 / 65536 (JFIF 1.02), and one half, which is added before rounding down
HALF = np.int32(32768)
Y_R, Y_G, Y_B = np.int32(19595), np.int32(38470), np.int32(7471)
CB_R, CB_G, CR_G, CR_B = np.int32(11059), np.int32(21709), np.int32(27439), np.int32(5329)
CHROMA_ZERO = np.int32((128 << 16) + 32767)
R_CR, G_CB, G_CR, B_CB = np.int32(91881), np.int32(22554), np.int32(46802), np.int32(116130)


def _forward(stride: int, is_last: bool) -> Callable[..., Any]:
    """A pass of the DCT over 8 values that lie `stride` apart."""
    s1, s2, s3, s4, s5, s6, s7 = (np.uint64(stride * i) for i in range(1, 8))
    shift = FRACTION_BITS + PASS_BITS if is_last else FRACTION_BITS - PASS_BITS
    rounding = 1 << (shift - 1)
    up, down = (0, PASS_BITS) if is_last else (PASS_BITS, 0)
    even_rounding = 1 << (PASS_BITS - 1) if is_last else 0

    @kernel(None)
    def transform(buffer, first, count):
        for lane in range(np.uint64(count)):
            i = lane + np.uint64(first)
            x0, x1, x2, x3 = buffer[i], buffer[i + s1], buffer[i + s2], buffer[i + s3]
            x4, x5, x6, x7 = buffer[i + s4], buffer[i + s5], buffer[i + s6], buffer[i + s7]
            a0, a1, a2, a3 = np.int32(x0 + x7), np.int32(x1 + x6), np.int32(x2 + x5), np.int32(x3 + x4)
            b0, b1, b2, b3 = np.int32(x0 - x7), np.int32(x1 - x6), np.int32(x2 - x5), np.int32(x3 - x4)
            outer, inner = np.int32(a0 + a3), np.int32(a1 + a2)
            buffer[i] = np.int32(((outer + inner) << up) + even_rounding) >> down
            buffer[i + s4] = np.int32(((outer - inner) << up) + even_rounding) >> down
            outer, inner = np.int32(a0 - a3), np.int32(a1 - a2)
            both = np.int32((outer + inner) * C0541 + rounding)
            buffer[i + s2] = np.int32(both + outer * C0765) >> shift
            buffer[i + s6] = np.int32(both - inner * C1847) >> shift
            low, high = np.int32((b3 + b0) * C0899), np.int32((b2 + b1) * C2562)
            even, odd = np.int32(b3 + b1), np.int32(b2 + b0)
            both = np.int32((even + odd) * C1175 + rounding)
            even, odd = np.int32(both - even * C1961), np.int32(both - odd * C0390)
            buffer[i + s7] = np.int32(b3 * C0298 - low + even) >> shift
            buffer[i + s5] = np.int32(b2 * C2053 - high + odd) >> shift
            buffer[i + s3] = np.int32(b1 * C3072 - high + even) >> shift
            buffer[i + s1] = np.int32(b0 * C1501 - low + odd) >> shift

    return transform


def _inverse(stride: int, is_last: bool) -> Callable[..., Any]:
    """A pass of the inverse DCT over 8 values that lie `stride` apart."""
    s1, s2, s3, s4, s5, s6, s7 = (np.uint64(stride * i) for i in range(1, 8))
    shift = FRACTION_BITS + PASS_BITS + 3 if is_last else FRACTION_BITS - PASS_BITS
    rounding = 1 << (shift - 1)

    @kernel(None)
    def transform(buffer, first, count):
        for lane in range(np.uint64(count)):
            i = lane + np.uint64(first)
            x0, x1, x2, x3 = buffer[i], buffer[i + s1], buffer[i + s2], buffer[i + s3]
            x4, x5, x6, x7 = buffer[i + s4], buffer[i + s5], buffer[i + s6], buffer[i + s7]
            both = np.int32((x2 + x6) * C0541)
            plus, minus = np.int32(both + x2 * C0765), np.int32(both - x6 * C1847)
            total = np.int32(((x0 + x4) << FRACTION_BITS) + rounding)
            difference = np.int32(((x0 - x4) << FRACTION_BITS) + rounding)
            a0, a3 = np.int32(total + plus), np.int32(total - plus)
            a1, a2 = np.int32(difference + minus), np.int32(difference - minus)
            low, high = np.int32((x7 + x1) * C0899), np.int32((x5 + x3) * C2562)
            even, odd = np.int32(x7 + x3), np.int32(x5 + x1)
            both = np.int32((even + odd) * C1175)
            even, odd = np.int32(both - even * C1961), np.int32(both - odd * C0390)
            b3, b2 = np.int32(x7 * C0298 - low + even), np.int32(x5 * C2053 - high + odd)
            b1, b0 = np.int32(x3 * C3072 - high + even), np.int32(x1 * C1501 - low + odd)
            buffer[i], buffer[i + s7] = np.int32(a0 + b0) >> shift, np.int32(a0 - b0) >> shift
            buffer[i + s1], buffer[i + s6] = np.int32(a1 + b1) >> shift, np.int32(a1 - b1) >> shift
            buffer[i + s2], buffer[i + s5] = np.int32(a2 + b2) >> shift, np.int32(a2 - b2) >> shift
            buffer[i + s3], buffer[i + s4] = np.int32(a3 + b3) >> shift, np.int32(a3 - b3) >> shift

    return transform


_forward_rows, _forward_columns = _forward(STRIP, False), _forward(LANES, True)
_inverse_columns, _inverse_rows = _inverse(LANES, False), _inverse(STRIP, True)


@kernel(None)
def _quantize(buffer, count, table):
    """To the nearest multiple of each coefficient's step, halves away from 0; see `lookup_tables.jpeg_steps`."""
    for position in range(64):
        step, bias, factor, shift = table[position]
        part = buffer[position * LANES : position * LANES + count]
        for i in range(count):
            value = part[i]
            size = np.int32(np.int32(np.int32(abs(value)) + bias) * factor) >> shift
            size = np.int32(size * step)
            part[i] = size if value >= 0 else np.int32(-size)


@kernel(None)
def _clamped(value):
    return np.uint8(min(max(value, np.int32(0)), np.int32(255)))


@kernel(None)
def _unzip(source, even, odd, count):
    for i in range(np.uint64(count)):
        even[i], odd[i] = source[TWO * i], source[TWO * i + ONE]


@kernel(None)
def _zip(even, odd, target, count):
    for i in range(np.uint64(count)):
        target[TWO * i], target[TWO * i + ONE] = even[i], odd[i]


@kernel(None)
def _load(strip, halves, quarters, buffer, first, count):
    """Read a strip of blocks, uint8 (8 * count,), into the buffer: its columns are separated by three halvings."""
    half, quarter = 4 * count, 2 * count
    _unzip(strip, halves, halves[half:], half)
    for part in range(2):
        _unzip(halves[part * half :], quarters[part * half :], quarters[part * half + quarter :], quarter)
    for part in range(4):
        source, column = quarters[part * quarter :], (part >> 1) | ((part & 1) << 1)
        even, odd = buffer[column * STRIP + first :], buffer[(column + 4) * STRIP + first :]
        for i in range(np.uint64(count)):
            even[i] = np.int32(source[TWO * i]) - np.int32(128)
            odd[i] = np.int32(source[TWO * i + ONE]) - np.int32(128)


@kernel(None)
def _store(strip, halves, quarters, buffer, first, count):
    """Write a strip of blocks from the buffer; the reverse of `_load`."""
    half, quarter = 4 * count, 2 * count
    for part in range(4):
        target, column = quarters[part * quarter :], (part >> 1) | ((part & 1) << 1)
        even, odd = buffer[column * STRIP + first :], buffer[(column + 4) * STRIP + first :]
        for i in range(np.uint64(count)):
            target[TWO * i] = _clamped(np.int32(even[i] + np.int32(128)))
            target[TWO * i + ONE] = _clamped(np.int32(odd[i] + np.int32(128)))
    for part in range(2):
        _zip(quarters[part * half :], quarters[part * half + quarter :], halves[part * half :], quarter)
    _zip(halves, halves[half:], strip, half)


@kernel(None)
def _quantize_plane(plane, table):
    """A plane after quantization of its coefficients, in place."""
    buffer = np.empty(64 * LANES, np.int32)
    halves, quarters = np.empty(STRIP, np.uint8), np.empty(STRIP, np.uint8)
    blocks = plane.shape[1] // 8
    for start in range(0, blocks, LANES):
        count = min(LANES, blocks - start)
        for v in range(8):
            _load(plane[v, 8 * start :], halves, quarters, buffer, v * LANES, count)
            _forward_rows(buffer, v * LANES, count)
        for u in range(8):
            _forward_columns(buffer, u * STRIP, count)
        _quantize(buffer, count, table)
        for u in range(8):
            _inverse_columns(buffer, u * STRIP, count)
        for v in range(8):
            _inverse_rows(buffer, v * LANES, count)
            _store(plane[v, 8 * start :], halves, quarters, buffer, v * LANES, count)


@kernel(None)
def _row(plane, row, width):
    """A row of a plane, `width` px wide."""
    start = (row >> 3) * width
    return plane[row & 7, start : start + width]


@kernel(None)
def _extend(line, first, stop):
    """Repeat the values at `first` and before `stop` up to the ends of a line."""
    for i in range(first):
        line[i] = line[first]
    for i in range(stop, len(line)):
        line[i] = line[stop - 1]


@kernel(None)
def _to_luma(red, green, blue, line):
    for i in range(len(line)):
        line[i] = np.uint8(np.int32(Y_R * red[i] + Y_G * green[i] + Y_B * blue[i] + HALF) >> 16)


@kernel(None)
def _to_chroma(red, green, blue, cb, cr):
    for i in range(len(red)):
        cb[i] = np.int32(HALF * blue[i] - CB_R * red[i] - CB_G * green[i] + CHROMA_ZERO) >> 16
        cr[i] = np.int32(HALF * red[i] - CR_G * green[i] - CR_B * blue[i] + CHROMA_ZERO) >> 16


@kernel(None)
def _halve(upper, lower, line):
    """Means of 2 x 2 values, which are rounded down and up in turn."""
    for i in range(np.uint64(len(line))):
        left, right, bias = TWO * i, TWO * i + ONE, np.int32(1) + np.int32(i & ONE)
        line[i] = np.uint8(np.int32(upper[left] + upper[right] + lower[left] + lower[right] + bias) >> 2)


@kernel(None)
def _double(near, far, sums, line, count):
    """One row of doubled chroma, minus 128: three quarters of the nearer value and one of the farther, in both axes."""
    for i in range(count):
        sums[i + 1] = np.int32(np.int32(3) * near[i] + np.int32(far[i]))
    sums[0], sums[count + 1] = sums[1], sums[count]
    before, after = sums[:count], sums[2:]
    middle = sums[1:]
    for i in range(np.uint64(count)):
        weighted = np.int32(np.int32(3) * middle[i])
        line[TWO * i] = np.int32(np.int32(weighted + before[i] + np.int32(8)) >> 4) - np.int32(128)
        line[TWO * i + ONE] = np.int32(np.int32(weighted + after[i] + np.int32(7)) >> 4) - np.int32(128)


@kernel(None)
def _to_rgb(luma, cb, cr, red, green, blue):
    for i in range(len(red)):
        y = np.int32(luma[i])
        red[i] = _clamped(np.int32(y + (np.int32(R_CR * cr[i] + HALF) >> 16)))
        green[i] = _clamped(np.int32(y + (np.int32(HALF - G_CB * cb[i] - G_CR * cr[i]) >> 16)))
        blue[i] = _clamped(np.int32(y + (np.int32(B_CB * cb[i] + HALF) >> 16)))


@kernel(None)
def _interleave(red, green, blue, line):
    """Three rows, uint8 (W,), as one of pixels, uint8 (3 W,)."""
    for i in range(np.uint64(len(red))):
        line[THREE * i], line[THREE * i + ONE], line[THREE * i + TWO] = red[i], green[i], blue[i]


@kernel(None)
def round_trip(planes, steps, dx, dy):
    """Encode and decode RGB planes uint8 (3, H, W), W at least 5 -> image uint8 (H, W, 3).

    `steps` is `lookup_tables.jpeg_steps` of the quality. The encoded picture has dx more columns at the left and dy
    more rows at the top, which repeat the first ones.
    """
    _, inner_height, inner_width = planes.shape
    height, width = dy + inner_height, dx + inner_width
    half_height, half_width = (height + 1) // 2, (width + 1) // 2
    luma_width, chroma_width = 8 * ((width + 7) // 8), 8 * ((width + 15) // 16)
    luma = np.empty((8, luma_width * ((height + 7) // 8)), np.uint8)
    chroma = np.empty((2, 8, chroma_width * ((height + 15) // 16)), np.uint8)
    full = np.empty((2, 2, 2 * chroma_width), np.int32)  # two rows of Cb and Cr
    for row in range(2 * half_height):
        source = min(max(row - dy, 0), inner_height - 1)
        red, green, blue = planes[0, source], planes[1, source], planes[2, source]
        if row < height:
            line = _row(luma, row, luma_width)
            _to_luma(red, green, blue, line[dx:width])
            _extend(line, dx, width)
        cb, cr = full[0, row & 1], full[1, row & 1]
        _to_chroma(red, green, blue, cb[dx:], cr[dx:])
        for k in range(2):
            _extend(full[k, row & 1], dx, width)
            if row & 1:
                _halve(full[k, 0], full[k, 1], _row(chroma[k], row >> 1, chroma_width))
    for row in range(height, 8 * ((height + 7) // 8)):
        copy(_row(luma, height - 1, luma_width), _row(luma, row, luma_width))
    for row in range(half_height, 8 * ((height + 15) // 16)):
        for k in range(2):
            copy(_row(chroma[k], half_height - 1, chroma_width), _row(chroma[k], row, chroma_width))
    _quantize_plane(luma, steps[0])
    _quantize_plane(chroma[0], steps[1])
    _quantize_plane(chroma[1], steps[1])
    image, rgb = np.empty((inner_height, inner_width, 3), np.uint8), np.empty((3, inner_width), np.uint8)
    sums, doubled = np.empty(half_width + 2, np.int32), np.empty((2, 2 * half_width), np.int32)
    for row in range(dy, height):
        near = row >> 1
        far = min(max(near + 1 if row & 1 else near - 1, 0), half_height - 1)
        for k in range(2):
            rows = _row(chroma[k], near, chroma_width), _row(chroma[k], far, chroma_width)
            _double(rows[0], rows[1], sums, doubled[k], half_width)
        _to_rgb(_row(luma, row, luma_width)[dx:], doubled[0, dx:], doubled[1, dx:], rgb[0], rgb[1], rgb[2])
        _interleave(rgb[0], rgb[1], rgb[2], image[row - dy].reshape(-1))
    return image
