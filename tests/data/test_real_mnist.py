"""The real MNIST, where it is at hand, is what the world knows as MNIST."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from minisnip.data import DataError, Dataset, load
from minisnip.data.published import FASHION_MNIST, MNIST, TEST_LABELS, read_file
from minisnip.data.storage import find_file, search_folders

PATHS = {spec.name: find_file(spec.name, search_folders("mnist")) for spec in MNIST.files}

pytestmark = pytest.mark.skipif(
    None in PATHS.values(), reason="MNIST is not on this machine: set MINISNIP_DATA to a folder that holds it"
)


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    return load("mnist", download=False)


def test_the_split_is_54000_6000_10000(mnist: Dataset) -> None:
    sizes = [split.images.shape for split in (mnist.train, mnist.validation, mnist.test)]
    assert sizes == [(n, 1, 28, 28) for n in (54_000, 6_000, 10_000)]
    assert all(split.images.dtype == np.float32 for split in (mnist.train, mnist.validation, mnist.test))


def test_mean_and_std_are_the_well_known_ones(mnist: Dataset) -> None:
    assert (round(mnist.mean, 4), round(mnist.std, 4)) == (0.1307, 0.3081)


def test_training_and_validation_are_disjoint_and_together_the_60000_labels_of_the_file(mnist: Dataset) -> None:
    order = np.random.default_rng(0).permutation(60_000)
    path = PATHS[MNIST.files[1].name]
    assert path
    labels = read_file(path, MNIST.files[1])
    np.testing.assert_array_equal(np.concatenate([mnist.train.labels, mnist.validation.labels]), labels[order])
    seen = {image.tobytes() for image in mnist.train.images}  # MNIST holds no image twice
    assert len(seen) == 54_000
    assert not any(image.tobytes() in seen for image in mnist.validation.images)


def test_another_seed_splits_otherwise_and_leaves_the_test_images_alone(mnist: Dataset) -> None:
    other = load("mnist", download=False, seed=1)
    assert (other.validation.labels != mnist.validation.labels).any()
    np.testing.assert_array_equal(other.test.images, mnist.test.images)
    assert (other.mean, other.std) == (mnist.mean, mnist.std)


def test_the_first_test_images_are_7_2_1_0_4(mnist: Dataset) -> None:
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


@pytest.mark.parametrize("form", ["plain", "regzipped"])
def test_a_plain_and_a_regzipped_copy_are_accepted(tmp_path: Path, form: str) -> None:
    path = PATHS[TEST_LABELS]
    assert path
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    copy = tmp_path / (TEST_LABELS if form == "plain" else f"{TEST_LABELS}.gz")
    copy.write_bytes(content if form == "plain" else gzip.compress(content, 3))
    assert find_file(TEST_LABELS, [tmp_path]) == copy
    assert read_file(copy, MNIST.files[3])[:5].tolist() == [7, 2, 1, 0, 4]


def test_mnist_is_refused_as_fashion_mnist_although_its_files_have_the_same_names() -> None:
    path = PATHS[TEST_LABELS]
    assert path
    with pytest.raises(DataError, match="not the published file, but damaged or of another data set"):
        read_file(path, FASHION_MNIST.files[3])
