"""A file is accepted by its checksum, and by nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.data import DataError, DataUnavailableError
from minisnip.data.published import read_file
from tests.data.files import archive_spec_of, digits, idx_bytes, spec_of

NAME = "t10k-labels-idx1-ubyte"
LABELS = digits(20)[1]
CONTENT = idx_bytes(LABELS)
SPEC = spec_of(NAME, CONTENT)


def written(folder: Path, content: bytes, name: str = f"{NAME}.gz") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_regzipped_file_is_accepted(tmp_path: Path, level: int) -> None:
    np.testing.assert_array_equal(read_file(written(tmp_path, gzip.compress(CONTENT, level)), SPEC), LABELS)


@pytest.mark.parametrize("name", [NAME, f"{NAME}.gz"])
def test_a_plain_file_is_accepted_whatever_its_name(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(read_file(written(tmp_path, CONTENT, name), SPEC), LABELS)


def test_sound_idx_with_another_checksum_is_refused_with_both_checksums(tmp_path: Path) -> None:
    other = idx_bytes(np.roll(LABELS, 1))
    path = written(tmp_path, gzip.compress(other))
    with pytest.raises(DataError, match=f"{spec_of(NAME, other).checksum}, expected {SPEC.checksum}") as caught:
        read_file(path, SPEC)
    assert str(path) in str(caught.value)
    assert f"Put the original {NAME}.gz in its place" in str(caught.value)


def test_a_damaged_file_is_not_an_unavailable_one(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_file(written(tmp_path, CONTENT[:-1]), SPEC)
    assert not isinstance(caught.value, DataUnavailableError)


def test_where_the_archive_is_hashed_it_is_accepted(tmp_path: Path) -> None:
    archive = gzip.compress(CONTENT)
    read = read_file(written(tmp_path, archive), archive_spec_of(NAME, archive))
    np.testing.assert_array_equal(read, LABELS)


def test_where_the_archive_is_hashed_a_regzipped_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the SHA-256 of its archive is"):
        read_file(written(tmp_path, gzip.compress(CONTENT, 0)), archive_spec_of(NAME, gzip.compress(CONTENT)))


def test_where_the_archive_is_hashed_an_unpacked_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = written(tmp_path, CONTENT, NAME)
    with pytest.raises(
        DataError, match=rf"is unpacked, but .* checksum is that of the \.gz.* Put the original {NAME}.gz"
    ):
        read_file(path, archive_spec_of(NAME, gzip.compress(CONTENT)))


def test_a_file_without_permission_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, *_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\): check its permissions"):
        read_file(tmp_path / NAME, SPEC)
