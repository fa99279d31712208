"""What is published: the files of MNIST and Fashion-MNIST, their checksums and where they can be downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


@dataclass(frozen=True)
class FileSpec:
    """One file: its name without .gz, the dimensions of its array, and the SHA-256 of its content or its archive."""

    name: str
    dimensions: int
    sha256: str
    hashed: Literal["content", "archive"]


@dataclass(frozen=True)
class Publication:
    """A published data set. The files: training images and labels, test images and labels."""

    name: str
    class_names: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[FileSpec, FileSpec, FileSpec, FileSpec]


MNIST = Publication(
    name="mnist",
    class_names=tuple("0123456789"),
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    files=(
        FileSpec(TRAIN_IMAGES, 3, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", "content"),
        FileSpec(TRAIN_LABELS, 1, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", "content"),
        FileSpec(TEST_IMAGES, 3, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", "content"),
        FileSpec(TEST_LABELS, 1, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", "content"),
    ),
)

FASHION_MNIST = Publication(
    name="fashion-mnist",
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    files=(
        FileSpec(TRAIN_IMAGES, 3, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", "archive"),
        FileSpec(TRAIN_LABELS, 1, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", "archive"),
        FileSpec(TEST_IMAGES, 3, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", "archive"),
        FileSpec(TEST_LABELS, 1, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", "archive"),
    ),
)

PUBLISHED = {publication.name: publication for publication in (MNIST, FASHION_MNIST)}
