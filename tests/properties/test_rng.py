"""Random numbers: functions of seed, split, stream and index, with the distributions that they promise."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from subsynth.core import rng
from subsynth.core.rng import StreamRange

SEEDS = st.integers(0, 2**63 - 1)


@given(seed=SEEDS, start=st.integers(0, 10**9), size=st.integers(1, 50), stop=st.integers(0, 49))
def test_a_word_depends_on_its_index_alone(seed, start, size, stop):
    words = rng.random_words(StreamRange(seed, "train", start, start + size), "x")
    middle = start + min(stop, size)
    parts = [
        rng.random_words(StreamRange(seed, "train", first, last), "x")
        for first, last in ((start, middle), (middle, start + size))
    ]
    assert np.array_equal(words, np.concatenate(parts))


@given(seed=st.integers(0, 1000), index=st.integers(0, 1000))
def test_seed_and_index_are_not_interchangeable(seed, index):
    one = rng.random_words(StreamRange(seed + 1, "train", index, index + 1), "x")
    two = rng.random_words(StreamRange(seed, "train", index + 1, index + 2), "x")
    assert one[0] != two[0]


@given(seed=SEEDS)
def test_streams_splits_and_slots_differ(seed):
    samples = StreamRange(seed, "train", 0, 8)
    rows = [
        rng.random_words(samples, "a"), rng.random_words(samples, "b"), rng.random_words(samples, "a", slot=1),
        rng.random_words(StreamRange(seed, "test", 0, 8), "a"),
    ]  # fmt: skip
    assert len({tuple(r.tolist()) for r in rows}) == len(rows)


def test_uniform_is_uniform_and_uncorrelated():
    n = 200_000
    samples = StreamRange(0, "train", 0, n)
    a, b = rng.uniform(samples, "a"), rng.uniform(samples, "b")
    counts = np.histogram(a, 100, (0, 1))[0]
    chi2 = ((counts - n / 100) ** 2 / (n / 100)).sum()
    assert 50 < chi2 < 160  # 99 degrees of freedom
    for x, y in ((a, b), (a[1:], a[:-1])):
        assert abs(np.corrcoef(x, y)[0, 1]) < 0.01


def test_bits_are_balanced():
    words = rng.random_words(StreamRange(0, "train", 0, 1 << 16), "bits")
    bits = np.unpackbits(words.view(np.uint8)).reshape(-1, 64).mean(axis=0)
    assert np.all(np.abs(bits - 0.5) < 0.01)


def test_categorical_follows_its_weights():
    drawn = rng.categorical(StreamRange(3, "train", 0, 100_000), "w", [1, 0, 3])
    share = np.bincount(drawn, minlength=3) / 100_000
    assert share[1] == 0
    assert abs(share[2] - 0.75) < 0.01


@given(limit=st.integers(1, 10**6))
def test_randint_stays_below_its_limit(limit):
    drawn = rng.randint(StreamRange(0, "train", 0, 100), "b", limit)
    assert drawn.min() >= 0 and drawn.max() < limit


def test_probabilities_at_the_ends():
    samples = StreamRange(0, "train", 0, 1000)
    assert not rng.bernoulli(samples, "p", 0.0).any()
    assert rng.bernoulli(samples, "p", 1.0).all()
    assert abs(rng.bernoulli(StreamRange(0, "train", 0, 100_000), "p", 0.3).mean() - 0.3) < 0.01


def test_words_are_those_of_this_definition():
    """SplitMix64's finaliser twice, written in Python's integers; published samples depend on it."""

    def mix(z):
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    digest = hashlib.blake2b(b"7\x1ftest\x1ftext.line", digest_size=16).digest()
    first, second = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
    golden = 0x9E3779B97F4A7C15
    for index in (0, 1, 2**40):
        inner = mix((index * golden + first) % 2**64)
        for slot in (0, 3):
            word = rng.random_words(StreamRange(7, "test", index, index + 1), "text.line", slot)[0]
            assert int(word) == mix((inner + slot * golden + second) % 2**64)
