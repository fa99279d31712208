"""Small idx files and archives in the format of CIFAR-10, and publications that consist of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minisnip.data.cifar import BATCHES, CIFAR_10, RECORD, read_batches
from minisnip.data.dataset import Dataset, split_and_standardize
from minisnip.data.published import IMAGES, LABELS, MNIST, FileSpec, Publication, idx_header, pair_with_labels

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
    return FileSpec(name, IMAGES if "images" in name else LABELS, hashlib.sha256(content).hexdigest(), "content")


def archive_spec_of(name: str, archive: bytes) -> FileSpec:
    return FileSpec(name, IMAGES if "images" in name else LABELS, hashlib.sha256(archive).hexdigest(), "archive")


def write_gzipped(folder: Path, contents: Contents) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))


Members = dict[str, bytes]  # of an archive


def members(images: int = 5, seed: int = 0) -> Members:
    """The batches and the two other files that the archive of CIFAR-10 has, with few images."""
    rng = np.random.default_rng(seed)
    records = rng.integers(0, 256, (len(BATCHES), images, RECORD), np.uint8)
    records[..., 0] %= 10
    batches = {name: batch.tobytes() for name, batch in zip(BATCHES, records, strict=True)}
    return {
        "cifar-10-batches-bin/batches.meta.txt": b"airplane\n",
        **batches,
        "cifar-10-batches-bin/readme.html": b"<p>",
    }


def header(name: str, size: int = 0, **others: object) -> tarfile.TarInfo:
    """The header of a member; other attributes are set as they are given."""
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in others.items():
        setattr(info, key, value)
    return info


def tar(files: Members, extra: Iterable[tarfile.TarInfo] = (), form: int = tarfile.GNU_FORMAT) -> bytes:
    """An archive of a folder and files in it; the extra members have no content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for info in (header("cifar-10-batches-bin", type=tarfile.DIRTYPE), *extra):
            archive.addfile(info)
        for name, content in files.items():
            archive.addfile(header(name, len(content)), io.BytesIO(content))
    return file.getvalue()


def cifar_of(archive: bytes, images: int = 5, mirrors: tuple[str, ...] = ()) -> Publication:
    """CIFAR-10 with the checksum of an archive and its number of images in a batch."""
    read, checksum = partial(read_batches, images=images), hashlib.md5(archive).hexdigest()
    return replace(CIFAR_10, mirrors=mirrors, files=(replace(CIFAR_10.files[0], read=read, checksum=checksum),))
