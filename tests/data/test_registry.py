"""What is published is what the world has: names, checksums and mirrors that exist."""

from __future__ import annotations

import re

import pytest

from minisnip.data.published import FASHION_MNIST, IMAGES, LABELS, MNIST, Publication

publications = pytest.mark.parametrize("publication", [MNIST, FASHION_MNIST], ids=lambda publication: publication.name)


@publications
def test_no_mirror_is_yann_lecuns_site_which_refuses_downloads(publication: Publication) -> None:
    urls = [mirror + spec.name for mirror in publication.mirrors for spec in publication.files]
    assert len(urls) == 8
    assert not any("lecun" in url for url in urls)


@publications
def test_the_files_are_the_four_classic_ones(publication: Publication) -> None:
    assert [(spec.name, spec.read) for spec in publication.files] == [
        ("train-images-idx3-ubyte", IMAGES),
        ("train-labels-idx1-ubyte", LABELS),
        ("t10k-images-idx3-ubyte", IMAGES),
        ("t10k-labels-idx1-ubyte", LABELS),
    ]


def test_all_eight_checksums_are_sha256_and_different() -> None:
    sums = [spec.checksum for publication in (MNIST, FASHION_MNIST) for spec in publication.files]
    assert len(set(sums)) == 8
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in sums)


def test_the_first_mirror_of_mnist_is_googles() -> None:
    assert MNIST.mirrors == (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    )


def test_fashion_mnist_has_its_ten_classes_in_order() -> None:
    assert ", ".join(FASHION_MNIST.class_names) == (
        "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    )
