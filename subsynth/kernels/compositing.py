"""Compositing kernels: background, box, shadow, outline and fill over planes, equal to those of NumpyBackend."""

from __future__ import annotations

import numpy as np
from numba import int64, types, uint8

from subsynth.kernels.jit import kernel, readonly
from subsynth.kernels.rows import copy

_COLOR = types.UniTuple(int64, 3)


@kernel(None)
def _any(line):
    """Whether a row of alpha or coverage has a value above 0. Rows without are skipped: they are a third of all."""
    found = np.uint8(0)
    for i in range(len(line)):
        found |= line[i]
    return found != 0


@kernel(None)
def _any_near(coverage, row, reach):
    """Whether a row, or one at most `reach` rows away, has coverage."""
    for other in range(max(0, row - reach), min(coverage.shape[0], row + reach + 1)):  # noqa: SIM110 - for numba
        if _any(coverage[other]):
            return True
    return False


@kernel(None)
def _blend(planes, color, alpha):
    """`pixels.blend`, in place; planes (3, H, W), alpha (H, W)."""
    for row in range(alpha.shape[0]):
        opacity = alpha[row]
        if not _any(opacity):
            continue
        for channel in range(3):
            shade, line = np.uint16(color[channel]), planes[channel, row]
            for i in range(len(line)):  # at most 255 * 256
                wide = np.uint16(np.uint16(opacity[i]) + np.uint16(opacity[i] >> 7))
                below, above = np.uint16(line[i] * np.uint16(256 - wide)), np.uint16(wide * shade)
                line[i] = np.uint8(np.uint16(below + above) >> 8)


@kernel(None)
def _scale(alpha, opacity):
    """`pixels.scale_alpha`, in place."""
    factor = np.uint16(opacity)
    for row in range(alpha.shape[0]):
        line = alpha[row]
        if not _any(line):
            continue
        for i in range(len(line)):
            # v // 255 for v < 65535, computed by shifts.
            value = np.uint16(line[i] * factor + 128)
            line[i] = np.uint8(np.uint16(value + (value >> 8)) >> 8)


@kernel(None)
def _reverse(source, target):
    last = np.uint64(len(target) - 1)  # unsigned, so that numba does not test for negative positions
    for i in range(np.uint64(len(target))):
        target[i] = source[last - i]


@kernel(None)
def _light(red, green, blue, light):
    for i in range(len(light)):
        light[i] = np.int32(np.int32(77) * red[i] + np.int32(150) * green[i] + np.int32(29) * blue[i]) >> 8


@kernel(None)
def _grade(source, light, line, saturation, gain, lift):
    for i in range(len(line)):
        value = np.int32((np.int32(np.int32(source[i]) - light[i]) * saturation) >> 8) + light[i]
        value = np.int32(np.int32(np.int32(value) * gain) >> 8) + lift
        line[i] = np.uint8(min(max(value, np.int32(0)), np.int32(255)))


@kernel(
    uint8[:, :, ::1](
        readonly(types.uint8, 1), int64, int64, int64, int64, types.boolean, int64, _COLOR, int64, int64, int64
    )
)
def background(pixels, level_width, level_height, x, y, flip, saturation, gains, lift, height, width):
    """The graded crop, planes uint8 (3, H, W): `effects.grade`."""
    planes = np.empty((3, height, width), np.uint8)
    light, source = np.empty(width, np.int32), np.empty((3, width), np.uint8)
    for row in range(height):
        for channel in range(3):
            at = (channel * level_height + y + row) * level_width + x
            part = pixels[at : at + width]
            if flip:
                _reverse(part, source[channel])
            else:
                copy(part, source[channel])
        _light(source[0], source[1], source[2], light)
        for channel in range(3):
            _grade(
                source[channel], light, planes[channel, row],
                np.int32(saturation), np.int32(gains[channel]), np.int32(lift),
            )  # fmt: skip
    return planes


@kernel(None)
def _outline(coverage, reach, weights):
    """`styles.outline`: the largest weighted coverage within reach; weights (2 * reach + 1,) * 2 in 1/256."""
    height, width = coverage.shape
    padded = np.zeros((height + 2 * reach, width + 2 * reach), np.uint8)
    for row in range(height):
        copy(coverage[row], padded[reach + row, reach : reach + width])
    out = np.zeros((height, width), np.uint8)
    for row in range(height):
        if not _any_near(coverage, row, reach):
            continue
        line = out[row]
        for dy in range(2 * reach + 1):
            for dx in range(2 * reach + 1):
                weight = np.uint16(weights[dy, dx])
                if weight == 0:
                    continue
                other = padded[row + dy, dx : dx + width]
                if weight == 256:
                    for i in range(width):
                        line[i] = max(line[i], other[i])
                else:
                    for i in range(width):
                        line[i] = max(line[i], np.uint8(np.uint16(other[i] * weight) >> 8))
    return out


