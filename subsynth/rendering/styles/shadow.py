"""Shadow: the glyphs' silhouette moved by whole pixels, blurred or sharp."""

from __future__ import annotations

import cv2
import numpy as np

from subsynth.core.pixels import U8


def shadow(silhouette: U8, dx: int, dy: int, blur_px: int) -> U8:
    """Silhouette (H, W) -> alpha (H, W), moved by (dx, dy) px, then averaged over a square of 2 * blur_px + 1 px."""
    height, width = silhouette.shape
    moved = np.zeros_like(silhouette)
    if abs(dx) >= width or abs(dy) >= height:
        return moved
    ys, xs = slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0))
    yd, xd = slice(max(-dy, 0), height + min(-dy, 0)), slice(max(-dx, 0), width + min(-dx, 0))
    moved[ys, xs] = silhouette[yd, xd]
    if blur_px:
        side = 2 * blur_px + 1
        moved = np.asarray(cv2.blur(moved, (side, side), borderType=cv2.BORDER_CONSTANT), dtype=np.uint8)
    return moved
