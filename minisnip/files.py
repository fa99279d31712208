"""Write a file completely or not at all: under a temporary name first, then `os.replace`."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from minisnip.autodiff.engine import Array, Arrays


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` on an open temporary file beside `path`, then rename it; an error leaves no file behind."""
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


def save_arrays(path: Path, arrays: Arrays, note: str = "") -> None:
    """Write arrays by name as .npz, without pickle; the note becomes the comment of the archive."""

    def write(file: IO[bytes]) -> None:
        np.savez(file, allow_pickle=False, **arrays)
        with zipfile.ZipFile(file, "a") as archive:
            archive.comment = note.encode()

    write_atomically(path, write)


def load_arrays(path: Path) -> dict[str, Array]:
    """Read the arrays that `save_arrays` has written.

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
    """Write text in UTF-8."""
    write_atomically(path, lambda file: file.write(text.encode()))
