"""Values of metrics: one per image, their means, and the confidence interval of a mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from dbram_baseline.arrays import F64


@dataclass(frozen=True)
class Interval:
    """A mean over images with its 95 % confidence interval; None where there are too few finite values."""

    mean: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, values: F64) -> Interval:
        """The interval of the mean of the finite values, by Student's t."""
        finite = values[np.isfinite(values)]
        if not len(finite):
            return cls(None)
        mean = float(finite.mean())
        if len(finite) == 1:
            return cls(mean)
        half = float(stats.t.ppf(0.975, len(finite) - 1) * finite.std(ddof=1) / np.sqrt(len(finite)))
        return cls(mean, mean - half, mean + half)

    @classmethod
    def from_json(cls, record: Mapping[str, float | None]) -> Interval:
        """Read what `to_json` wrote."""
        return cls(record["mean"], record["low"], record["high"])

    def to_json(self) -> dict[str, float | None]:
        """The interval as a JSON object."""
        return {"mean": self.mean, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class MetricValues:
    """Values of metrics by their keys, each of shape (images,); nan where a metric does not apply to an image."""

    columns: Mapping[str, F64]

    @classmethod
    def of_rows(cls, keys: Sequence[str], rows: Sequence[Sequence[float]]) -> MetricValues:
        """The values of all metrics for each image, with the metrics in the order of `keys`."""
        return cls(dict(zip(keys, np.array(rows, np.float64).T, strict=True)))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, key: str) -> F64:
        return self.columns[key]

    def means(self) -> dict[str, float]:
        """The mean of each metric over the images that have a value; nan if none has."""
        return {k: float(np.nanmean(v)) if np.isfinite(v).any() else float("nan") for k, v in self.columns.items()}

    def intervals(self) -> dict[str, Interval]:
        """The mean of each metric with its confidence interval."""
        return {k: Interval.of(v) for k, v in self.columns.items()}


@dataclass(frozen=True)
class Score:
    """A row of a table of scores: the means of a method's metrics."""

    method: str
    means: Mapping[str, float] = field(default_factory=dict)
    images_per_second: float | None = None  # of networks

    def to_json(self) -> dict[str, str | float]:
        """The row as a JSON object."""
        speed = {} if self.images_per_second is None else {"images/s": round(self.images_per_second, 1)}
        return {"method": self.method, **self.means, **speed}
