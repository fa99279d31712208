"""Lesson 4's checks catch the answers that students give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip.exercises.lesson_4 import dead, idx, idx_bytes, normalize, parameters
from tests.exercises.wrong import assert_caught


def read(content: bytes, size: str = ">u4", order: Any = "C", start: int = 0) -> Any:
    """Right with the default arguments; others make it wrong."""
    axes = content[3]
    shape = np.frombuffer(content, size, axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes - start)[start:].reshape(shape, order=order)


def never_on(images: Any, active: Any) -> Any:
    return (images == 0).all(axis=0).sum() * active.shape[1]


def pixels_and_units(images: Any, active: Any) -> Any:
    dark, off = (images == 0).all(axis=0).sum(), (~active).all(axis=0).sum()
    return dark * active.shape[1] + off * images.shape[1] - dark * off


def positive_only(images: Any, active: Any) -> Any:
    return ((images > 0).astype(int).T @ active.astype(int) == 0).sum()


def each_its_own(train: Any, test: Any) -> Any:
    return (train - train.mean()) / train.std(), (test - test.mean()) / test.std()


def both_together(train: Any, test: Any) -> Any:
    both = np.concatenate([train.ravel(), test.ravel()])
    return (train - both.mean()) / both.std(), (test - both.mean()) / both.std()


def pixel_by_pixel(train: Any, test: Any) -> Any:
    mean, std = train.mean(axis=0), train.std(axis=0) + 1e-9
    return (train - mean) / std, (test - mean) / std


WRONG = {
    "little end first": (
        idx,
        lambda content: read(content, "<u4"),
        "'>u4'",
        "idx files have the big end first: '>u4'.",
    ),
    "all the rest is elements": (
        idx,
        lambda content: np.frombuffer(content, np.uint8, offset=4),
        "n sizes of 4 bytes",
        "The sizes of the axes are read as elements.",
    ),
    "labels only": (
        idx,
        lambda content: np.frombuffer(content, np.uint8, offset=8),
        "of shape (1, 1, 1)",
        "Assumes one axis, as in files of labels.",
    ),
    "columns first": (
        idx,
        lambda content: read(content, order="F"),
        "of shape (2, 2, 3)",
        "The first axis is taken as the fastest. In the file it is the last.",
    ),
    "signed bytes": (idx, lambda content: read(content).astype(np.int8), "uint8", "Pixels above 127 become negative."),
    "each its own": (
        normalize,
        each_its_own,
        "same map",
        "The test images have a mean and std of their own, so both sets are mapped differently.",
    ),
    "both together": (
        normalize,
        both_together,
        "of the training images",
        "The test images have changed the map: they must not be known in training.",
    ),
    "pixel by pixel": (
        normalize,
        pixel_by_pixel,
        "of all pixels",
        "A mean for each pixel. One mean and one std are asked for; some pixels never change and have std 0.",
    ),
    "only the mean": (
        normalize,
        lambda train, test: (train - train.mean(), test - train.mean()),
        "one std",
        "Not divided by the std.",
    ),
    "to 0 … 1": (
        normalize,
        lambda train, test: (train / train.max(), test / train.max()),
        "one mean",
        "Divided by the maximum: neither mean 0 nor std 1.",
    ),
    "train alone": (
        normalize,
        lambda train, test: (train - train.mean()) / train.std(),
        "expected",
        "The mapped test images are missing.",
    ),
    "no bias": (parameters, np.prod, "one bias", "The weights alone."),
    "a bias for each input": (
        parameters,
        lambda shape: np.prod(shape) + shape[1],
        "weight (3, 2)",
        "shape[1] counts inputs. There is one bias for each output.",
    ),
    "no window": (
        parameters,
        lambda shape: shape[0] * (shape[1] + 1),
        "kernel=5",
        "The height and width of a kernel are forgotten.",
    ),
    "a bias for each weight": (
        parameters,
        lambda shape: 2 * np.prod(shape),
        "one bias",
        "Twice the weights: there is one bias for each output.",
    ),
    "only pixels that are never on": (
        dead,
        never_on,
        "the ReLU of u is off",
        "A weight is dead too if its unit is off for every image in which its pixel is on.",
    ),
    "pixels, units, and what is both": (
        dead,
        pixels_and_units,
        "the pairs u, p",
        "Counts dark pixels and silent units. A pixel and a unit may both be on, but never together.",
    ),
    "0 is as good as below 0": (
        dead,
        positive_only,
        "-0.4",
        "After normalizing, a dark pixel is below 0, not 0, and its weights get a gradient.",
    ),
    "pixels, not weights": (
        dead,
        lambda images, active: (images == 0).all(axis=0).sum(),
        "the pairs u, p",
        "Counts pixels: each has a weight for every unit.",
    ),
    "half a weight": (dead, lambda images, active: 1.5, "the pairs u, p", ""),
    "in any image": (
        dead,
        lambda images, active: (images == 0).any(axis=0).sum() * active.shape[1],
        "all terms",
        "Dark in one image is not dark in all: every term of the sum must be 0.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_the_bytes_are_those_of_mnist_s_files() -> None:
    content = idx_bytes(np.zeros((2, 28, 28), np.uint8))
    assert content[:16].hex(" ") == "00 00 08 03 00 00 00 02 00 00 00 1c 00 00 00 1c"
    assert len(content) == 16 + 2 * 784
    assert idx.verdict(read).startswith("passed")
