"""Cross-entropy is the mean negative log-probability of the labels."""

from __future__ import annotations

import numpy as np
import pytest

from minisnip import Tensor, check_grads, grad
from minisnip.autodiff.engine import Array, value_of
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
        ((0, 4), [], r"with N and K at least 1"),
        ((2, 4), [0, 4], r"labels run from 0 to 4, but 4 logits have classes 0 to 3"),
        ((2, 4), [-1, 0], r"labels run from -1 to 0"),
        ((2, 0), [0, 0], r"with N and K at least 1"),
    ],
)
def test_labels_that_do_not_fit_are_refused(shape: tuple[int, int], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cross_entropy(np.zeros(shape), np.array(labels, int))


@pytest.mark.parametrize("labels", [np.array([0.0, 1.0]), np.array([False, True])])
def test_labels_that_are_no_integers_are_refused(labels: Array) -> None:
    with pytest.raises(
        ValueError, match=rf"labels of shape \(2,\) and dtype {labels.dtype}, expected an integer for each image"
    ):
        cross_entropy(np.zeros((2, 2)), labels)


def test_logits_that_are_no_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="the logits are of dtype int64"):
        cross_entropy(np.zeros((2, 2), np.int64), np.array([0, 1]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_the_loss_and_its_vjp_have_the_precision_of_the_logits(dtype: type) -> None:
    z = Tensor(np.ones((3, 4), dtype))
    loss = cross_entropy(z, np.array([0, 1, 2]))
    assert loss.op is not None
    vjp = loss.op.vjp(0, np.ones((), dtype), loss.value, tuple(map(value_of, loss.args)), {})
    assert loss.dtype == vjp.dtype == dtype


def test_labels_of_any_integer_type_serve() -> None:
    logits, labels = np.random.default_rng(0).standard_normal((3, 300)), [5, 130, 255]
    for dtype in (np.uint8, np.int64, ">i4"):
        z = Tensor(logits)
        g = grad(cross_entropy(z, np.array(labels, dtype)), z)
        assert (g < 0).nonzero()[1].tolist() == labels  # one-hot at the labels, and nowhere else
