"""Recipe: every decision about one sample.

Lengths and ratios are multiples of binary fractions (1/16 px, 1/256 px, 1/64, ...), so that their values are the same
in memory, in parquet and on every machine.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import cast

from subsynth.core.pixels import Color
from subsynth.planning.distractor import Distractor, to_column
from subsynth.spec.spec import Spec

Value = bool | int | float | str | list[int]  # the value of a column in a row

NOISE_POOL = 1 << 20  # values in the pool that noise is cut from; `noise_offset` is an offset into it


@dataclass(frozen=True, slots=True)
class Recipe:
    """All decisions about one sample. The fields except `spec` and `split` are columns of the data set.

    Colours are RGB 0..255. (x, y) is where the baseline starts. Zero means "none" for `outline_px`,
    `shadow_opacity`, `box_opacity`, `resample`, `blur_sigma`, `noise_sigma` and `jpeg_quality`. Without text,
    `text` and `font` are "", and everything that describes the subtitle is zero.
    """

    spec: Spec
    split: str
    index: int
    text: str
    text_source: str
    text_id: str
    font: str
    bold: bool
    italic: bool
    shear: float  # tangent of the added slant; 0 for upright faces and true italics
    font_size_px: float  # px per em
    embolden_x_px: float  # by which strokes are thickened, so that thin ones do not break apart
    embolden_y_px: float
    x: float  # px
    y: float  # px
    text_color: Color
    outline_px: float
    outline_color: Color
    shadow_dx: int  # px
    shadow_dy: int  # px
    shadow_blur_px: int
    shadow_opacity: int  # 0..255
    box_color: Color
    box_opacity: int  # 0..255
    box_padding_px: int  # around the ink
    background: str
    background_level: int
    background_x: int  # px, in the level
    background_y: int
    background_flip: bool
    grade_saturation: int  # 256 is unchanged
    grade_gain: Color  # of R, G, B; 256 is unchanged
    grade_lift: int  # levels
    resample: float  # factor
    blur_sigma: float  # px
    noise_sigma: float  # levels
    noise_offset: int
    jpeg_quality: int  # 1..100
    jpeg_dx: int  # px, where the crop starts within a macroblock
    jpeg_dy: int
    line_dx_em: float = 0.0  # of the second line's origin from the first's, to the right
    line_dy_em: float = 0.0  # down
    clipped: bool = False  # whether text runs out of the image
    opacity: int = 255  # of the subtitle as a whole, 0..255
    distractors: tuple[Distractor, ...] = ()

    def row(self) -> dict[str, Value]:
        """The columns of this recipe: plain values, colours as lists, distractors as JSON."""
        return {name: _plain(name, getattr(self, name)) for name in columns_of(self.spec)}


COLUMNS: tuple[str, ...] = tuple(f.name for f in dataclasses.fields(Recipe) if f.name not in ("spec", "split"))
FILM_COLUMNS = ("line_dx_em", "line_dy_em", "clipped", "opacity", "distractors")
_PLAIN_COLUMNS = tuple(name for name in COLUMNS if name not in FILM_COLUMNS)


def columns_of(spec: Spec) -> tuple[str, ...]:
    """The planned columns of a spec's rows: without FILM_COLUMNS where all samples have their default values."""
    return _PLAIN_COLUMNS if spec.is_plain else COLUMNS


def _plain(name: str, value: bool | int | float | str | Color | tuple[Distractor, ...]) -> Value:
    if name == "distractors":
        return to_column(cast(tuple[Distractor, ...], value))
    return list(cast(Color, value)) if isinstance(value, tuple) else value
