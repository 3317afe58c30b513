"""The only source of randomness: 64-bit words that are a pure function of (seed, domain, stream, index).

A word is the SplitMix64 finaliser (Steele, Lea, Flood 2014) applied twice, to the index and to the slot, each offset
by a 64-bit key that BLAKE2b derives from (seed, domain, stream). There is no state, so the sample at an index is the
same for any number of samples or workers, any order and any resume point, and adding, removing or renaming a stream
changes no other stream.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class StreamRange(NamedTuple):
    """The samples that numbers are drawn for: the indices start..stop-1 of one domain, under one seed.

    The domain of a data set's samples is its preset, language and split, so that no two of these share draws.
    """

    seed: int
    domain: str
    start: int
    stop: int


def _mix(z: Words) -> Words:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _keys(seed: int, domain: str, stream: str) -> Words:
    name = f"{seed}\x1f{domain}\x1f{stream}".encode()
    return np.frombuffer(hashlib.blake2b(name, digest_size=16).digest(), dtype="<u8").astype(np.uint64)


def random_words(samples: StreamRange, stream: str, slot: int = 0) -> Words:
    """One 64-bit word per index: uint64 (stop - start,)."""
    first, second = _keys(samples.seed, samples.domain, stream)
    index = np.arange(samples.start, samples.stop, dtype=np.uint64)
    with np.errstate(over="ignore"):
        inner = _mix(index * _GOLDEN + first)
        return _mix(inner + np.uint64(slot) * _GOLDEN + second)


def keyed_words(key: int, count: int) -> Words:
    """`count` words that depend only on an integer key: uint64 (count,)."""
    return random_words(StreamRange(key, "", 0, count), "field")


def uniform(samples: StreamRange, stream: str, low: float = 0.0, high: float = 1.0) -> NDArray[np.float64]:
    """Uniform over [low, high): float64 (stop - start,), on a grid of 2**-32 of the span."""
    return low + (high - low) * ((random_words(samples, stream) >> np.uint64(32)).astype(np.float64) * 2.0**-32)


def bernoulli(samples: StreamRange, stream: str, p: float) -> NDArray[np.bool_]:
    """True with probability p: bool (stop - start,). p = 0 is never True, p = 1 always."""
    return uniform(samples, stream) < p


def randint(samples: StreamRange, stream: str, limit: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """A uniform integer in [0, limit): int64 (stop - start,). `limit` is one number or one per index."""
    scaled = (random_words(samples, stream) >> np.uint64(32)) * np.asarray(limit).astype(np.uint64)
    return (scaled >> np.uint64(32)).astype(np.int64)


def categorical(samples: StreamRange, stream: str, weights: NDArray[np.float64] | list[float]) -> NDArray[np.int64]:
    """An index into `weights`, drawn with a probability proportional to the weight: int64 (stop - start,)."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.minimum(np.searchsorted(edges, uniform(samples, stream) * edges[-1], side="right"), len(edges) - 1)
