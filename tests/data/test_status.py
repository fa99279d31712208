"""`status` shows every file: where it is, and whether it can be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from minisnip.data import DataError, status
from tests.data.files import publication_of, small_contents, write_gzipped

CONTENTS = small_contents()


@pytest.mark.usefixtures("cache")
def test_on_an_empty_machine_all_nine_files_are_missing() -> None:
    rows = status()
    assert [row.dataset for row in rows] == ["mnist"] * 4 + ["fashion-mnist"] * 4 + ["cifar-10"]
    assert [row.file for row in rows[:4]] == [f"{name}.gz" for name in CONTENTS]
    assert all((row.path, row.size, row.state) == (None, 0, "missing") for row in rows)


def test_a_file_is_verified_or_missing_or_told_what_is_wrong_with_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = cache / "mnist"
    good, bad, plain, missing = CONTENTS
    write_gzipped(folder, {good: CONTENTS[good], bad: CONTENTS[bad][:-1]})
    (folder / plain).write_bytes(CONTENTS[plain])
    monkeypatch.setattr("minisnip.data.storage.PUBLISHED", {"mnist": publication_of(CONTENTS)})
    rows = dict(zip(CONTENTS, status(), strict=True))
    assert [rows[name].state for name in (good, plain, missing)] == ["verified", "verified", "missing"]
    assert rows[good].path == folder / f"{good}.gz"
    assert rows[good].size == (folder / f"{good}.gz").stat().st_size
    assert (rows[plain].file, rows[plain].path) == (plain, folder / plain)
    assert "is cut short" in rows[bad].state


@pytest.mark.usefixtures("cache")
def test_files_in_a_given_directory_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gzipped(tmp_path / "mine", CONTENTS)
    monkeypatch.setattr("minisnip.data.storage.PUBLISHED", {"mnist": publication_of(CONTENTS)})
    rows = status(tmp_path / "mine")
    assert [row.state for row in rows] == ["verified"] * 4


@pytest.mark.usefixtures("cache")
def test_a_directory_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere cannot be opened"):
        status(tmp_path / "nowhere")
