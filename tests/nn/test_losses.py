"""Cross-entropy is the mean negative log-probability of the labels."""

from __future__ import annotations

import numpy as np
import pytest

from minisnip import Tensor, check_grads, grad
from minisnip.nn import cross_entropy


def test_it_is_the_mean_negative_log_probability() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert cross_entropy(logits, labels) == pytest.approx(-np.log(probabilities[np.arange(6), labels]).mean())


def test_its_gradient_is_softmax_minus_one_hot_over_n() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    z = Tensor(logits)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(grad(cross_entropy(z, labels), z), (softmax - np.eye(4)[labels]) / 6, atol=1e-15)


def test_its_derivatives_agree_with_differences() -> None:
    rng = np.random.default_rng(0)
    check_grads(lambda z: cross_entropy(z, np.array([0, 3, 3])), rng.standard_normal((3, 4)))


def test_it_is_finite_for_logits_of_ten_thousand() -> None:
    logits = np.array([[1e4, -1e4, 0.0]])
    assert cross_entropy(logits, np.array([0])) == 0
    assert cross_entropy(logits, np.array([1])) == 2e4


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((3, 4), [0, 1], r"logits of shape \(3, 4\) and labels of shape \(2,\)"),
        ((0, 4), [], r"N at least 1"),
        ((2, 4), [0, 4], r"labels run from 0 to 4, but 4 logits have classes 0 to 3"),
        ((2, 4), [-1, 0], r"labels run from -1 to 0"),
    ],
)
def test_labels_that_do_not_fit_are_refused(shape: tuple[int, int], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cross_entropy(np.zeros(shape), np.array(labels, int))
