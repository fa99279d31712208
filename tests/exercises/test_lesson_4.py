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
    "little end first": (idx, lambda content: read(content, "<u4"), "'>u4'"),
    "all the rest is elements": (idx, lambda content: np.frombuffer(content, np.uint8, offset=4), "n sizes of 4 bytes"),
    "labels only": (idx, lambda content: np.frombuffer(content, np.uint8, offset=8), "of shape (1, 1, 1)"),
    "columns first": (idx, lambda content: read(content, order="F"), "of shape (2, 2, 3)"),
    "signed bytes": (idx, lambda content: read(content).astype(np.int8), "uint8"),
    "each its own": (normalize, each_its_own, "same map"),
    "both together": (normalize, both_together, "of the training images"),
    "pixel by pixel": (normalize, pixel_by_pixel, "of all pixels"),
    "only the mean": (normalize, lambda train, test: (train - train.mean(), test - train.mean()), "one std"),
    "to 0 … 1": (normalize, lambda train, test: (train / train.max(), test / train.max()), "one mean"),
    "train alone": (normalize, lambda train, test: (train - train.mean()) / train.std(), "expected"),
    "no bias": (parameters, np.prod, "one bias"),
    "a bias for each input": (parameters, lambda shape: np.prod(shape) + shape[1], "weight (3, 2)"),
    "no window": (parameters, lambda shape: shape[0] * (shape[1] + 1), "kernel=5"),
    "a bias for each weight": (parameters, lambda shape: 2 * np.prod(shape), "one bias"),
    "only pixels that are never on": (dead, never_on, "the ReLU of u is off"),
    "pixels, units, and what is both": (dead, pixels_and_units, "the pairs u, p"),
    "0 is as good as below 0": (dead, positive_only, "-0.4"),
    "pixels, not weights": (dead, lambda images, active: (images == 0).all(axis=0).sum(), "the pairs u, p"),
    "half a weight": (dead, lambda images, active: 1.5, "the pairs u, p"),
    "in any image": (dead, lambda images, active: (images == 0).any(axis=0).sum() * active.shape[1], "all terms"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_the_bytes_are_those_of_mnist_s_files() -> None:
    content = idx_bytes(np.zeros((2, 28, 28), np.uint8))
    assert content[:16].hex(" ") == "00 00 08 03 00 00 00 02 00 00 00 1c 00 00 00 1c"
    assert len(content) == 16 + 2 * 784
    assert idx.verdict(read).startswith("passed")
