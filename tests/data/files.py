"""Small idx files and a publication that consists of them."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minisnip.data.dataset import Dataset, split_and_standardize
from minisnip.data.published import MNIST, FileSpec, Publication, idx_header, pair_with_labels

Contents = dict[str, bytes]


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    return idx_header(array.shape) + array.tobytes()


def digits(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), np.uint8)
    return images, rng.integers(0, 10, count, np.uint8)


def few_digits() -> Dataset:
    """A data set in place of the glyphs, with little to load and to train on."""
    training, test = (pair_with_labels(*digits(count, count), "") for count in (300, 100))
    return split_and_standardize("glyphs", tuple("0123456789"), training, test, 0)


def small_contents(train: int = 40, test: int = 10) -> Contents:
    """The four files by name, unpacked: every training image differs from the others."""
    arrays = (*digits(train, 0), *digits(test, 1))
    return {spec.name: idx_bytes(array) for spec, array in zip(MNIST.files, arrays, strict=True)}


def publication_of(contents: Contents, mirrors: tuple[str, ...] = (), name: str = "mnist") -> Publication:
    """A publication whose checksums are those of the contents."""
    specs = [spec_of(file, content) for file, content in contents.items()]
    return Publication(name, tuple("0123456789"), mirrors, (specs[0], specs[1], specs[2], specs[3]))


def spec_of(name: str, content: bytes) -> FileSpec:
    return FileSpec(name, 3 if "images" in name else 1, hashlib.sha256(content).hexdigest(), "content")


def archive_spec_of(name: str, archive: bytes) -> FileSpec:
    return FileSpec(name, 3 if "images" in name else 1, hashlib.sha256(archive).hexdigest(), "archive")


def write_gzipped(folder: Path, contents: Contents) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
