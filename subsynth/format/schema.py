"""The columns of a data set: their schema for Arrow, for the `datasets` library and for the card."""

from __future__ import annotations

import json
import typing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from subsynth.planning import recipe
from subsynth.planning.columns import Columns
from subsynth.planning.distractor import to_column
from subsynth.planning.layout import Box
from subsynth.planning.recipe import COLUMNS, Recipe
from subsynth.spec.spec import Spec

# Meaning and unit of each column, for the card.
DESCRIPTIONS = {
    "image": "the crop: RGB uint8, lossless PNG (with image_format jpeg: the file of the JPEG step where there is one)",
    "ground_truth": "text 0, background 255: text is where the glyph fill covers at least half a pixel; 1-bit PNG",
    "index": "position in the split; with the spec it determines the sample",
    "text": "the text in the image; two lines are separated by a line feed; empty without a subtitle",
    "text_source": "where the text comes from; + joins the sources of two lines, where they differ",
    "text_id": "its id there (Tatoeba: the number of the sentence); + joins the ids of two lines",
    "font": "family and style",
    "bold": "whether the face is bold",
    "italic": "whether the text is slanted, by an italic face or a shear",
    "shear": "tangent of the slant added to the outlines; 0 for italic faces",
    "font_size_px": "pixels per em",
    "embolden_x_px": "px added to the width of vertical strokes, so that thin ones are at least one pixel wide",
    "embolden_y_px": "px added to the height of horizontal strokes",
    "x": "px from the left edge to the start of the baseline",
    "y": "px from the top edge to the baseline",
    "text_color": "fill, RGB 0..255",
    "contrast": "luminance contrast ratio, 1..21, of the fill and its surroundings before degradation: the difficulty",
    "outline_px": "radius of the outline, px; 0 is none",
    "outline_color": "RGB 0..255",
    "shadow_dx": "px to the right",
    "shadow_dy": "px down",
    "shadow_blur_px": "blur of the shadow, px",
    "shadow_opacity": "0..255; 0 is none",
    "box_color": "RGB 0..255",
    "box_opacity": "0..255; 0 is none",
    "box_padding_px": "px around the ink",
    "background": "photograph, frame of a film as name@seconds, or procedural/kind-number",
    "background_level": "scale of the photograph or frame: 0 is the largest",
    "background_x": "px at that scale",
    "background_y": "px at that scale",
    "background_flip": "whether the crop is mirrored",
    "grade_saturation": "256 is unchanged",
    "grade_gain": "of R, G, B; 256 is unchanged",
    "grade_lift": "levels added",
    "resample": "factor by which resolution is lost; 0 is none",
    "blur_sigma": "sigma of the Gaussian blur, px; 0 is none",
    "noise_sigma": "standard deviation of the noise, levels; 0 is none",
    "noise_offset": "offset into the pool of noise values",
    "jpeg_quality": "1..100; 0 is none",
    "jpeg_dx": "px into a macroblock at which the crop starts",
    "jpeg_dy": "px into a macroblock at which the crop starts",
    "line_dx_em": "em from the start of the first line's baseline to that of the second, to the right",
    "line_dy_em": "em, down",
    "clipped": "whether the text runs out of the image",
    "opacity": "of the subtitle as a whole, 0..255; 255 is opaque, 0 is no subtitle",
    "distractors": "texts of the scene, which are not subtitles: JSON, each with its text, face, colours and corners",
    "erase_mask": "0 where fill, outline, shadow or box changed the picture, 255 elsewhere; 1-bit PNG",
    "coverage": "how much of each pixel the glyph fill covers: 0 is nothing, 255 is all of it; PNG",
    "line_boxes": "the ink of each line: x0, y0, x1, y1 in px; x1 and y1 are exclusive",
    "char_boxes": "the ink of each visible character, in reading order: x0, y0, x1, y1 in px",
}

MEASURED = "contrast"  # not planned but measured on the rendered sample
_IMAGE_MODES = {"image": "RGB", "ground_truth": "L", "erase_mask": "L", "coverage": "L"}
IMAGES = tuple(_IMAGE_MODES)
LABELS = ("erase_mask", "coverage", "line_boxes", "char_boxes")  # columns that a spec may ask for, by its `labels`
COLOR = "color"  # the type of columns with three numbers
BOXES = "boxes"  # the type of columns with lists of four numbers
_FIRST = ("image", "ground_truth", "text", MEASURED)
ALL = (*_FIRST, *(name for name in COLUMNS if name not in _FIRST), *LABELS)


def columns_of(spec: Spec) -> tuple[str, ...]:
    """The columns of a spec's data set, in order."""
    wanted = {*_FIRST, *recipe.columns_of(spec), *(name for name in LABELS if getattr(spec.labels, name))}
    return tuple(name for name in ALL if name in wanted)


@cache
def column_types() -> dict[str, str]:
    """The type of each column except images, in the names of `datasets`; COLOR for three numbers, BOXES for boxes."""
    hints = typing.get_type_hints(Recipe)
    names = {int: "int64", float: "float64", bool: "bool", str: "string"}
    planned = {name: names.get(hints[name], COLOR) for name in COLUMNS} | {"distractors": "string"}
    return {MEASURED: "float64"} | planned | {"line_boxes": BOXES, "char_boxes": BOXES}


