"""What is published: images have three axes and labels one, in the order in which they are read."""

from __future__ import annotations

import pytest

from minisnip.data.published import FASHION_MNIST, IMAGES, LABELS, MNIST, Publication


@pytest.mark.parametrize("publication", [MNIST, FASHION_MNIST], ids=lambda publication: publication.name)
def test_the_files_are_images_and_labels_to_train_and_to_test(publication: Publication) -> None:
    files = publication.files
    assert [file.name.partition("-")[0] for file in files] == ["train", "train", "t10k", "t10k"]
    assert [file.read for file in files] == [IMAGES, LABELS] * 2
    assert (IMAGES.keywords, LABELS.keywords) == ({"dimensions": 3}, {"dimensions": 1})
    assert ["idx3" in file.name for file in files] == [True, False] * 2
    assert {len(bytes.fromhex(file.checksum)) for file in files} == {32}
