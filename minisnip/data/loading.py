"""The door of the room: a data set by its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minisnip.data.dataset import TITLES, Dataset, split_and_standardize
from minisnip.data.download import download as download_file
from minisnip.data.drawing import SIDE, draw
from minisnip.data.errors import DataError, DataUnavailableError
from minisnip.data.folders import ENVIRONMENT_VARIABLE, Folder, find, search_folders
from minisnip.data.registry import PUBLISHED, FileSpec, Publication
from minisnip.data.verify import read_file

GLYPHS = "glyphs"
NAMES = (*PUBLISHED, GLYPHS)
CLASSES = 10
GLYPHS_TRAINING, GLYPHS_TEST = 12_000, 2_000

Pair = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load(name: str, directory: Folder | None = None, download: bool = True, *, seed: int = 0) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist", "glyphs"}
    directory : path, optional
        A folder that holds the files, or a subfolder of the data set's name with the files; looked into before the
        folder that the environment variable MINISNIP_DATA names, and the cache. The glyphs need no files.
    download : bool
        Whether to download into the cache what is found nowhere.
    seed : int
        Of the split into nine tenths for training and one for validation; the images are the same for every seed.

    Returns
    -------
    Dataset
        54,000, 6,000 and 10,000 images for training, validation and test; of glyphs 10,800, 1,200 and 2,000.

    Raises
    ------
    DataUnavailableError
        If a file is neither on this machine nor reachable.
    DataError
        If there is no such data set or directory, or a file that is there is not the published one.
    """
    if name == GLYPHS:
        return load_glyphs(seed)
    if name not in PUBLISHED:
        raise DataError(f"there is no data set {name!r}: the known ones are {', '.join(NAMES)}")
    return load_published(PUBLISHED[name], directory, download, seed)


def load_glyphs(seed: int) -> Dataset:
    """Training and test images from independent streams of random numbers; `seed` only splits."""
    training, test = np.random.default_rng(0).spawn(2)
    return split_and_standardize(
        GLYPHS, tuple("0123456789"), draw(GLYPHS_TRAINING, training), draw(GLYPHS_TEST, test), seed
    )


def load_published(publication: Publication, directory: Folder | None, download: bool, seed: int) -> Dataset:
    """The data set of four idx files; those that are here are verified before any other is downloaded."""
    folders = search_folders(publication.name, directory)
    arrays = {spec: read_file(path, spec) for spec in publication.files if (path := find(spec.name, folders))}
    for spec in publication.files:
        if spec not in arrays:
            arrays[spec] = read_file(_supply(spec, publication, folders, download), spec)
    images, labels, test_images, test_labels = (arrays[spec] for spec in publication.files)
    training, test = _paired(images, labels, "training"), _paired(test_images, test_labels, "test")
    return split_and_standardize(publication.name, publication.class_names, training, test, seed)


def _supply(spec: FileSpec, publication: Publication, folders: list[Path], download: bool) -> Path:
    """Download a missing file into the cache, or say how to supply it by hand."""
    try:
        if not download:
            raise DataUnavailableError(f"{spec.name}.gz is missing and download=False")
        return download_file(spec, publication.mirrors, folders[-1])
    except DataUnavailableError as error:
        raise DataUnavailableError(
            f"{TITLES[publication.name]} is not on this machine: {error}\n"
            f"Looked in: {', '.join(map(str, folders))} (the last is the cache).\n"
            f"To supply it by hand, put {', '.join(f'{file.name}.gz' for file in publication.files)} into one folder "
            f"<folder>/{publication.name}/, and set {ENVIRONMENT_VARIABLE}=<folder> or pass directory=<folder>."
        ) from error


def _paired(images: NDArray[np.uint8], labels: NDArray[np.uint8], which: str) -> Pair:
    """Images (N, 1, 28, 28) uint8 and labels (N,) int64 that fit each other."""
    if images.shape[1:] != (SIDE, SIDE):
        raise DataError(f"the {which} images have the shape {images.shape[1:]}, expected {(SIDE, SIDE)}: get new files")
    if len(images) != len(labels):
        raise DataError(f"there are {len(images)} {which} images but {len(labels)} labels: get new files of both")
    if not len(labels):
        raise DataError(f"there are no {which} images: get new files")
    if labels.max() >= CLASSES:
        raise DataError(f"a {which} label is {labels.max()}, expected 0 to {CLASSES - 1}: get a new file of labels")
    return images[:, None], labels.astype(np.int64)
