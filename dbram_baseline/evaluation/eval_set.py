"""The images that systems are evaluated on, with their ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from dbram_baseline.arrays import U8, Images, Mask
from dbram_baseline.data.documents import load_pages
from dbram_baseline.data.istd import load_shadows
from dbram_baseline.data.pairs import decode_pairs
from dbram_baseline.data.refs import DataRef, Kind
from dbram_baseline.data.sizes import check_size
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.metrics import all_white_ssim
from dbram_baseline.evaluation.pseudo_f_measure import PseudoWeights, pseudo_weights

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class EvalSet:
    """Images and their ground truth: arrays, or lists for pages of different sizes.

    Images are uint8 (H, W, 3) RGB and ground truths uint8 (H, W), text 0 and background 255. For shadow removal,
    `masks` (N, H, W) are True in shadow, and the ground truths are the shadow-free images, uint8 (H, W, 3).
    """

    images: Images
    truths: Images
    masks: Mask | None = None
    quiet: bool = True  # no progress bars

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def weights(self) -> list[PseudoWeights]:
        """The weights of each ground truth for the pseudo-F-measure, computed at the first use."""
        return parallel_map(lambda truth: pseudo_weights(truth < 128), self.truths, "weights", self.quiet)

    @cached_property
    def all_white_ssim(self) -> float:
        """The mean SSIM of outputs that are all white, over the images with text; computed at the first use.

        It is nan if no image has text: a white page has no error there whose share could be computed.
        """

        def of_page(truth: U8) -> float:
            return all_white_ssim((truth > 127).astype(np.float32))

        with_text = [truth for truth in self.truths if (truth < 128).any()]
        return float(np.mean(parallel_map(of_page, with_text, "all white", self.quiet))) if with_text else float("nan")

    @cached_property
    def blank_count(self) -> int:
        """The number of frames without text, whose ground truth is background alone; 0 for shadow removal."""
        return 0 if self.masks is not None else sum(not (truth < 128).any() for truth in self.truths)

    @property
    def text_share(self) -> float:
        """The share of pixels that are text."""
        return sum(int((t < 128).sum()) for t in self.truths) / sum(t.size for t in self.truths)


def load_eval_set(ref: DataRef, split: str, limit: int = 0, quiet: bool = True) -> EvalSet:
    """Load a split, at most `limit` images if it is not 0. Raises BaselineError."""
    if ref.scheme == "render":
        raise BaselineError(
            f"--data {ref.name}: pairs are rendered during training only; render a set with `subsynth render`, "
            "and name its directory"
        )
    if ref.kind is Kind.SHADOWS:
        shadows = load_shadows(ref, split, limit)
        return EvalSet(shadows.images, shadows.shadow_free, shadows.masks, quiet)
    if ref.kind is Kind.PAGES:
        pages = load_pages(ref, split)[: limit or None]
        for page in pages:
            check_size(ref, page.truth.shape[0], page.truth.shape[1], f"{page.name} is")
        return EvalSet([p.image for p in pages], [p.truth for p in pages], quiet=quiet)
    images, truths = decode_pairs(ref, split, limit, quiet=quiet)
    check_size(ref, *truths.shape[1:])
    return EvalSet(images, truths, quiet=quiet)


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], description: str, quiet: bool
) -> list[Result]:
    """Apply a function to each item in two threads, with a progress bar; the results are in the order of the items."""
    total = len(items) if isinstance(items, Sized) else None
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(function, items)
        return list(tqdm(results, total=total, desc=description, disable=quiet, leave=False))
