"""An idx file is read as the array it declares, or refused in a sentence."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from minisnip.data import DataError
from minisnip.data.published import idx_header, read_idx
from tests.data.files import digits, idx_bytes

IMAGES = idx_bytes(digits(3)[0])
as_it_is: Callable[[bytes], bytes] = bytes
packings = pytest.mark.parametrize("pack", [as_it_is, gzip.compress], ids=["plain", "gzipped"])


def read(content: bytes, dimensions: int = 3) -> NDArray[np.uint8]:
    return read_idx(io.BytesIO(content), dimensions)


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0)), st.sampled_from([as_it_is, gzip.compress]))
def test_what_was_written_is_read(array: NDArray[np.uint8], pack: Callable[[bytes], bytes]) -> None:
    np.testing.assert_array_equal(read(pack(idx_bytes(array)), array.ndim), array)


def test_the_magic_numbers_are_mnists() -> None:
    assert struct.unpack(">I", idx_header((1, 28, 28))[:4]) == (2051,)
    assert struct.unpack(">I", idx_header((1,))[:4]) == (2049,)


@packings
def test_a_wrong_magic_number_is_refused(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DataError, match=r"begins with b'\\x00\\x00\\x08\\x01', not with the magic number"):
        read(pack(idx_bytes(digits(20)[1])))


@packings
@pytest.mark.parametrize("length", [8, 15, 16, len(IMAGES) - 1])
def test_a_truncated_file_is_refused_in_a_sentence(pack: Callable[[bytes], bytes], length: int) -> None:
    with pytest.raises(DataError, match=r"is cut short: .* it has \d+"):
        read(pack(IMAGES[:length]))


@pytest.mark.parametrize("length", [3, 10, 300, -9, -4, -1])
def test_a_truncated_archive_is_refused_in_a_sentence(length: int) -> None:
    with pytest.raises(DataError, match="damaged or truncated gzip archive"):
        read(gzip.compress(IMAGES)[:length])


@pytest.mark.parametrize("position", [3, 20, -6, -2])
def test_an_archive_with_a_flipped_byte_is_refused(position: int) -> None:
    archive = bytearray(gzip.compress(IMAGES))
    archive[position] ^= 0xFF
    with pytest.raises(DataError):
        read(bytes(archive))


def test_an_archive_that_is_no_deflate_stream_is_refused() -> None:
    archive = bytearray(gzip.compress(IMAGES))
    archive[10] = 0b111  # after the ten bytes of the header: a block of the type that does not exist
    with pytest.raises(DataError, match=r"damaged or truncated gzip archive \(.*invalid block type"):
        read(bytes(archive))


@packings
def test_trailing_bytes_are_refused(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DataError, match=r"has trailing bytes: the shape \(3, 28, 28\) needs 2,352 bytes"):
        read(pack(IMAGES + b"\0"))


@packings
def test_a_web_page_is_recognized(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DataError, match="is a web page and not data"):
        read(pack(b"\n<!DOCTYPE html><title>Log in to the network</title>"))


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(DataError, match="is empty"):
        read(b"")


def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(idx_header((1, 28, 28)) + bytes(50_000_000), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(DataError, match="trailing bytes"):
        read(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@packings
@pytest.mark.parametrize("shape", [(2**32 - 1, 2**32 - 1, 2**32 - 1), (2**26 + 1, 1, 1)])
def test_an_absurd_size_is_refused_before_memory_is_taken(
    pack: Callable[[bytes], bytes], shape: tuple[int, ...]
) -> None:
    tracemalloc.start()
    with pytest.raises(DataError, match="more than the 67,108,864 that are allowed"):
        read(pack(idx_header(shape)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
