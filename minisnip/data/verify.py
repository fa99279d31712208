"""Read a file of a published data set, and refuse it unless its checksum is the published one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from minisnip.data.errors import DataError
from minisnip.data.idx import header, is_gzipped, read_idx
from minisnip.data.registry import FileSpec


def read_file(path: Path, spec: FileSpec) -> NDArray[np.uint8]:
    """The verified array in a file.

    Raises
    ------
    DataError
        If the file cannot be opened, is not sound idx, or has another checksum.
    """
    try:
        with path.open("rb") as file:
            return read_verified(file, spec)
    except DataError as error:
        raise DataError(f"{path} {error}. Put the original {spec.name}.gz in its place, or delete it") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check its permissions, or delete it") from error


def read_verified(file: IO[bytes], spec: FileSpec) -> NDArray[np.uint8]:
    """The verified array in an open file; like `read_idx`, its errors have no subject."""
    array = read_idx(file, spec.dimensions)
    if spec.hashed == "archive" and not is_gzipped(file):
        raise DataError("is unpacked, but the published checksum is that of the .gz: it cannot be verified without it")
    found = _content_sha256(array) if spec.hashed == "content" else _archive_sha256(file)
    if found != spec.sha256:
        raise DataError(
            f"is not the published file, but damaged or of another data set: the SHA-256 of its {spec.hashed} is "
            f"{found}, expected {spec.sha256}"
        )
    return array


def _content_sha256(array: NDArray[np.uint8]) -> str:
    """Of the unpacked file; every byte of it is known from the array, so it is the same however it was packed."""
    return hashlib.sha256(header(array.shape) + array.tobytes()).hexdigest()


def _archive_sha256(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
