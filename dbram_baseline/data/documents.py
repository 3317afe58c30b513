"""Pages of any set of documents."""

from __future__ import annotations

from collections.abc import Callable

from dbram_baseline.data import dibco, plm
from dbram_baseline.data.pages import Page
from dbram_baseline.data.refs import DataRef

_LOADERS: dict[str, Callable[[DataRef, str], list[Page]]] = {"dibco": dibco.load_pages, "plm": plm.load_pages}


def load_pages(ref: DataRef, split: str) -> list[Page]:
    """The pages of a split of "dibco:PATH" or "plm:PATH". Raises BaselineError."""
    return _LOADERS[ref.scheme](ref, split)
