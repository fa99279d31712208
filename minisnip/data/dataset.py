"""A data set in three splits: standardized images and their labels; and the errors of everything that loads one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TITLES = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "cifar-10": "CIFAR-10",
    "glyphs": "glyphs (not MNIST)",
    "noise": "random images (not CIFAR-10)",
}
SIDE = 28  # pixels of an image, in each direction
HELD_OUT = 10  # one training image in ten is for validation

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Examples = tuple[Bytes, Labels]  # images (N, C, H, W) and their labels (N,)


class DataError(ValueError):
    """A file, a folder or a name is not what it should be."""


class DataUnavailableError(DataError):
    """A data set is neither on this machine nor reachable."""


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W), float32, standardized, and labels (N,), int64; MNIST's images are (N, 1, 28, 28)."""

    images: Floats
    labels: Labels

    def __repr__(self) -> str:
        return f"Split({len(self.labels):,} images of shape {self.images.shape[1:]}; .images, .labels)"


@dataclass(frozen=True)
class Dataset:
    """Three splits, the names of the classes, and the mean and std that standardized the pixels, scaled to [0, 1].

    The mean and the std are numbers if the images have one channel, and else arrays (C, 1, 1), float64.
    """

    name: str
    class_names: tuple[str, ...]
    mean: Any
    std: Any
    train: Split
    validation: Split
    test: Split

    @property
    def label(self) -> str:
        """The name as tables and figures show it."""
        return TITLES.get(self.name, self.name)

    @property
    def black(self) -> Floats:
        """A black pixel (C, 1, 1), standardized as the images are."""
        channels = self.train.images.shape[1]
        return _standardize(np.zeros((channels, 1, 1), np.uint8), self.mean, self.std)

    def __repr__(self) -> str:
        splits = (f"{name} {len(getattr(self, name).labels):,}" for name in ("train", "validation", "test"))
        return f"Dataset({self.label}: {', '.join(splits)} images of {len(self.class_names)} classes)"


def split_and_standardize(
    name: str, class_names: tuple[str, ...], training: Examples, test: Examples, seed: int
) -> Dataset:
    """Hold out a random tenth of the training images for validation, and standardize all pixels.

    As in the SNIP authors' code, one mean and one std serve all pixels of a channel: those of all training images, the
    held-out ones included. The splits are new arrays; while they are made, the uint8 images that a split takes are
    copied once, a quarter of its size.

    Parameters
    ----------
    name : str
    class_names : tuple of str
    training, test : pairs of arrays
        Images (N, C, H, W) uint8 and labels (N,) int64.
    seed : int
        Random seed of the split: the first nine tenths of `np.random.default_rng(seed).permutation(N)` are for
        training.
    """
    images, labels = training
    mean, std = _mean_and_std(images)
    order = np.random.default_rng(seed).permutation(len(labels))
    kept, held_out = np.split(order, [len(order) - len(order) // HELD_OUT])
    train, validation = (Split(_standardize(images[rows], mean, std), labels[rows]) for rows in (kept, held_out))
    return Dataset(name, class_names, mean, std, train, validation, Split(_standardize(test[0], mean, std), test[1]))


def _mean_and_std(images: Bytes) -> tuple[Any, Any]:
    """Mean and std of each channel, as in `Dataset`."""
    means, stds = zip(*map(_of_channel, images.swapaxes(0, 1)), strict=True)
    if len(means) == 1:
        return means[0], stds[0]
    return np.reshape(means, (-1, 1, 1)), np.reshape(stds, (-1, 1, 1))


def _of_channel(images: Bytes) -> tuple[float, float]:
    """Mean and std of the pixels, scaled to [0, 1]; both come from sums of integers, which are exact."""
    mean = int(images.sum(dtype=np.int64)) / images.size
    mean_square = int(np.square(images, dtype=np.uint16).sum(dtype=np.int64)) / images.size
    return mean / 255, math.sqrt(mean_square - mean**2) / 255


def _standardize(images: Bytes, mean: Any, std: Any) -> Floats:
    pixels = images.astype(np.float32)
    pixels -= np.asarray(255 * mean, np.float32)
    pixels /= np.asarray(255 * std, np.float32)
    return pixels
