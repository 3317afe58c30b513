"""Coverage against areas that are known: of rectangles, triangles, overlapping and nested contours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subsynth.core.coverage import coverage


def polygon(*points):
    p = np.array(points, dtype=np.int64)
    return np.concatenate((p, np.roll(p, -1, axis=0)), axis=1)


@given(
    x0=st.integers(0, 2500),
    y0=st.integers(0, 2500),
    w=st.integers(1, 2500),
    h=st.integers(1, 2500),
    clockwise=st.booleans(),
)
def test_a_rectangle_covers_its_overlap_with_each_pixel(x0, y0, w, h, clockwise):
    x1, y1 = min(x0 + w, 2560), min(y0 + h, 2560)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    actual = coverage(polygon(*(corners if clockwise else corners[::-1])), 10, 10)
    pixel = np.arange(10) * 256
    across = np.clip(np.minimum(x1, pixel + 256) - np.maximum(x0, pixel), 0, None)
    down = np.clip(np.minimum(y1, pixel + 256) - np.maximum(y0, pixel), 0, None)
    assert np.abs(actual - down[:, None] * across[None] * 255 / 65536).max() <= 0.5


@given(st.lists(st.tuples(st.integers(0, 2560), st.integers(0, 2560)), min_size=3, max_size=3))
def test_a_triangle_covers_its_area(points):
    (ax, ay), (bx, by), (cx, cy) = points
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2 / 65536
    covered = coverage(polygon(*points), 10, 10).sum() / 255
    assert abs(covered - area) < 0.02 * 100 * 0.5 + 0.01 * area


@given(st.lists(st.tuples(st.integers(-600, 3200), st.integers(-600, 3200)), min_size=3, max_size=3))
def test_a_triangle_matches_sampling(points):
    """Against the share of 16 x 16 points per pixel that lie inside; beyond the canvas only rows are exact."""
    inside = [(min(max(x, 0), 2560), y) for x, y in points]
    actual = coverage(polygon(*inside), 10, 10).astype(float)
    step = (np.arange(160) + 0.5) * 16
    px, py = np.meshgrid(step, step)
    side = []
    for (ax, ay), (bx, by) in zip(inside, [*inside[1:], inside[0]], strict=True):
        side.append((bx - ax) * (py - ay) - (by - ay) * (px - ax))
    hit = (np.min(side, axis=0) > 0) | (np.max(side, axis=0) < 0)
    sampled = hit.reshape(10, 16, 10, 16).mean(axis=(1, 3)) * 255
    assert np.abs(actual - sampled).mean() < 3


def test_overlap_is_capped_and_holes_stay_open():
    outer, inner = (
        [(0, 0), (2560, 0), (2560, 2560), (0, 2560)],
        [(512, 512), (512, 1024), (1024, 1024), (1024, 512)],
    )
    twice = np.concatenate((polygon(*outer), polygon(*outer)))
    assert (coverage(twice, 10, 10) == 255).all()
    holed = coverage(np.concatenate((polygon(*outer), polygon(*inner))), 10, 10)
    assert (holed[2:4, 2:4] == 0).all() and (holed == 255).sum() == 96


def test_no_edges_cover_nothing():
    assert not coverage(np.zeros((0, 4), np.int64), 4, 4).any()


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_edges_does_not_matter(seed):
    edges = polygon((13, 700), (2000, 30), (2200, 2400), (900, 1000), (100, 2500))
    order = np.argsort([(i * (seed + 2)) % 5 for i in range(5)], kind="stable")
    assert np.array_equal(coverage(edges, 10, 10), coverage(edges[order], 10, 10))
