"""Small networks, batches and data sets for the tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset, Split
from minisnip.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential


def small_mlp() -> Sequential:
    return Sequential(
        (1, 3, 3), flatten=Flatten(), fc1=Linear(9, 7), relu1=ReLU(), fc2=Linear(7, 5), relu2=ReLU(), fc3=Linear(5, 4)
    )


def small_convnet() -> Sequential:
    return Sequential(
        (2, 8, 8),
        conv1=Conv2d(2, 3, 3, padding=1),
        relu1=ReLU(),
        pool1=MaxPool2d(2),
        conv2=Conv2d(3, 4, 3, stride=2),
        flatten=Flatten(),
        fc1=Linear(4, 4),
    )


def random_params(net: Sequential, rng: np.random.Generator) -> dict[str, Array]:
    """Parameters in float64 with biases that are not zero."""
    return {name: 0.5 * rng.standard_normal(shape) for name, shape in net.shapes().items()}


def random_batch(net: Sequential, rng: np.random.Generator, size: int = 6) -> tuple[Array, Array]:
    return rng.standard_normal((size, *net.input_shape)), rng.integers(0, 4, size)


def toy_dataset(seed: int = 0, train: int = 240) -> Dataset:
    """Four classes of 3×3 images that `small_mlp` can learn: the class is the place of the brightest corner."""
    rng = np.random.default_rng(seed)

    def split(size: int) -> Split:
        images = rng.standard_normal((size, 1, 3, 3)).astype(np.float32)
        corners = images[:, 0, [0, 0, 2, 2], [0, 2, 0, 2]]
        return Split(images, corners.argmax(axis=1).astype(np.int64))

    return Dataset("toy", tuple("abcd"), 0.0, 1.0, split(train), split(60), split(60))


def first_images(dataset: Dataset, count: int) -> Dataset:
    """The same data set with a short training split."""
    return replace(dataset, train=Split(dataset.train.images[:count], dataset.train.labels[:count]))
