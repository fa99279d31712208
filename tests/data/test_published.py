"""What is published: images have three axes and labels one, in the order in which they are read."""

from __future__ import annotations

import pytest

from minisnip.data.published import PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_files_are_images_and_labels_to_train_and_to_test(name: str) -> None:
    files = PUBLISHED[name].files
    assert [file.name.partition("-")[0] for file in files] == ["train", "train", "t10k", "t10k"]
    assert [file.dimensions for file in files] == [3, 1, 3, 1]
    assert [f"idx{file.dimensions}" in file.name for file in files] == [True] * 4
    assert {len(bytes.fromhex(file.sha256)) for file in files} == {32}
