"""Write a file whole or not at all: under a temporary name first, then `os.replace`."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from minisnip.autodiff.engine import Array


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` on an open temporary file beside `path`, then give it its name; on an error nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save_arrays(path: Path, arrays: Mapping[str, Array], note: str = "") -> None:
    """Arrays by name as .npz, nothing pickled; the note goes into the comment of the archive."""

    def write(file: IO[bytes]) -> None:
        np.savez(file, allow_pickle=False, **arrays)
        with zipfile.ZipFile(file, "a") as archive:
            archive.comment = note.encode()

    write_atomically(path, write)


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of `save_arrays`.

    Raises
    ------
    ValueError
        If the file is damaged, or is not an .npz of plain arrays.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as .npz ({error}): it is damaged; delete it and start again"
        ) from error


def save_text(path: Path, text: str) -> None:
    """A file of UTF-8 text."""
    write_atomically(path, lambda file: file.write(text.encode()))
