"""The state of every file of the published data sets on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from minisnip.data.errors import DataError
from minisnip.data.folders import Folder, find, search_folders
from minisnip.data.registry import PUBLISHED, FileSpec, Publication
from minisnip.data.verify import read_file


@dataclass(frozen=True)
class FileStatus:
    """One file: where it was found (None: nowhere), its bytes, and "verified", "missing" or what is wrong with it."""

    dataset: str
    file: str
    path: Path | None
    size: int
    state: str


def status(directory: Folder | None = None) -> list[FileStatus]:
    """Look for every file where `load` would, and verify it.

    Raises
    ------
    DataError
        If the directory is given but cannot be opened.
    """
    return statuses(PUBLISHED.values(), directory)


def statuses(publications: Iterable[Publication], directory: Folder | None) -> list[FileStatus]:
    """The rows of `status` for some publications."""
    return [
        _status(spec, publication.name, search_folders(publication.name, directory))
        for publication in publications
        for spec in publication.files
    ]


def _status(spec: FileSpec, dataset: str, folders: list[Path]) -> FileStatus:
    path = find(spec.name, folders)
    if path is None:
        return FileStatus(dataset, f"{spec.name}.gz", None, 0, "missing")
    return FileStatus(dataset, path.name, path, path.stat().st_size, _state(path, spec))


def _state(path: Path, spec: FileSpec) -> str:
    try:
        read_file(path, spec)
    except DataError as error:
        return str(error)
    return "verified"
