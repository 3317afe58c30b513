"""Augmentation of rendered bands for the network for films."""

import numpy as np

from dbram_baseline.data.augmentation import P_HUE, P_LOW, P_NEGATIVE, STRIP_FACTOR, augment, render_augmented
from dbram_baseline.data.rendering import render_labels

PHOTO = np.random.default_rng(0).integers(0, 256, (96, 120, 3), np.uint8)


def fine_detail(image):
    """The mean difference between neighbours."""
    return np.abs(np.diff(image.astype(int), axis=1)).mean()


def test_each_augmentation_has_its_share():
    """Noise has lost its detail exactly where the resolution is lower; planes and levels tell the others."""
    counts = {"low": 0, "hue": 0, "negative": 0}
    ramp = PHOTO.copy()
    ramp[:, :, 0] //= 8  # darker than the others
    ramp[:, :, 2] = 128 + ramp[:, :, 2] // 2  # lighter
    n = 600
    for index in range(n):
        image = augment(ramp, (1, index))
        assert image.shape == ramp.shape and image.dtype == np.uint8
        counts["low"] += fine_detail(image) < 0.8 * fine_detail(ramp)
        means = image.mean(axis=(0, 1))
        is_negative = np.sort(means)[0] > 30  # the negative of the lightest plane is about 64, the darkest is about 16
        counts["negative"] += is_negative
        order = np.argsort(means if not is_negative else -means)
        counts["hue"] += list(order) != [0, 1, 2]
    expected = {"low": P_LOW, "hue": P_HUE * 5 / 6, "negative": P_NEGATIVE}
    for name, share in expected.items():
        assert abs(counts[name] / n - share) < 4 * (share * (1 - share) / n) ** 0.5, (name, counts[name])


def test_strips_keep_their_resolution():
    strip = PHOTO[:32]
    for index in range(50):
        levels = augment(strip, (0, index))
        assert np.isclose(fine_detail(levels), fine_detail(strip))  # neither planes nor negatives change it


def test_strips_are_enlarged_with_their_labels():
    """Averaged back to their own size, enlarged labels are close to what was rendered."""
    images, labels = render_augmented("sub_en", 5, "train", 0, 4, 1)
    _, plain_labels = render_labels("sub_en", 5, "train", 0, 4, 1)
    n, _, height, width = plain_labels.shape
    assert images.shape == (n, height * STRIP_FACTOR, width * STRIP_FACTOR, 3)
    back = labels.reshape(n, 2, height, STRIP_FACTOR, width, STRIP_FACTOR).mean(axis=(3, 5))
    assert np.abs(back - plain_labels).mean() < 8 < np.abs(back[::-1] - plain_labels).mean()


def test_strips_cut_from_films_have_lost_their_resolution_and_labels_have_not():
    """Reduced to 32 px, and enlarged again, such a strip is about the same; its labels are as sharp as rendered."""
    images, labels = render_augmented("strip_en", 5, "train", 0, 6, 1)
    plain, plain_labels = render_labels("strip_en", 5, "train", 0, 6, 1)
    assert images.shape == plain.shape == (6, 77, 672, 3) and np.array_equal(labels, plain_labels)
    assert fine_detail(images) < 0.8 * fine_detail(plain)


def test_an_image_depends_on_its_index_alone_and_labels_stay():
    images, labels = render_augmented("film_zh", 5, "train", 6, 12, 2)
    again, _ = render_augmented("film_zh", 5, "train", 8, 9, 1)
    assert np.array_equal(images[1], again[0])
    plain, plain_labels = render_labels("film_zh", 5, "train", 6, 12, 2)
    assert np.array_equal(labels, plain_labels) and not np.array_equal(images, plain)
