"""Backend: the stages that turn parameters into pixels, by plain NumPy or by compiled kernels.

Both backends return the same bits. The plain one is the definition and the oracle; the compiled one is for speed.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from subsynth.assets.glyphs import FaceGlyphs
from subsynth.assets.pyramids import Level
from subsynth.core.pixels import U8
from subsynth.kernels import compilation
from subsynth.planning.layout import Box, Line
from subsynth.rendering.params import RenderParams
from subsynth.rendering.plane import Plane


class Backend(Protocol):
    """The stages of drawing one sample."""

    def coverage(self, glyphs: FaceGlyphs, line: Line, params: RenderParams) -> U8:
        """The coverage of a line's glyphs: uint8 (H, W), 255 on text."""
        ...

    def rasterize(self, edges: NDArray[np.int64], height: int, width: int) -> U8:
        """The coverage uint8 (height, width) of directed edges int64 (n, 4); see `core.coverage`."""
        ...

    def line_coverage_in_plane(self, glyphs: FaceGlyphs, line: Line, plane: Plane, height: int, width: int) -> U8:
        """The coverage uint8 (height, width) of a line that is mapped to a plane."""
        ...

    def ink_bounds(self, coverage: U8, area: Box) -> Box:
        """The bounds of all pixels with coverage in an area: left, top, right, bottom; zeros if there are none."""
        ...

    def background(self, level: Level, params: RenderParams) -> U8:
        """The graded crop: RGB planes uint8 (3, H, W), writable."""
        ...

    def compose(self, planes: U8, coverage: U8, ink: Box, params: RenderParams, touched: U8 | None) -> U8:
        """Box, shadow, outline and fill in this order over RGB planes uint8 (3, H, W), which may be overwritten.

        `ink` bounds the ink in px: left, top, right, bottom. `touched`, zeros uint8 (H, W), receives values above 0
        where anything is drawn.
        """
        ...

    def surrounding_light(self, planes: U8, coverage: U8) -> tuple[int, int]:
        """The sum of weighted light around the ink, and the number of pixels there; see rendering.contrast."""
        ...

    def degrade(self, planes: U8, params: RenderParams) -> tuple[U8, bytes]:
        """Loss of resolution, blur, noise and codec: RGB uint8 (H, W, 3), and the codec's file if it is kept, or b"".

        May overwrite `planes`.
        """
        ...


def select_backend() -> Backend:
    """The compiled backend where kernels are enabled (see kernels.compilation), else the plain one."""
    if compilation.enabled():
        from subsynth.rendering.numba_backend import NumbaBackend  # noqa: PLC0415 - imports numba

        return NumbaBackend()
    from subsynth.rendering.numpy_backend import NumpyBackend  # noqa: PLC0415 - symmetry with the other one

    return NumpyBackend()