@kernel(None)
def _shadow(silhouette, dx, dy, blur):
    """`styles.shadow`: moved, then averaged over a square, zero outside; rounded to nearest."""
    height, width = silhouette.shape
    moved = np.zeros((height + 2 * blur, width + 2 * blur), np.uint8)
    first, last = max(dx, 0), width + min(dx, 0)
    for row in range(max(dy, 0), height + min(dy, 0)):
        copy(silhouette[row - dy, first - dx :], moved[row + blur, first + blur : last + blur])
    if blur == 0:
        return moved
    side = 2 * blur + 1
    across = np.zeros((height + 2 * blur, width), np.int32)
    for row in range(height + 2 * blur):
        if not _any(moved[row]):
            continue
        line = across[row]
        for step in range(side):
            other = moved[row, step : step + width]
            for i in range(width):
                line[i] += np.int32(other[i])
    out = np.zeros((height, width), np.uint8)
    total = np.empty(width, np.int32)
    area = np.float32(side * side)  # odd, so that no mean is half-way between two levels
    for row in range(height):
        if not _any_near(moved, row + blur, blur):
            continue
        total[:] = 0
        for step in range(side):
            other = across[row + step]
            for i in range(width):
                total[i] += other[i]
        line = out[row]
        for i in range(width):
            line[i] = np.uint8(np.float32(total[i]) / area + np.float32(0.5))
    return out


@kernel(types.UniTuple(int64, 2)(readonly(types.uint8, 3), readonly(types.uint8, 2), readonly(types.int64, 2), int64))
def surrounding_light(planes, coverage, light, reach):
    """`contrast.surrounding_light`; `light` is `contrast.weighted_light()`."""
    height, width = coverage.shape
    down = np.zeros(width + 2 * reach, np.uint8)
    near = np.empty(width, np.uint8)
    positions = np.empty(width + 1, np.uint32)
    total, count = int64(0), int64(0)
    for row in range(height):
        if not _any_near(coverage, row, reach):
            continue
        down[:] = 0
        middle = down[reach : reach + width]
        for other in range(max(0, row - reach), min(height, row + reach + 1)):
            line = coverage[other]
            for i in range(width):
                middle[i] |= line[i] >> 7
        near[:] = 0
        for step in range(2 * reach + 1):
            part = down[step : step + width]
            for i in range(width):
                near[i] |= part[i]
        line = coverage[row]
        red, green, blue = planes[0, row], planes[1, row], planes[2, row]
        near_count = 0
        for i in range(width):  # first the positions, without a branch that could be mispredicted
            positions[near_count] = i
            near_count += int64(near[i] != 0) & int64(line[i] == 0)
        for k in range(near_count):
            i = positions[k]
            total += light[0, red[i]] + light[1, green[i]] + light[2, blue[i]]
        count += near_count
    return total, count


@kernel(None)
def _mark(touched, alpha):
    """Mark the pixels that a layer changes; nothing if `touched` is empty."""
    for row in range(touched.shape[0]):
        line, opacity = touched[row], alpha[row]
        for i in range(len(line)):
            line[i] |= opacity[i]


@kernel(
    types.void(
        uint8[:, :, ::1], readonly(types.uint8, 2), int64, int64, int64, int64, int64, _COLOR,
        int64, readonly(types.int64, 2), _COLOR, int64, int64, int64, int64, _COLOR, uint8[:, ::1],
    )
)  # fmt: skip
def compose(
    planes, coverage, left, top, right, bottom, box_opacity, box_color,
    reach, weights, outline_color, shadow_dx, shadow_dy, shadow_blur, shadow_opacity, text_color, touched,
):  # fmt: skip
    """Draw over planes uint8 (3, H, W), in place. A `reach` of 0 means no outline, an opacity of 0 no box or shadow.

    touched, uint8 (H, W) or (0, 0), receives values above 0 where anything is drawn.
    """
    height, width = coverage.shape
    if box_opacity:
        area = np.zeros((height, width), np.uint8)
        area[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 255
        _scale(area, box_opacity)
        _blend(planes, box_color, area)
        _mark(touched, area)
    silhouette = _outline(coverage, reach, weights) if reach else coverage
    if shadow_opacity:
        shadow = _shadow(silhouette, shadow_dx, shadow_dy, shadow_blur)
        _scale(shadow, shadow_opacity)
        _blend(planes, (0, 0, 0), shadow)
        _mark(touched, shadow)
    if reach:
        _blend(planes, outline_color, silhouette)
        _mark(touched, silhouette)
    _blend(planes, text_color, coverage)
    _mark(touched, coverage)
