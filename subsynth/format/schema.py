"""Columns: the schema of a data set, for Arrow, for the `datasets` library and for the card."""

from __future__ import annotations

import json
import typing
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from subsynth.planning.recipe import COLUMNS, Recipe

# What the card says of each column: meaning and unit.
MEANING = {
    "image": "the crop: RGB uint8, lossless PNG (with image_format jpeg: the file of its JPEG step where it has one)",
    "ground_truth": "text 0, background 255: coverage of the glyph fill of at least one half; 1-bit PNG",
    "index": "place in the split; with the spec it determines the sample",
    "text": "what is written",
    "text_source": "where the line comes from",
    "text_id": "its id there (Tatoeba: the sentence's number)",
    "font": "family and style",
    "bold": "whether the face is bold",
    "italic": "whether the text is slanted, by a true italic or a shear",
    "shear": "tangent of the slant added to the outlines; 0 for true italics",
    "font_size_px": "px an em",
    "embolden_x_px": "px by which strokes are thickened across, so that thin ones keep a pixel",
    "embolden_y_px": "px by which they are thickened down",
    "x": "px from the left to where the baseline begins",
    "y": "px from the top to the baseline",
    "text_color": "fill, RGB 0..255",
    "contrast": "ratio of luminances, 1..21, of the fill and what surrounds it, before degradation: how hard it is",
    "outline_px": "radius of the outline, px; 0 is none",
    "outline_color": "RGB 0..255",
    "shadow_dx": "px to the right",
    "shadow_dy": "px down",
    "shadow_blur_px": "softness, px",
    "shadow_opacity": "0..255; 0 is none",
    "box_color": "RGB 0..255",
    "box_opacity": "0..255; 0 is none",
    "box_padding_px": "px around the ink",
    "background": "photograph, or procedural/kind-number",
    "background_level": "scale of the photograph: 0 is the largest",
    "background_x": "px in that scale",
    "background_y": "px in that scale",
    "background_flip": "whether the crop is mirrored",
    "grade_saturation": "256 is unchanged",
    "grade_gain": "of R, G, B; 256 is unchanged",
    "grade_lift": "levels added",
    "resample": "factor of lost resolution; 0 is none",
    "blur_sigma": "sigma of the Gaussian blur, px; 0 is none",
    "noise_sigma": "standard deviation of the noise, levels; 0 is none",
    "noise_offset": "where in the pool the noise is cut",
    "jpeg_quality": "1..100; 0 is none",
    "jpeg_dx": "px into a macroblock",
    "jpeg_dy": "px into a macroblock",
}

IMAGES = ("image", "ground_truth")
_MODES = {"image": "RGB", "ground_truth": "L"}
_HEAD = ("image", "ground_truth", "text")
MEASURED = "contrast"  # the one column that is not decided but measured on the drawn sample
NAMES = (*_HEAD, MEASURED, *(c for c in COLUMNS if c not in _HEAD))


@cache
def kinds() -> dict[str, str]:
    """Each column's type but the images', in the words of `datasets`; colours are "color"."""
    hints = typing.get_type_hints(Recipe)
    words: dict[Any, str] = {int: "int64", float: "float64", bool: "bool", str: "string"}
    return {MEASURED: "float64"} | {name: words.get(hints[name], "color") for name in COLUMNS}


def _color_dtype(name: str) -> str:
    return "int32" if name == "grade_gain" else "uint8"


@cache
def schema() -> pa.Schema:
    """The Arrow schema, with the metadata by which `datasets` knows the features even without a card."""
    types = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "string": pa.string()}
    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    fields = []
    for name in NAMES:
        if name in IMAGES:
            fields.append(pa.field(name, picture))
        elif kinds()[name] == "color":
            item = pa.int32() if _color_dtype(name) == "int32" else pa.uint8()
            fields.append(pa.field(name, pa.list_(item)))
        else:
            fields.append(pa.field(name, types[kinds()[name]]))
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features()}})})


def table(decided: dict[str, Any], contrasts: list[float], images: list[bytes], truths: list[bytes]) -> pa.Table:
    """Decided columns, measured contrasts and encoded images as one table.

    All is laid into Arrow's buffers as it is, without a Python object a value.
    """
    arrow = schema()
    arrays = [_pictures(files) for files in (images, truths)]
    for name in NAMES[len(IMAGES) :]:
        kind = arrow.field(name).type
        values = np.array(contrasts) if name == MEASURED else decided[name]
        if isinstance(values, list):
            arrays.append(_bytes([text.encode() for text in values], kind))
        elif pa.types.is_list(kind):
            offsets = np.arange(0, values.size + 1, 3, dtype=np.int32)
            arrays.append(pa.ListArray.from_arrays(_numbers(offsets, pa.int32()), _numbers(values, kind.value_type)))
        else:
            arrays.append(_numbers(values, kind))
    return pa.Table.from_arrays(arrays, schema=arrow)


def _pictures(files: list[bytes]) -> pa.Array:
    return pa.StructArray.from_arrays(
        [_bytes(files, pa.binary()), pa.nulls(len(files), pa.string())], ["bytes", "path"]
    )


# `pa.array` would import pandas, which takes longer than writing a shard's columns.


def _numbers(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    flat = np.ascontiguousarray(values, bool if kind == pa.bool_() else kind.to_pandas_dtype()).reshape(-1)
    buffer = np.packbits(flat, bitorder="little") if kind == pa.bool_() else flat
    return pa.Array.from_buffers(kind, len(flat), [None, pa.py_buffer(buffer)])


def _bytes(values: list[bytes], kind: pa.DataType) -> pa.Array:
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(v) for v in values], out=offsets[1:])
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))])


def features() -> dict[str, Any]:
    """The features as `datasets` keeps them in the schema's metadata."""
    found: dict[str, Any] = {}
    for name in NAMES:
        if name in IMAGES:
            found[name] = {"mode": _MODES[name], "_type": "Image"}
        elif kinds()[name] == "color":
            # A bare list is the one spelling that every version of `datasets` from 3 on reads.
            found[name] = [{"dtype": _color_dtype(name), "_type": "Value"}]
        else:
            found[name] = {"dtype": kinds()[name], "_type": "Value"}
    return found


def card_features() -> list[dict[str, Any]]:
    """The features as the card's YAML has them."""
    found: list[dict[str, Any]] = []
    for name in NAMES:
        if name in IMAGES:
            found.append({"name": name, "dtype": {"image": {"mode": _MODES[name]}}})
        elif kinds()[name] == "color":
            found.append({"name": name, "list": _color_dtype(name)})
        else:
            found.append({"name": name, "dtype": kinds()[name]})
    return found
