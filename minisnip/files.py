"""Files are written completely or not at all, and read as what they should be or refused in one sentence.

Writing goes to a temporary name first, then `os.replace`. Reading trusts nothing: zipfile, zlib, tokenize, json and
NumPy raise some twenty kinds of exception on damaged bytes, and `reading` makes one of them all.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from minisnip.autodiff.engine import Array, Arrays

END_OF_ZIP = b"PK\5\6"  # the record that ends an archive; ten bytes later it says how many files there are
NPY_VERSION = (1, 0)  # of all plain arrays
PLAIN = "biufcSU"  # kinds of dtype
REASON = 200  # characters of an error's text that are shown


class UnreadableFileError(ValueError):
    """A file that is missing, may not be opened, or is not what it should be."""


# Write


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` on an open temporary file beside `path`, then rename it; an error or Ctrl-C leaves none."""
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


def delete_abandoned(folder: Path, name: str = "*") -> None:
    """Delete the temporary files that processes of this machine left in a folder when they were killed."""
    for left in folder.glob(f".{name}.*.tmp"):
        process = left.name.split(".")[-2]
        if process.isdecimal() and not _lives(int(process)):
            left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def save_arrays(path: Path, arrays: Arrays, note: str = "") -> None:
    """Write arrays by name as .npz, without pickle; the note becomes the comment of the archive."""

    def write(file: IO[bytes]) -> None:
        np.savez(file, allow_pickle=False, **arrays)
        with zipfile.ZipFile(file, "a") as archive:
            archive.comment = note.encode()

    write_atomically(path, write)


def save_text(path: Path, text: str) -> None:
    """Write text in UTF-8; what is none, as a file name of other bytes, becomes an escape."""
    write_atomically(path, lambda file: file.write(text.encode(errors="backslashreplace")))


# Read


@contextmanager
def reading(path: Path, damage: str) -> Iterator[None]:
    """Inside, every exception is an UnreadableFileError: it names the file and the damage ("is no table")."""
    try:
        yield
    except UnreadableFileError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise UnreadableFileError(
                f"{path} cannot be read ({error.strerror}): check the path and the permissions"
            ) from error
        text = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        reason = " ".join(text.split())[:REASON] or type(error).__name__
        raise UnreadableFileError(f"{path} {damage} ({reason}): it is damaged; delete it and start again") from error


def load_arrays(path: Path) -> dict[str, Array]:
    """Read the arrays of an .npz file, compressed or not.

    Every byte of an array is verified by the checksum of the archive before it is used, and no array takes more memory
    than there are bytes for it, whatever its header claims.

    Raises
    ------
    UnreadableFileError
        If the file is missing, damaged, or not an .npz of plain arrays (nothing is ever unpickled).
    """
    with reading(path, "cannot be read as .npz"):
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}
        (expected,) = struct.unpack_from("<H", content, content.rindex(END_OF_ZIP) + 10)
        if len(found) != expected:
            raise ValueError(f"it has {expected} arrays, its directory lists {len(found)}")
        return found


def _array(content: bytes) -> Array:
    """The array in the bytes of an .npy file, which are exactly those that its header declares."""
    file = io.BytesIO(content)
    if (version := np.lib.format.read_magic(file)) != NPY_VERSION:
        raise ValueError(f"the .npy format has version {version}, expected {NPY_VERSION}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in PLAIN or not dtype.itemsize:  # an object would be a pointer into the memory of this process
        raise ValueError(f"it has an array of dtype {dtype}, expected plain numbers or text")
    declared, there = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
    if declared != there:
        raise ValueError(f"an array of shape {shape} and dtype {dtype} has {declared:,} bytes, there are {there:,}")
    return np.ndarray(shape, dtype, content, file.tell(), order="F" if fortran else "C").copy()


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UnreadableFileError
        If the file is missing, damaged, or holds something else.
    """
    with reading(path, "cannot be read as JSON"):
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}, expected an object")
        return content
