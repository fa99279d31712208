"""Where data files may lie: the caller's folder, then MINISNIP_DATA, then the cache."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from minisnip.data.errors import DataError

ENVIRONMENT_VARIABLE = "MINISNIP_DATA"

Folder = str | os.PathLike[str]


def cache_folder() -> Path:
    """The folder that downloads go to, one subfolder for each data set; it need not exist yet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a notebook pooch's tqdm asks for widgets, which nothing here needs
        import pooch

    return Path(pooch.os_cache("minisnip"))


def search_folders(name: str, directory: Folder | None = None) -> list[Path]:
    """The folders that may hold the files of a data set, first choice first.

    Raises
    ------
    DataError
        If the directory, or the one that MINISNIP_DATA names, cannot be listed.
    """
    folders = []
    if directory is not None:
        folders += [_existing(Path(directory)) / name, Path(directory)]
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        folders.append(_existing(Path(named)) / name)
        if name == "mnist":
            folders.append(Path(named))
    return [*folders, cache_folder() / name]


def find(file_name: str, folders: list[Path]) -> Path | None:
    """The first file of that name in the folders, gzipped or plain; None if there is none."""
    candidates = (folder / packed for folder in folders for packed in (f"{file_name}.gz", file_name))
    return next((path for path in candidates if os.path.isfile(path)), None)


def _existing(directory: Path) -> Path:
    try:
        os.scandir(directory).close()
    except OSError as error:
        raise DataError(
            f"directory {directory} cannot be opened ({error.strerror}): give a folder that exists"
        ) from error
    return directory
