"""`load` gives three splits of sound, standardized arrays, or one clear sentence."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minisnip.data import NAMES, DataError, Dataset, DataUnavailableError, load
from minisnip.data.published import Publication
from minisnip.data.storage import load_published
from tests.data.files import Contents, digits, idx_bytes, publication_of, small_contents, write_gzipped

CONTENTS = small_contents()
PUBLICATION = publication_of(CONTENTS)
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = CONTENTS


def load_small(publication: Publication = PUBLICATION, directory: Path | None = None) -> Dataset:
    return load_published(publication, directory, download=False, seed=0)


def test_the_small_publication_is_loaded_from_the_cache(cache: Path) -> None:
    write_gzipped(cache / "mnist", CONTENTS)
    dataset = load_small()
    assert [len(split.labels) for split in (dataset.train, dataset.validation, dataset.test)] == [36, 4, 10]
    assert (dataset.name, dataset.label, dataset.class_names) == ("mnist", "MNIST", tuple("0123456789"))


@pytest.mark.parametrize("subfolder", ["", "mnist"])
@pytest.mark.parametrize("by_environment", [True, False])
def test_plain_files_are_found_in_a_named_folder_and_in_its_subfolder(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, subfolder: str, by_environment: bool
) -> None:
    folder = tmp_path / "named" / subfolder
    folder.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    if by_environment:
        monkeypatch.setenv("MINISNIP_DATA", str(tmp_path / "named"))
    dataset = load_small(directory=None if by_environment else tmp_path / "named")
    assert len(dataset.test.labels) == 10


def test_missing_files_are_downloaded_into_the_cache_and_the_others_not(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gzipped(cache / "mnist", {name: CONTENTS[name] for name in (TRAIN_IMAGES, TEST_LABELS)})
    fetched = []

    def serve(self: object, url: str, temporary: str, manager: object) -> None:
        fetched.append(url)
        Path(temporary).write_bytes(gzip.compress(CONTENTS[url.removeprefix("http://mirror/").removesuffix(".gz")]))

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", serve)
    publication = publication_of(CONTENTS, mirrors=("http://mirror/",))
    first = load_published(publication, None, download=True, seed=0)
    second = load_published(publication, None, download=True, seed=0)
    assert fetched == [f"http://mirror/{TRAIN_LABELS}.gz", f"http://mirror/{TEST_IMAGES}.gz"]
    np.testing.assert_array_equal(first.train.images, second.train.images)


def test_what_is_unavailable_is_told_with_urls_cache_and_the_way_by_hand(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise ConnectionError("the network is down")

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", unreachable)
    with pytest.raises(DataUnavailableError) as caught:
        load("mnist")
    for part in (
        "https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz: the network is down",
        "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz: the network is down",
        f"{cache / 'mnist'} (the last is the cache)",
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz",
        "MINISNIP_DATA=<folder> or pass directory=<folder>",
    ):
        assert part in str(caught.value)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "train-images-idx3-ubyte.gz"),
        ("fashion-mnist", "train-images-idx3-ubyte.gz"),
        ("cifar-10", "cifar-10-binary.tar.gz"),
    ],
)
def test_without_download_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch, name: str, file: str) -> None:
    monkeypatch.delattr("pooch.retrieve")
    with pytest.raises(DataUnavailableError, match=f"{file} is missing and download=False"):
        load(name, download=False)


def test_a_damaged_file_is_an_error_and_neither_downloaded_again_nor_unavailable(cache: Path) -> None:
    write_gzipped(cache / "mnist", {TEST_LABELS: CONTENTS[TEST_LABELS][:-1]})
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz is cut short") as caught:
        load("mnist")
    assert not isinstance(caught.value, DataUnavailableError)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ["cifar-100", "", "MNIST"])
def test_an_unknown_data_set_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        DataError, match=f"no data set '{name}': the known ones are mnist, fashion-mnist, cifar-10, glyphs"
    ):
        load(name)
    assert NAMES == ("mnist", "fashion-mnist", "cifar-10", "glyphs", "noise")


def fewer_labels(contents: Contents) -> None:
    contents[TRAIN_LABELS] = idx_bytes(digits(39)[1])


def a_label_of_ten(contents: Contents) -> None:
    contents[TEST_LABELS] = idx_bytes(np.arange(1, 11, dtype=np.uint8))


def wide_images(contents: Contents) -> None:
    contents[TEST_IMAGES] = idx_bytes(np.zeros((10, 28, 32), np.uint8))


def no_images(contents: Contents) -> None:
    contents[TEST_IMAGES], contents[TEST_LABELS] = (idx_bytes(array) for array in digits(0))


@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (fewer_labels, "40 training images but 39 labels"),
        (a_label_of_ten, "a test label is 10, expected 0 to 9"),
        (wide_images, r"test images have the shape \(28, 32\), expected \(28, 28\)"),
        (no_images, "there are no test images"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(cache: Path, alter: Callable[[Contents], None], sentence: str) -> None:
    contents = small_contents()
    alter(contents)
    write_gzipped(cache / "mnist", contents)
    with pytest.raises(DataError, match=sentence):
        load_small(publication_of(contents))
