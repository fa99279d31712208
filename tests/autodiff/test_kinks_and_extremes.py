"""Ties, kinks and huge numbers: where a formula that is right on paper goes wrong on a computer."""

from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad, hvp, ops
from minisnip.autodiff import max_pool2d
from minisnip.autodiff.engine import Array

HUGE = [1e4, -1e4, 0.0]


def check_first_and_second(f: Any, x: Array, value: Any, gradient: Any, product: Any) -> None:
    variable = Tensor(x)
    out = f(variable)
    rounding = 1e-11  # 1e4 and its neighbor in float64 are 2e-12 apart
    np.testing.assert_allclose(out.value, value, rtol=rounding)
    np.testing.assert_allclose(grad(ops.sum(out), variable), gradient, atol=rounding)
    np.testing.assert_allclose(hvp(ops.sum(out), variable, np.arange(1.0, 4.0)), product, atol=rounding)


def test_logsumexp_of_huge_logits() -> None:
    check_first_and_second(ops.logsumexp, np.array(HUGE), 1e4, [1.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    check_first_and_second(ops.logsumexp, np.full(3, -1e4), -1e4 + np.log(3.0), [1 / 3] * 3, [-1 / 3, 0.0, 1 / 3])


def test_log_softmax_of_huge_logits() -> None:
    value = [0.0, -2e4, -1e4]
    check_first_and_second(ops.log_softmax, np.array(HUGE), value, [-2.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    check_first_and_second(ops.log_softmax, np.full(3, 1e4), [-np.log(3.0)] * 3, [0.0] * 3, [1.0, 0.0, -1.0])


def test_logsumexp_of_one_minus_infinity_is_that_of_the_others() -> None:
    x = Tensor(np.array([-np.inf, 0.0, 0.0]))

    out = ops.logsumexp(x)

    assert float(out) == pytest.approx(np.log(2.0))
    np.testing.assert_array_equal(grad(out, x), [0.0, 0.5, 0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_and_tanh_of_huge_numbers(dtype: Any) -> None:
    x = Tensor(np.array(HUGE, dtype))

    np.testing.assert_array_equal(ops.sigmoid(x).value, [1.0, 0.0, 0.5])
    np.testing.assert_array_equal(grad(ops.sigmoid(x).sum(), x), [0.0, 0.0, 0.25])
    np.testing.assert_array_equal(hvp(ops.sigmoid(x).sum(), x, np.ones(3, dtype)), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(grad(ops.tanh(x).sum(), x), [0.0, 0.0, 1.0])


def test_the_derivative_of_relu_at_zero_is_zero() -> None:
    x = Tensor(np.array([-1.0, -0.0, 0.0, 1.0]))

    np.testing.assert_array_equal(grad(ops.relu(x).sum(), x), [0.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(hvp(ops.relu(x).sum(), x, np.ones(4)), np.zeros(4))


def test_the_derivative_of_abs_at_zero_is_zero() -> None:
    x = Tensor(np.array([-2.0, 0.0, 3.0]))

    np.testing.assert_array_equal(grad(abs(x).sum(), x), [-1.0, 0.0, 1.0])


def test_the_left_one_of_two_equals_is_the_maximum() -> None:
    a, b = Tensor(np.array([1.0, 2.0, 3.0])), Tensor(np.array([2.0, 2.0, 2.0]))

    by_a, by_b = grad(ops.maximum(a, b).sum(), [a, b])

    np.testing.assert_array_equal(by_a, [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(by_b, [1.0, 0.0, 0.0])


def test_the_first_of_several_maxima_gets_the_whole_gradient() -> None:
    x = Tensor(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]))

    np.testing.assert_array_equal(grad(x.max(axis=1).sum(), x), [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(grad(x.max(axis=0).sum(), x), [[0, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(grad(x.max(), x), [[0, 1, 0], [0, 0, 0]])


def test_a_flat_window_passes_its_gradient_to_its_first_pixel_alone() -> None:
    x = Tensor(np.full((2, 3, 4, 4), 7.0))

    found = grad(max_pool2d(x, 2).sum(), x)

    expected = np.zeros((2, 3, 4, 4))
    expected[:, :, ::2, ::2] = 1.0
    np.testing.assert_array_equal(found, expected)


def test_overlapping_windows_each_pass_on_their_own_gradient() -> None:
    image = np.array([[0.0, 5.0, 5.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    x = Tensor(image.reshape(1, 1, 3, 3))
    cotangent = np.array([[1.0, 2.0], [4.0, 8.0]]).reshape(1, 1, 2, 2)

    found = grad((max_pool2d(x, 2, stride=1) * cotangent).sum(), x)

    np.testing.assert_array_equal(found[0, 0], [[0, 0, 0], [0, 15, 0], [0, 0, 0]])  # the last window ties 9 with 9


def test_nan_is_not_lost_in_a_maximum() -> None:
    x = np.array([[0.0, np.nan], [5.0, 1.0]])

    assert np.isnan(max_pool2d(x.reshape(1, 1, 2, 2), 2)).all()
    assert np.isnan(ops.max(x))
    assert np.isnan(ops.maximum(x, 3.0)[0, 1])
    assert np.isnan(ops.relu(x)[0, 1])
    assert np.isnan(ops.logsumexp(x))


@pytest.mark.parametrize(
    ("p", "first", "second"),
    [(0, 0.0, 0.0), (1, 1.0, 0.0), (2, 0.0, 2.0), (3, 0.0, 0.0), (1.0, 1.0, 0.0), (2.0, 0.0, 2.0)],
)
def test_whole_powers_have_their_derivatives_at_zero(p: float, first: float, second: float) -> None:
    x = Tensor(np.zeros(2))

    np.testing.assert_array_equal(grad((x**p).sum(), x), [first, first])
    np.testing.assert_array_equal(hvp((x**p).sum(), x, np.ones(2)), [second, second])
    np.testing.assert_array_equal(grad((x ** np.array([p, 2.0])).sum(), x), [first, 0.0])
