"""The split is seeded and loses nothing; standardization is by one mean and one std of all training images."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from minisnip.data.dataset import Dataset, split_and_standardize

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 1, 28, 28), np.uint8)
LABELS = np.arange(50)  # a label says which image it belongs to
TEST = RNG.integers(0, 200, (7, 1, 28, 28), np.uint8), np.arange(7)


def split(seed: int = 0, name: str = "mnist") -> Dataset:
    return split_and_standardize(name, tuple("0123456789"), (IMAGES, LABELS), TEST, seed)


def test_the_split_is_nine_to_one_by_the_seeds_permutation() -> None:
    order = np.random.default_rng(3).permutation(50)
    np.testing.assert_array_equal(split(3).train.labels, order[:45])
    np.testing.assert_array_equal(split(3).validation.labels, order[45:])
    assert (split(4).validation.labels != order[45:]).any()


def test_every_image_keeps_its_label_and_is_standardized() -> None:
    dataset = split()
    scaled = IMAGES.astype(np.float64) / 255
    assert dataset.mean == pytest.approx(scaled.mean(), rel=1e-12)
    assert dataset.std == pytest.approx(scaled.std(), rel=1e-12)
    for part in (dataset.train, dataset.validation):
        expected = (scaled[part.labels] - scaled.mean()) / scaled.std()
        np.testing.assert_allclose(part.images, expected, rtol=1e-5, atol=1e-6)


def test_the_test_images_are_standardized_by_the_training_images() -> None:
    dataset = split()
    np.testing.assert_allclose(dataset.test.images * dataset.std + dataset.mean, TEST[0] / 255, atol=1e-6)
    np.testing.assert_array_equal(dataset.test.labels, TEST[1])


def test_images_are_float32_and_labels_int64_and_the_callers_arrays_stay_as_they_are() -> None:
    before = IMAGES.copy(), TEST[0].copy()
    for part in (split().train, split().validation, split().test):
        assert part.images.shape == (len(part.labels), 1, 28, 28)
        assert part.images.dtype == np.float32
        assert part.labels.dtype == np.int64
    np.testing.assert_array_equal(IMAGES, before[0])
    np.testing.assert_array_equal(TEST[0], before[1])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("mnist", "MNIST"),
        ("fashion-mnist", "Fashion-MNIST"),
        ("cifar-10", "CIFAR-10"),
        ("glyphs", "glyphs (not MNIST)"),
    ],
)
def test_the_label_says_which_data_set_it_is(name: str, label: str) -> None:
    assert split(name=name).label == label


@pytest.mark.parametrize("field", ["name", "train"])
def test_a_data_set_is_frozen(field: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(split(), field, None)
