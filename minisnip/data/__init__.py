"""Data sets by name: MNIST, Fashion-MNIST and CIFAR-10, verified before they are used; drawn digits; and noise."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np

from minisnip.data.cifar import CIFAR_10, SHAPE
from minisnip.data.dataset import (
    TITLES,
    DataError,
    Dataset,
    DataUnavailableError,
    Examples,
    Split,
    split_and_standardize,
)
from minisnip.data.drawing import draw_digits, glyphs
from minisnip.data.storage import PUBLISHED, FileStatus, Folder, cache_folder, load_published, status

__all__ = [
    "NAMES",
    "DataError",
    "DataUnavailableError",
    "Dataset",
    "FileStatus",
    "Split",
    "cache_folder",
    "glyphs",
    "load",
    "status",
]

NAMES = tuple(TITLES)
GLYPHS_TRAINING, GLYPHS_TEST = 12_000, 2_000  # images
NOISE_TRAINING, NOISE_TEST = 2_000, 400


def load(name: str, directory: Folder | None = None, download: bool = True, *, seed: int = 0) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist", "cifar-10", "glyphs", "noise"}
        The noise is random pixels and labels in CIFAR-10's shapes. Nothing can be learned from it; it shows that a
        network is built and scored where CIFAR-10 is not.
    directory : path, optional
        A folder that holds the files, or holds them in a subfolder named as the data set. It is searched before the
        folder that the environment variable MINISNIP_DATA names and before the cache. The glyphs and the noise need
        no files.
    download : bool
        Whether to download missing files into the cache.
    seed : int
        Random seed of the split into nine tenths for training and one tenth for validation; every seed gives the same
        images.

    Returns
    -------
    Dataset
        54,000 images for training, 6,000 for validation and 10,000 for test; CIFAR-10 has 45,000, 5,000 and 10,000, the
        glyphs have 10,800, 1,200 and 2,000, the noise has 1,800, 200 and 400. CIFAR-10's images are (N, 3, 32, 32) and
        take 737 MB; loading takes 1 GB for a moment.

    Raises
    ------
    DataUnavailableError
        If a file is neither on this machine nor reachable.
    DataError
        If there is no such data set or directory, or a file is not the published one.

    Examples
    --------
    >>> from minisnip.data import load
    >>> load("glyphs")
    Dataset(glyphs (not MNIST): train 10,800, validation 1,200, test 2,000 images of 10 classes)
    """
    if name not in NAMES:
        hint = "".join(f"; did you mean {near!r}?" for near in get_close_matches(str(name).lower(), NAMES, n=1))
        raise DataError(f"there is no data set {name!r}: the known ones are {', '.join(NAMES)}{hint}")
    if name in PUBLISHED:
        return load_published(PUBLISHED[name], directory, download, seed)
    training_rng, test_rng = np.random.default_rng(0).spawn(2)  # `seed` only splits
    if name == "noise":
        training, test = _noise(NOISE_TRAINING, training_rng), _noise(NOISE_TEST, test_rng)
        return split_and_standardize(name, CIFAR_10.class_names, training, test, seed)
    training, test = draw_digits(GLYPHS_TRAINING, training_rng), draw_digits(GLYPHS_TEST, test_rng)
    return split_and_standardize(name, tuple("0123456789"), training, test, seed)


def _noise(count: int, rng: np.random.Generator) -> Examples:
    """Random images (count, 3, 32, 32), every gray level of every pixel equally likely, and random labels (count,)."""
    return rng.integers(0, 256, (count, *SHAPE), np.uint8), rng.integers(0, 10, count)
