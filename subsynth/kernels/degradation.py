"""Degradation kernels: loss of resolution, blur, noise and codec, equal to the functions in rendering.effects."""

from __future__ import annotations

import numpy as np
from numba import int64, types, uint8

from subsynth.kernels import jpeg_codec
from subsynth.kernels.jit import kernel, readonly
from subsynth.kernels.rows import copy

_COLUMNS = readonly(types.int32, 2)


@kernel(None)
def _resize(planes, across, down):
    """Bilinear, as OpenCV resizes 8-bit images: weights in 1/2048, rounded twice in the vertical pass.

    across (4, width), down (4, height): the two source positions that a pixel is interpolated from, and their weights.
    """
    height, width = down.shape[1], across.shape[1]
    rows, columns = planes.shape[1:]
    out = np.empty((3, height, width), np.uint8)
    mixed = np.empty((3, rows, width), np.int32)
    left, right = across[0].astype(np.uint32), across[1].astype(np.uint32)
    near, far = across[2].astype(np.uint64), across[3].astype(np.uint64)
    # Three channels share one word, 21 bits each: 255 * 2048 needs 19.
    packed, summed = np.empty(columns, np.uint64), np.empty(width, np.uint64)
    for row in range(rows):
        red, green, blue = planes[0, row], planes[1, row], planes[2, row]
        for i in range(columns):
            packed[i] = np.uint64(red[i]) | np.uint64(green[i]) << np.uint64(21) | np.uint64(blue[i]) << np.uint64(42)
        for i in range(width):
            summed[i] = packed[left[i]] * near[i] + packed[right[i]] * far[i]
        for channel in range(3):
            line, shift = mixed[channel, row], np.uint64(21 * channel)
            for i in range(width):
                line[i] = np.int32((summed[i] >> shift) & np.uint64(0x1FFFFF)) >> np.int32(4)
    for channel in range(3):
        for row in range(height):
            upper, lower = mixed[channel, down[0, row]], mixed[channel, down[1, row]]
            first, second = np.int32(down[2, row]), np.int32(down[3, row])
            line = out[channel, row]
            for i in range(width):
                value = np.int32(np.int32(upper[i] * first) >> 16) + np.int32(np.int32(lower[i] * second) >> 16)
                line[i] = np.uint8(np.int32(value + 2) >> 2)
    return out


@kernel(None)
def _mirror(at, size):
    """A position, mirrored at the outermost pixels until it is inside."""
    if size == 1:
        return 0
    while at < 0 or at >= size:
        at = -at if at < 0 else 2 * size - 2 - at
    return at


@kernel(None)
def _blur(planes, taps):
    """A symmetric filter across and down, in place; taps in 1/256, sum 256, rounded once, at the end."""
    _, height, width = planes.shape
    reach = len(taps) // 2
    padded = np.empty(width + 2 * reach, np.uint16)
    mixed = np.empty((height + 2 * reach, width), np.uint16)  # at most 255 * 256
    total = np.empty(width, np.int32)
    for channel in range(3):
        for row in range(height):
            source, line = planes[channel, row], mixed[row + reach]
            copy(source, padded[reach : reach + width])
            for i in range(1, reach + 1):
                padded[reach - i] = source[_mirror(-i, width)]
                padded[reach + width - 1 + i] = source[_mirror(width - 1 + i, width)]
            tap, centre = np.uint16(taps[reach]), padded[reach : reach + width]
            for i in range(width):
                line[i] = np.uint16(centre[i] * tap)
            for step in range(reach):
                tap, one, other = np.uint16(taps[step]), padded[step : step + width], padded[2 * reach - step :]
                if tap:
                    for i in range(width):
                        line[i] = np.uint16(line[i] + np.uint16(np.uint16(one[i] + other[i]) * tap))
        for i in range(1, reach + 1):
            copy(mixed[reach + _mirror(-i, height)], mixed[reach - i])
            copy(mixed[reach + _mirror(height - 1 + i, height)], mixed[reach + height - 1 + i])
        for row in range(height):
            factor, below = np.int32(taps[reach]), mixed[row + reach]
            for i in range(width):
                total[i] = np.int32(np.int32(below[i]) * factor + np.int32(32768))
            for step in range(reach):
                factor, upper, lower = np.int32(taps[step]), mixed[row + step], mixed[row + 2 * reach - step]
                if factor:
                    for i in range(width):
                        total[i] += np.int32(np.int32(np.int32(upper[i]) + np.int32(lower[i])) * factor)
            line = planes[channel, row]
            for i in range(width):
                line[i] = np.uint8(total[i] >> 16)


@kernel(None)
def _noise(planes, pool, tints, strength, offset):
    """`effects.noise`, in place. `tints[r, k]` is `pool[3 * k + r]`; both contain the pool twice."""
    _, height, width = planes.shape
    size = len(pool) // 2
    gain, hint = np.int32(strength), np.int32(strength // 4)
    for row in range(height):
        at = (offset + row * width) % size
        grain = pool[at : at + width]
        at = (offset + size // 3 + 3 * row * width) % size
        for channel in range(3):
            phase = (at + channel) % 3
            first = (at + channel) // 3
            tint, line = tints[phase, first : first + width], planes[channel, row]
            for i in range(width):
                added = np.int32(grain[i]) * gain + np.int32(tint[i]) * hint
                value = np.int32(line[i]) + ((added + np.int32(32768)) >> 16)
                line[i] = np.uint8(min(max(value, np.int32(0)), np.int32(255)))


@kernel(
    uint8[:, :, ::1](
        uint8[:, :, ::1], _COLUMNS, _COLUMNS, _COLUMNS, _COLUMNS, readonly(types.int32, 1),
        readonly(types.int16, 1), readonly(types.int16, 2), int64, int64,
        readonly(types.int32, 3), int64, int64, types.boolean,
    )
)  # fmt: skip
def degrade(planes, across, down, back_across, back_down, taps, pool, tints, strength, offset, steps, dx, dy, swap):
    """Planes uint8 (3, H, W) -> image uint8 (H, W, 3).

    No columns in `across`: no loss of resolution; no taps: no blur; strength 0: no noise; no steps: no codec. With
    `swap`, the input of a codec: BGR uint8 (dy + H, dx + W, 3), the first row and column repeated dy and dx times.
    """
    _, height, width = planes.shape
    if across.shape[1]:
        planes = _resize(_resize(planes, across, down), back_across, back_down)
    if len(taps):
        _blur(planes, taps)
    if strength:
        _noise(planes, pool, tints, strength, offset)
    if len(steps):
        return jpeg_codec.round_trip(planes, steps, dx, dy)
    if not swap:
        dx, dy = 0, 0
    out = np.empty((dy + height, dx + width, 3), np.uint8)
    first, last = (2, 0) if swap else (0, 2)
    for row in range(height):
        red, green, blue = planes[first, row], planes[1, row], planes[last, row]
        line = out[dy + row, dx:]
        for i in range(width):
            line[i, 0] = red[i]
            line[i, 1] = green[i]
            line[i, 2] = blue[i]
        for i in range(dx):
            copy(line[0], out[dy + row, i])
    for row in range(dy):
        for i in range(dx + width):
            copy(out[dy, i], out[row, i])
    return out
