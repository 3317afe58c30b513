"""Pairs of a rendered directory or of a data set on the Hugging Face hub, by the columns that subsynth writes."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dbram_baseline.arrays import U8
from dbram_baseline.data.pictures import MAX_FILE, decode_picture
from dbram_baseline.data.refs import DataRef
from dbram_baseline.errors import BaselineError, reason
from dbram_baseline.files import read_file

BLOCK = 256  # rows decoded by one task
Cell = Mapping[str, Any] | None  # of a column of pictures, as `datasets` returns it undecoded


def decode_pairs(ref: DataRef, split: str, limit: int = 0, workers: int = 2, quiet: bool = True) -> tuple[U8, U8]:
    """The images (N, H, W, 3) and ground truths (N, H, W) of a split, at most `limit` if it is not 0.

    Raises BaselineError if there is no such set, split or column, or if sizes differ.
    """
    rows = _rows(ref, split, ("image", "ground_truth"))
    rows = rows.select(range(min(limit, len(rows)))) if limit else rows
    if not len(rows):
        raise BaselineError(f"--data {ref.name}: split {split!r} is empty")
    first_image, first_truth = _decode(ref, split, 0, rows[0]["image"], rows[0]["ground_truth"])
    images = np.empty((len(rows), *first_image.shape), np.uint8)
    truths = np.empty((len(rows), *first_truth.shape), np.uint8)

    def decode_block(start: int) -> int:
        block = rows[start : start + BLOCK]
        for i, (image, truth) in enumerate(zip(block["image"], block["ground_truth"], strict=True), start):
            pair = _decode(ref, split, i, image, truth)
            if pair[0].shape != images.shape[1:]:
                raise BaselineError(
                    f"--data {ref.name}: images of one size are needed; row {i} of {split} has "
                    f"{pair[0].shape[0]} x {pair[0].shape[1]} px, row 0 {images.shape[1]} x {images.shape[2]}"
                )
            images[i], truths[i] = pair
        return len(block["image"])

    with (
        ThreadPoolExecutor(max(1, workers)) as pool,
        tqdm(total=len(rows), desc=f"{ref.name} {split}", disable=quiet) as bar,
    ):
        for decoded in pool.map(decode_block, range(0, len(rows), BLOCK)):
            bar.update(decoded)
    return images, truths


def load_texts(ref: DataRef, split: str, limit: int = 0) -> list[str]:
    """The column `text` of a split, of the first `limit` rows if it is not 0.

    It is "" where an image has no subtitle; lines are separated by line breaks. Raises BaselineError if it is missing.
    """
    texts: list[str] = []
    for row, text in enumerate(_rows(ref, split, ("text",))["text"][: limit or None]):
        if not isinstance(text, str):
            raise BaselineError(f"--data {ref.name}: text of row {row} of {split} is {str(text)[:40]!r}, not a string")
        texts.append(text)
    return texts


@functools.cache  # without a connection, each request takes all the retries of the client
def hub_commit(name: str) -> str:
    """The commit of a data set on the hub that `load_dataset` would use; from its cache without a connection."""
    with _datasets(name) as datasets:
        commit: str = datasets.load_dataset_builder(name).hash
    return commit


def _rows(ref: DataRef, split: str, columns: tuple[str, ...]) -> Any:
    """The rows of a split (a `datasets.Dataset`), with these columns; images are not decoded."""
    with _datasets(f"{ref.name}: split {split!r}") as datasets:
        rows = datasets.load_dataset(ref.name, split=split)
        missing = [c for c in columns if c not in rows.column_names]
        if missing:
            raise BaselineError(
                f"--data {ref.name}: no column {missing[0]!r}; it has {', '.join(rows.column_names[:8])}"
            )
        rows = rows.select_columns(list(columns))
        for column in {"image", "ground_truth"} & set(columns):
            rows = rows.cast_column(column, datasets.Image(decode=False))
    return rows


@contextlib.contextmanager
def _datasets(what: str) -> Iterator[Any]:
    """The module `datasets`; whatever goes wrong inside becomes a BaselineError about `--data what`."""
    import datasets  # noqa: PLC0415 - the import takes seconds

    datasets.disable_progress_bars()
    try:
        yield datasets
    except (BaselineError, MemoryError):
        raise
    except Exception as error:  # the client and broken files raise exceptions of many types
        raise BaselineError(
            f"--data {what} cannot be loaded ({type(error).__name__}: {reason(error)}); name a rendered directory, "
            "or a data set on the hub"
        ) from error


def _decode(ref: DataRef, split: str, row: int, image: Cell, truth: Cell) -> tuple[U8, U8]:
    """Decode a pair; each cell has its file in "bytes", or else its "path"."""
    decoded = []
    for column, cell in (("image", image), ("ground_truth", truth)):
        try:
            decoded.append(decode_picture(_content(cell), grey=column == "ground_truth"))
        except BaselineError as error:
            raise BaselineError(
                f"--data {ref.name}: {column} of row {row} of {split} cannot be decoded ({error})"
            ) from error
    if decoded[0].shape[:2] != decoded[1].shape:
        raise BaselineError(f"--data {ref.name}: row {row} of {split}: image and ground truth differ in size")
    return decoded[0], decoded[1]


def _content(cell: Cell) -> bytes:
    """The file of a picture. Raises BaselineError for a cell that has none."""
    if cell is None:
        raise BaselineError("it is null")
    content: bytes | None = cell["bytes"]
    if content is None and cell["path"]:
        return read_file(Path(cell["path"]), MAX_FILE)
    return content or b""
