"""The glyphs are digits: seeded, varied, recognizable, and drawn without a download."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from minisnip.data import glyphs, load
from minisnip.data.drawing import draw_digits

DIGEST = "eb74d217c119a428aceff84c07fc118b2c0839f02b3d69b9f9dd1dfd09954021"


def test_shapes_types_and_range() -> None:
    images, labels = glyphs(1234)
    assert (images.shape, labels.shape) == ((1234, 1, 28, 28), (1234,))
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert images.min() == 0
    assert images.max() == 1
    assert set(labels) == set(range(10))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = glyphs(600, seed=1), glyphs(600, seed=1), glyphs(600, seed=2)
    assert [array.tobytes() for array in first] == [array.tobytes() for array in again]
    assert (first[1] != other[1]).any()


def test_the_glyphs_are_these_bytes_with_every_supported_matplotlib_and_numpy() -> None:
    images, labels = draw_digits(2000, np.random.default_rng(0))
    assert hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() == DIGEST


def test_no_two_images_are_equal() -> None:
    images, _ = glyphs(1100)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == 1100


def test_no_images_can_be_asked_for_but_not_fewer() -> None:
    assert glyphs(0)[0].shape == (0, 1, 28, 28)
    with pytest.raises(ValueError, match="-1 images cannot be drawn: ask for 0 or more"):
        glyphs(-1)


def test_the_digits_lie_in_the_middle_with_paper_around() -> None:
    images, _ = glyphs(1000)
    mean = images.mean((0, 1))
    assert mean[8:20, 10:18].mean() > 0.25
    assert max(edge.mean() for edge in (mean[0], mean[-1], mean[:, 0], mean[:, -1])) < 0.07


def test_a_linear_classifier_learns_much_but_not_all_of_them() -> None:
    (x, y), (test_x, test_y) = glyphs(3000, seed=0), glyphs(1000, seed=1)
    flat, test_flat = x.reshape(3000, 784), test_x.reshape(1000, 784)
    weights = np.linalg.solve(flat.T @ flat + 30 * np.eye(784), flat.T @ np.eye(10)[y])  # ridge regression
    error = np.mean((test_flat @ weights).argmax(1) != test_y)
    assert 0.25 < error < 0.37


def test_the_data_set_of_glyphs_is_not_mnist_and_has_three_splits() -> None:
    dataset = load("glyphs", download=False)
    splits = dataset.train, dataset.validation, dataset.test
    assert [split.images.shape for split in splits] == [(n, 1, 28, 28) for n in (10_800, 1_200, 2_000)]
    assert (dataset.name, dataset.label) == ("glyphs", "glyphs (not MNIST)")
    pool = np.concatenate([dataset.train.images, dataset.validation.images])
    assert pool.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert pool.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)


def test_the_seed_of_load_only_splits_the_glyphs() -> None:
    first, second = load("glyphs", seed=0), load("glyphs", seed=1)
    np.testing.assert_array_equal(first.test.images, second.test.images)
    assert (first.validation.labels != second.validation.labels).any()
