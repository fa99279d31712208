"""Find the files of a published data set, or download them.

A file may be in the caller's folder, in the one that MINISNIP_DATA names, or in the cache, where downloads go.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minisnip.data.cifar import CIFAR_10
from minisnip.data.dataset import TITLES, DataError, Dataset, DataUnavailableError, split_and_standardize
from minisnip.data.published import FASHION_MNIST, MNIST, FileSpec, Publication, read_file, read_verified

PUBLISHED = {publication.name: publication for publication in (MNIST, FASHION_MNIST, CIFAR_10)}
ENVIRONMENT_VARIABLE = "MINISNIP_DATA"
TIMEOUT = (4, 30)  # seconds to connect, and between two answers
BLOCK = 2**16  # bytes

Folder = str | os.PathLike[str]


def load_published(publication: Publication, directory: Folder | None, download: bool, seed: int) -> Dataset:
    """Load a published data set, as `load`; the files found are verified before others are downloaded."""
    folders = search_folders(publication.name, directory)
    arrays = {spec: read_file(path, spec) for spec in publication.files if (path := find_file(spec.name, folders))}
    for spec in publication.files:
        if spec not in arrays:
            arrays[spec] = read_file(_supply(spec, publication, folders, download), spec)
    training, test = publication.arrange(*(arrays[spec] for spec in publication.files))
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


def cache_folder() -> Path:
    """The folder for downloads, with a subfolder per data set; it need not exist yet."""
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # in a notebook it asks for widgets, which nothing here needs
        import pooch

    return Path(pooch.os_cache("minisnip"))


def search_folders(name: str, directory: Folder | None = None) -> list[Path]:
    """The folders that may hold the files of a data set, in the order of the search; the last is the cache.

    Raises
    ------
    DataError
        If the directory, or the one that MINISNIP_DATA names, cannot be opened.
    """
    folders = []
    if directory is not None:
        folders += [_checked_folder(Path(directory)) / name, Path(directory)]
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        folders.append(_checked_folder(Path(named)) / name)
        if name != FASHION_MNIST.name:  # its files are named as MNIST's
            folders.append(Path(named))
    return [*folders, cache_folder() / name]


def _checked_folder(directory: Path) -> Path:
    try:
        os.scandir(directory).close()
    except OSError as error:
        raise DataError(f"directory {directory} cannot be opened ({error.strerror}): give one that exists") from error
    return directory


def find_file(file_name: str, folders: list[Path]) -> Path | None:
    """The first file of that name in the folders, gzipped or plain; None if there is none."""
    candidates = (folder / packed for folder in folders for packed in (f"{file_name}.gz", file_name))
    return next((path for path in candidates if os.path.isfile(path)), None)


def download_file(spec: FileSpec, mirrors: Sequence[str], folder: Path) -> Path:
    """Download one file from the first mirror that delivers it; it gets its name after it has been verified.

    Parameters
    ----------
    spec : FileSpec
    mirrors : sequence of str
        URLs of folders, each with a slash at the end.
    folder : Path
        Created if it does not exist.

    Raises
    ------
    DataUnavailableError
        If the folder cannot be written, or no mirror delivers the file; then it gives the reason for each URL.
    """
    failures = []
    for mirror in mirrors:
        url = f"{mirror}{spec.name}.gz"
        try:
            return _retrieve(url, spec, folder)
        except PermissionError as error:
            raise DataUnavailableError(f"the cache {folder} cannot be written ({error.strerror or error})") from error
        except (OSError, DataError) as error:  # the exceptions of requests are OSErrors
            failures.append(f"  {url}: {_reason(error)}")
    raise DataUnavailableError("\n".join([f"{spec.name}.gz could not be downloaded:", *failures]))


def _retrieve(url: str, spec: FileSpec, folder: Path) -> Path:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    http = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=BLOCK, timeout=TIMEOUT)

    def verified(url: str, temporary: str, manager: Any) -> None:  # pooch renames the file if nothing is raised
        http(url, temporary, manager)
        with open(temporary, "rb") as file:
            read_verified(file, spec)

    return Path(pooch.retrieve(url, known_hash=None, fname=f"{spec.name}.gz", path=folder, downloader=verified))


def _reason(error: Exception) -> str:
    """The innermost cause that urllib3 and requests have wrapped: the shortest explanation."""
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return f"the answer {cause}" if isinstance(error, DataError) else f"{cause}"


@dataclass(frozen=True)
class FileStatus:
    """One file: its path (None if not found), its size in bytes, and "verified", "missing" or what is wrong with it."""

    dataset: str
    file: str
    path: Path | None
    size: int
    state: str


def status(directory: Folder | None = None) -> list[FileStatus]:
    """Look for every file of the published data sets where `load` would, and verify it.

    Raises
    ------
    DataError
        If the directory, or the one that MINISNIP_DATA names, cannot be opened.
    """
    return [
        _file_status(name, spec, search_folders(name, directory))
        for name, publication in PUBLISHED.items()
        for spec in publication.files
    ]


def _file_status(dataset: str, spec: FileSpec, folders: list[Path]) -> FileStatus:
    path = find_file(spec.name, folders)
    if path is None:
        return FileStatus(dataset, f"{spec.name}.gz", None, 0, "missing")
    try:
        read_file(path, spec)
        state = "verified"
    except DataError as error:
        state = str(error)
    return FileStatus(dataset, path.name, path, path.stat().st_size, state)
