"""MNIST and Fashion-MNIST as published: how a file is read and verified, and their files, mirrors and checksums.

The files have the idx format: two zero bytes, the type of the elements, the number of dimensions, the shape as
big-endian integers of four bytes, then the elements, one byte each.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

import numpy as np

from minisnip.data.dataset import SIDE, Bytes, DataError, Examples

CLASSES = 10

UNSIGNED_BYTE = 0x08  # the type of the elements
LARGEST = 2**26  # bytes; the largest file of MNIST declares 60,000·28·28 < 2^26
GZIP_MAGIC = b"\x1f\x8b"
ALGORITHMS = {"sha256": "SHA-256", "md5": "MD5"}


def idx_header(shape: tuple[int, ...]) -> bytes:
    """The bytes of an idx file before its elements."""
    return struct.pack(f">4B{len(shape)}I", 0, 0, UNSIGNED_BYTE, len(shape), *shape)


def is_gzipped(file: BufferedIOBase) -> bool:
    """Whether the content is a gzip archive, whatever its name; leaves the file at its start."""
    file.seek(0)
    start = file.read(2)
    file.seek(0)
    return start == GZIP_MAGIC


@contextmanager
def unpacked(file: BufferedIOBase) -> Iterator[BufferedIOBase]:
    """The content of a file, gzipped or plain, whatever its name; inside, a damaged archive is a DataError."""
    try:
        yield gzip.GzipFile(fileobj=file) if is_gzipped(file) else file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"is a damaged or truncated gzip archive ({error})") from error


def refuse_web_page(start: bytes) -> None:
    """Refuse, with a DataError, content that begins as HTML does."""
    if start.lstrip()[:1] == b"<":
        raise DataError(f"is a web page and not data (it begins with {start[:16]!r}): a web site answered the download")


def read_idx(file: BufferedIOBase, dimensions: int) -> Bytes:
    """Read an array of unsigned bytes, and trust nothing.

    At most 64 MiB are read, and decompressed no further than the header declares (up to what a buffer holds).

    Parameters
    ----------
    file : open binary file
        Gzipped or plain, whatever its name.
    dimensions : int
        3 for images, 1 for labels.

    Returns
    -------
    array of that many dimensions, uint8

    Raises
    ------
    DataError
        If the file is not idx of that many dimensions, or is damaged, truncated or too long. The message has no
        subject ("is cut short: ..."): the caller knows the file's name, and puts it first.
    """
    with unpacked(file) as content:
        shape = _read_shape(content, dimensions)
        size = math.prod(shape)
        if size > LARGEST:
            raise DataError(f"declares the shape {shape}, {size:,} bytes, more than the {LARGEST:,} that are allowed")
        elements = content.read(size + 1)
    if len(elements) < size:
        raise DataError(f"is cut short: the shape {shape} needs {size:,} bytes, it has {len(elements):,}")
    if len(elements) > size:
        raise DataError(f"has trailing bytes: the shape {shape} needs {size:,} bytes, it has more")
    return np.frombuffer(elements, np.uint8).reshape(shape)


def _read_shape(content: BufferedIOBase, dimensions: int) -> tuple[int, ...]:
    magic = idx_header((0,) * dimensions)[:4]
    length = 4 + 4 * dimensions
    start = content.read(length)
    refuse_web_page(start)
    if not start:
        raise DataError("is empty")
    if start[:4] != magic:
        raise DataError(f"begins with {start[:4]!r}, not with the magic number {magic!r} of {dimensions}-D idx")
    if len(start) < length:
        raise DataError(f"is cut short: the header needs {length} bytes, it has {len(start)}")
    return struct.unpack(f">{dimensions}I", start[4:])


def arrange_idx(images: Bytes, labels: Bytes, test_images: Bytes, test_labels: Bytes) -> tuple[Examples, Examples]:
    """Training and test images with their labels, from the arrays of four files."""
    return pair_with_labels(images, labels, "training"), pair_with_labels(test_images, test_labels, "test")


def pair_with_labels(images: Bytes, labels: Bytes, which: str) -> Examples:
    """Images (N, 1, 28, 28) uint8 and their labels (N,) int64, from the arrays of the "training" or "test" files.

    Raises
    ------
    DataError
        If the two do not fit each other, or are not 28×28 images of ten classes.
    """
    if images.shape[1:] != (SIDE, SIDE):
        raise DataError(f"the {which} images have the shape {images.shape[1:]}, expected {(SIDE, SIDE)}: get new files")
    if len(images) != len(labels):
        raise DataError(f"there are {len(images)} {which} images but {len(labels)} labels: get new files of both")
    if not len(labels):
        raise DataError(f"there are no {which} images: get new files")
    if labels.max() >= CLASSES:
        raise DataError(f"a {which} label is {labels.max()}, expected 0 to {CLASSES - 1}: get a new file of labels")
    return images[:, None], labels.astype(np.int64)


@dataclass(frozen=True)
class FileSpec:
    """One file: its name without .gz, what reads its array, and the checksum of its content or its archive."""

    name: str
    read: Callable[[BufferedIOBase], Bytes]
    checksum: str
    hashed: Literal["content", "archive"]
    algorithm: Literal["sha256", "md5"] = "sha256"


@dataclass(frozen=True)
class Publication:
    """A published data set; `arrange` makes images and labels, for training and for test, of its files' arrays."""

    name: str
    class_names: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[FileSpec, ...]
    arrange: Callable[..., tuple[Examples, Examples]] = arrange_idx


TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
IMAGES, LABELS = partial(read_idx, dimensions=3), partial(read_idx, dimensions=1)  # what reads them

MNIST = Publication(
    name="mnist",
    class_names=tuple("0123456789"),
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    files=(
        FileSpec(TRAIN_IMAGES, IMAGES, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", "content"),
        FileSpec(TRAIN_LABELS, LABELS, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", "content"),
        FileSpec(TEST_IMAGES, IMAGES, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", "content"),
        FileSpec(TEST_LABELS, LABELS, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", "content"),
    ),
)

FASHION_MNIST = Publication(
    name="fashion-mnist",
    class_names=tuple("T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    files=(
        FileSpec(TRAIN_IMAGES, IMAGES, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", "archive"),
        FileSpec(TRAIN_LABELS, LABELS, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", "archive"),
        FileSpec(TEST_IMAGES, IMAGES, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", "archive"),
        FileSpec(TEST_LABELS, LABELS, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", "archive"),
    ),
)


def read_file(path: Path, spec: FileSpec) -> Bytes:
    """Read the array in a file, and verify its checksum.

    Raises
    ------
    DataError
        If the file cannot be opened, is not sound, or has another checksum than the published one.
    """
    try:
        with path.open("rb") as file:
            return read_verified(file, spec)
    except DataError as error:
        raise DataError(f"{path} {error}. Put the original {spec.name}.gz in its place, or delete it") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check its permissions, or delete it") from error


def read_verified(file: BufferedIOBase, spec: FileSpec) -> Bytes:
    """The array in an open file, as `read_file`; the errors have no subject, as those of `read_idx`."""
    array = spec.read(file)
    if spec.hashed == "content":
        # Every byte of the unpacked file follows from the array, so any compression of it has the same checksum.
        found = hashlib.new(spec.algorithm, idx_header(array.shape) + array.tobytes()).hexdigest()
    elif is_gzipped(file):
        found = hashlib.file_digest(file, spec.algorithm).hexdigest()
    else:
        raise DataError("is unpacked, but the published checksum is that of the .gz: it cannot be verified without it")
    if found != spec.checksum:
        raise DataError(
            "is not the published file, but damaged or of another data set: "
            f"the {ALGORITHMS[spec.algorithm]} of its {spec.hashed} is {found}, expected {spec.checksum}"
        )
    return array