def _color_dtype(name: str) -> str:
    return "int32" if name == "grade_gain" else "uint8"


@cache
def arrow_schema(names: tuple[str, ...]) -> pa.Schema:
    """The Arrow schema of these columns, with metadata from which `datasets` knows the features even without a card."""
    types = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "string": pa.string()}
    image_type = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    fields = []
    for name in names:
        if name in IMAGES:
            fields.append(pa.field(name, image_type))
        elif column_types()[name] == BOXES:
            fields.append(pa.field(name, pa.list_(pa.list_(pa.int32()))))
        elif column_types()[name] == COLOR:
            item = pa.int32() if _color_dtype(name) == "int32" else pa.uint8()
            fields.append(pa.field(name, pa.list_(item)))
        else:
            fields.append(pa.field(name, types[column_types()[name]]))
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": _features(names)}})})


@dataclass
class Measured:
    """What is known of rows only after rendering: contrasts, and by column image files and boxes."""

    contrasts: list[float] = field(default_factory=list)
    files: dict[str, list[bytes]] = field(default_factory=dict)
    boxes: dict[str, list[tuple[Box, ...]]] = field(default_factory=dict)


def arrow_table(names: tuple[str, ...], columns: Columns, measured: Measured) -> pa.Table:
    """Planned columns and what was measured as one table with the columns `names`.

    Arrow's buffers are filled directly, without a Python object per value. `pa.array` is not used because it imports
    pandas, which takes longer than writing the columns of a shard.
    """
    schema, arrays = arrow_schema(names), []
    for name in names:
        if name in IMAGES:
            arrays.append(_image_array(measured.files[name]))
            continue
        if name in measured.boxes:
            arrays.append(_boxes_array(measured.boxes[name]))
            continue
        kind = schema.field(name).type
        values = np.array(measured.contrasts) if name == MEASURED else columns[name]
        if isinstance(values, list):
            texts = (value if isinstance(value, str) else to_column(value) for value in values)
            arrays.append(_bytes_array([text.encode() for text in texts], kind))
        elif pa.types.is_list(kind):
            offsets = np.arange(0, values.size + 1, 3, dtype=np.int32)
            numbers = _number_array(values, kind.value_type)
            arrays.append(pa.ListArray.from_arrays(_number_array(offsets, pa.int32()), numbers))
        else:
            arrays.append(_number_array(values, kind))
    return pa.Table.from_arrays(arrays, schema=schema)


def _image_array(files: list[bytes]) -> pa.Array:
    paths = pa.nulls(len(files), pa.string())
    return pa.StructArray.from_arrays([_bytes_array(files, pa.binary()), paths], ["bytes", "path"])


def _boxes_array(rows: list[tuple[Box, ...]]) -> pa.Array:
    numbers = np.array([number for row in rows for box in row for number in box], dtype=np.int32)
    ends = np.arange(0, len(numbers) + 1, 4, dtype=np.int32)
    each = pa.ListArray.from_arrays(_number_array(ends, pa.int32()), _number_array(numbers, pa.int32()))
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    return pa.ListArray.from_arrays(_number_array(offsets, pa.int32()), each)


def _number_array(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    flat = np.ascontiguousarray(values, bool if kind == pa.bool_() else kind.to_pandas_dtype()).reshape(-1)
    buffer = np.packbits(flat, bitorder="little") if kind == pa.bool_() else flat
    return pa.Array.from_buffers(kind, len(flat), [None, pa.py_buffer(buffer)])


def _bytes_array(values: list[bytes], kind: pa.DataType) -> pa.Array:
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(v) for v in values], out=offsets[1:])
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))])


def _features(names: tuple[str, ...]) -> dict[str, object]:
    """The features as `datasets` stores them in the schema's metadata."""
    features: dict[str, object] = {}
    for name in names:
        if name in IMAGES:
            features[name] = {"mode": _IMAGE_MODES[name], "_type": "Image"}
        elif column_types()[name] == BOXES:
            features[name] = [[{"dtype": "int32", "_type": "Value"}]]
        elif column_types()[name] == COLOR:
            # A plain list is the one notation that every version of `datasets` since 3 reads.
            features[name] = [{"dtype": _color_dtype(name), "_type": "Value"}]
        else:
            features[name] = {"dtype": column_types()[name], "_type": "Value"}
    return features


def card_features(names: tuple[str, ...]) -> list[dict[str, object]]:
    """The features as the YAML of a card lists them."""
    features: list[dict[str, object]] = []
    for name in names:
        if name in IMAGES:
            features.append({"name": name, "dtype": {"image": {"mode": _IMAGE_MODES[name]}}})
        elif column_types()[name] == BOXES:
            features.append({"name": name, "list": {"list": "int32"}})
        elif column_types()[name] == COLOR:
            features.append({"name": name, "list": _color_dtype(name)})
        else:
            features.append({"name": name, "dtype": column_types()[name]})
    return features
