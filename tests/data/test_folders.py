"""Files are looked for in the caller's folder, then in MINISNIP_DATA, then in the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from minisnip.data import DataError, DataUnavailableError, cache_folder
from minisnip.data.storage import find_file, search_folders


def test_the_order_is_directory_then_environment_then_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, asked = tmp_path / "named", tmp_path / "asked"
    named.mkdir()
    asked.mkdir()
    monkeypatch.setenv("MINISNIP_DATA", str(named))
    assert search_folders("mnist", asked) == [asked / "mnist", asked, named / "mnist", named, cache / "mnist"]


def test_the_environments_folder_itself_holds_every_data_set_but_fashion_mnist(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINISNIP_DATA", str(tmp_path))
    assert search_folders("fashion-mnist") == [tmp_path / "fashion-mnist", cache / "fashion-mnist"]
    assert search_folders("cifar-10") == [tmp_path / "cifar-10", tmp_path, cache / "cifar-10"]


def test_a_folder_that_the_environment_names_and_that_does_not_exist_is_an_error(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINISNIP_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere cannot be opened") as caught:
        search_folders("mnist")
    assert not isinstance(caught.value, DataUnavailableError)


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_directory_and_the_variable_only_the_cache_is_left(
    cache: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("MINISNIP_DATA", value)
    assert search_folders("mnist") == [cache / "mnist"]
    assert cache_folder() == cache


@pytest.mark.parametrize("name", ["nowhere", "a-file"])
def test_a_directory_that_cannot_be_opened_is_an_error_and_not_an_unavailable_data_set(
    tmp_path: Path, cache: Path, name: str
) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(DataError, match=f"{name} cannot be opened \\(No(t a| such file or) directory\\)") as caught:
        search_folders("mnist", tmp_path / name)
    assert not isinstance(caught.value, DataUnavailableError)


def test_the_first_folder_wins_and_gzipped_before_plain(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    assert find_file("labels", [first, second]) is None
    (second / "labels.gz").touch()
    assert find_file("labels", [first, second]) == second / "labels.gz"
    (first / "labels").touch()
    assert find_file("labels", [first, second]) == first / "labels"
    (first / "labels.gz").touch()
    assert find_file("labels", [first, second]) == first / "labels.gz"
