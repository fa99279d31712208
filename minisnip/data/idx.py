"""The idx format of MNIST: a big-endian header of magic number and shape, then one byte per element."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

from minisnip.data.errors import DataError

UNSIGNED_BYTE = 0x08  # the third byte of the magic number; the fourth is the number of dimensions
LARGEST = 2**26  # bytes; the largest file of MNIST declares 60,000·28·28 < 2^26
GZIP_MAGIC = b"\x1f\x8b"


def header(shape: tuple[int, ...]) -> bytes:
    """The bytes before the elements: 0, 0, the type, the number of dimensions, then the shape."""
    return struct.pack(f">4B{len(shape)}I", 0, 0, UNSIGNED_BYTE, len(shape), *shape)


def is_gzipped(file: IO[bytes]) -> bool:
    """Whether the content, whatever its name, is a gzip archive; leaves the file at its start."""
    file.seek(0)
    start = file.read(2)
    file.seek(0)
    return start == GZIP_MAGIC


def read_idx(file: IO[bytes], dimensions: int) -> NDArray[np.uint8]:
    """Read an array of unsigned bytes.

    Nothing is trusted: no more is decompressed than the header declares (and what a buffer holds), and it may not
    declare more than 64 MiB.

    Parameters
    ----------
    file : open binary file
        Gzipped or plain, whatever its name.
    dimensions : int
        3 for images, 1 for labels.

    Returns
    -------
    array with so many dimensions, uint8

    Raises
    ------
    DataError
        If this is not an idx file of so many dimensions, or it is damaged, truncated or too long. The message has no
        subject: "is cut short: ..."; who knows the file's name puts it in front.
    """
    try:
        if not is_gzipped(file):
            return _read(file, dimensions)
        with gzip.GzipFile(fileobj=file) as content:
            return _read(content, dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"is a damaged or truncated gzip archive ({error})") from error


def _read(content: IO[bytes] | gzip.GzipFile, dimensions: int) -> NDArray[np.uint8]:
    shape = _read_shape(content, dimensions)
    size = math.prod(shape)
    if size > LARGEST:
        raise DataError(f"declares the shape {shape}, {size:,} bytes, more than the {LARGEST:,} that are allowed")
    elements = content.read(size + 1)
    if len(elements) < size:
        raise DataError(f"is cut short: the shape {shape} needs {size:,} bytes, it has {len(elements):,}")
    if len(elements) > size:
        raise DataError(f"has trailing bytes: the shape {shape} needs {size:,} bytes, it goes on after them")
    return np.frombuffer(elements, np.uint8).reshape(shape)


def _read_shape(content: IO[bytes] | gzip.GzipFile, dimensions: int) -> tuple[int, ...]:
    magic = header((0,) * dimensions)[:4]
    start = content.read(4 + 4 * dimensions)
    if start.lstrip()[:1] == b"<":
        raise DataError(f"is a web page and not data (it begins with {start!r}): the download was answered by a site")
    if start[:4] != magic:
        raise DataError(
            f"begins with {start[:4]!r}, not with the magic number {magic!r} of {dimensions}-dimensional idx"
        )
    if len(start) < 4 + 4 * dimensions:
        raise DataError(f"is cut short: the header has {4 + 4 * dimensions} bytes, it has {len(start)}")
    return struct.unpack(f">{dimensions}I", start[4:])
