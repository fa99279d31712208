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


def test_the_derivative_by_an_exponent_is_zero_where_the_base_is_not_positive() -> None:
    p = Tensor(np.array([0.0, 1.0, -1.0, 2.0, 3.0]))

    with np.errstate(divide="ignore", invalid="ignore"):
        found = grad(ops.power(np.array([0.0, 0.0, -1.0, -2.0, 2.0]), p).sum(), p)

    np.testing.assert_array_equal(found, [0.0, 0.0, 0.0, 0.0, 8.0 * np.log(2.0)])


def test_a_product_is_nan_where_infinity_meets_zero_and_so_are_its_derivatives() -> None:
    x = Tensor(np.array([np.inf, 0.0, 0.0]))

    with np.errstate(invalid="ignore"):
        out = ops.prod(x)
        found = grad(out, x)

    assert np.isnan(out.value)
    assert found[0] == 0.0
    assert np.isnan(found[1:]).all()


# ---- Nothing, NaN and infinity: as in NumPy and PyTorch (compared in test_pytorch.py), or as documented --------------


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 3), (0,)])
@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("name", ["max", "min", "sum", "prod", "logsumexp"])
def test_a_reduction_of_nothing_is_numpys(name: str, axis: Any, shape: Any) -> None:
    def expected(x: Any) -> Any:
        return np.logaddexp.reduce(x, axis=axis) if name == "logsumexp" else getattr(np, name)(x, axis=axis)

    for dtype in (np.float32, np.int64):
        x = np.zeros(shape, dtype)
        try:
            value = expected(x)
        except ValueError:
            with pytest.raises(ValueError, match=rf"{name} of shape \({shape[0]}, .*no number|{name} of shape \(0,\)"):
                getattr(ops, name)(x, axis)
            continue
        np.testing.assert_array_equal(getattr(ops, name)(x, axis), value)
        assert np.shape(getattr(ops, name)(x, axis)) == np.shape(value)
        if dtype == np.float32:
            variable = Tensor(x)
            out = getattr(ops, name)(variable, axis)
            assert out.dtype == dtype
            assert grad(ops.sum(out), variable).shape == shape


def test_log_softmax_of_integers_is_that_of_floats() -> None:
    for dtype in (np.int64, np.int8, np.uint8, bool):
        x = np.array([[0, 1, 1], [1, 0, 0]], dtype)
        found = ops.log_softmax(x)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, ops.log_softmax(x.astype(np.float64)))
        np.testing.assert_array_equal(ops.logsumexp(x, 1), ops.logsumexp(x.astype(np.float64), 1))


def test_the_logsumexp_of_minus_infinity_alone_is_minus_infinity_without_a_warning() -> None:
    assert ops.logsumexp(np.full(3, -np.inf)) == -np.inf  # warnings are errors here


def test_the_first_nan_of_a_window_gets_its_gradient() -> None:
    image = np.array([[0.0, np.nan, 1.0], [np.nan, 2.0, 3.0], [4.0, 5.0, 6.0]])
    x = Tensor(image.reshape(1, 1, 3, 3))

    overlapping = grad(max_pool2d(x, 2, stride=1).sum(), x)[0, 0]
    tiled = grad(max_pool2d(x, 2).sum(), x)[0, 0]

    np.testing.assert_array_equal(overlapping, [[0, 2, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(tiled, [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def infinite_cotangent(f: Any, x: Array) -> Array:
    """The gradient of Σ ∞ f(x)."""
    variable = Tensor(x)
    with np.errstate(invalid="ignore"):  # 0 · ∞ in the value of the sum
        out = f(variable)
        gradient: Array = grad((out * np.full(out.shape, np.inf)).sum(), variable)
    return gradient


def test_a_loser_gets_0_even_of_an_infinite_gradient() -> None:
    x, inf = np.array([-1.0, 0.0, 2.0]), np.inf
    square = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 1, 2, 2)
    wide = np.arange(9.0).reshape(1, 1, 3, 3)

    np.testing.assert_array_equal(infinite_cotangent(ops.relu, x), [0, 0, inf])
    np.testing.assert_array_equal(infinite_cotangent(lambda t: ops.maximum(t, 1.0), x), [0, 0, inf])
    np.testing.assert_array_equal(infinite_cotangent(lambda t: ops.maximum(1.0, t), x), [0, 0, inf])
    np.testing.assert_array_equal(infinite_cotangent(lambda t: ops.minimum(t, 1.0), x), [inf, inf, 0])
    np.testing.assert_array_equal(infinite_cotangent(lambda t: ops.clip(t, -0.5, 1.0), x), [0, inf, 0])
    np.testing.assert_array_equal(infinite_cotangent(ops.max, x), [0, 0, inf])
    np.testing.assert_array_equal(infinite_cotangent(ops.sign, x), [0, 0, 0])
    np.testing.assert_array_equal(infinite_cotangent(lambda t: max_pool2d(t, 2), square)[0, 0], [[0, 0], [0, inf]])
    overlapping = infinite_cotangent(lambda t: max_pool2d(t, 2, stride=1), wide)[0, 0]
    np.testing.assert_array_equal(overlapping, [[0, 0, 0], [0, inf, inf], [0, inf, inf]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64])
def test_it_does_in_every_precision(dtype: Any) -> None:
    x = Tensor(np.array([-1.0, -0.0, 2.0], dtype))
    with np.errstate(invalid="ignore"):
        gradient = grad((ops.relu(x) * np.array([np.inf, -np.inf, -np.inf], dtype)).sum(), x)

    assert gradient.dtype == dtype
    np.testing.assert_array_equal(gradient[:2], [0, 0])
    assert gradient[2].real == -np.inf


def test_the_second_derivative_of_a_window_takes_its_winner_even_beside_infinity() -> None:
    x, cotangent = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 1, 2, 2)), Tensor(np.ones((1, 1, 1, 1)))
    vector = np.array([[np.inf, 1.0], [1.0, 5.0]]).reshape(1, 1, 2, 2)

    backward = grad((max_pool2d(x, 2) * cotangent).sum(), x, create_graph=True)
    with np.errstate(invalid="ignore"):  # 0 · ∞ in the value of the sum
        slope = (backward * vector).sum()

    assert grad(slope, cotangent).item() == 5.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_absolute_value_of_minus_zero_is_plus_zero(dtype: Any) -> None:
    assert not np.signbit(ops.abs(np.array([-0.0], dtype)))[0]
    assert not np.signbit(ops.abs(Tensor(np.array([-0.0], dtype))).value)[0]
    np.testing.assert_array_equal(ops.abs(np.array([True, False])), [True, False])


def test_nan_passes_the_gradient_on() -> None:
    x = Tensor(np.array([np.nan, 1.0]))

    np.testing.assert_array_equal(grad(ops.relu(x).sum(), x), [1, 1])
    np.testing.assert_array_equal(grad(ops.maximum(x, 0.0).sum(), x), [1, 1])
    np.testing.assert_array_equal(grad(ops.minimum(0.0, x).sum(), x), [1, 0])
    np.testing.assert_array_equal(grad(ops.max(x), x), [1, 0])


@pytest.mark.parametrize("zeros", [[], [1], [0, 2], [0, 1, 2], [0, 1, 2, 3]])
def test_products_with_zeros_have_their_derivatives(zeros: list[int]) -> None:
    x = np.array([2.0, -3.0, 0.5, 4.0])
    x[zeros] = 0.0
    without = [np.prod(np.delete(x, i)) for i in range(4)]
    hessian = [[0.0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(4)] for i in range(4)]
    t, v = Tensor(x), np.array([1.0, 2.0, 3.0, 5.0])

    np.testing.assert_allclose(grad(ops.prod(t), t), without, rtol=1e-14)
    np.testing.assert_allclose(hvp(ops.prod(t), t, v), np.array(hessian) @ v, rtol=1e-14)


def test_the_derivative_of_a_standard_deviation_of_0_is_0_and_nan_stays() -> None:
    x = Tensor(np.full(3, 2.0))

    np.testing.assert_array_equal(grad(x.std(), x), np.zeros(3))
    np.testing.assert_array_equal(hvp(x.std(), x, np.ones(3)), np.zeros(3))
    assert np.isnan(ops.std(np.array([1.0, np.nan])))


def test_at_the_bounds_of_clip_the_derivative_is_1() -> None:
    x = Tensor(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))

    np.testing.assert_array_equal(grad(x.clip(-1.0, 1.0).sum(), x), [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(grad(x.clip(high=0.0).sum(), x), [1, 1, 1, 0, 0])
    np.testing.assert_array_equal(ops.clip(x, 1.0, -1.0).value, np.clip(x.value, 1.0, -1.0))


def test_small_and_large_numbers_lose_no_digits() -> None:
    tiny, far = Tensor(np.array(1e-20)), Tensor(np.array(-60.0))

    assert float(ops.log1p(tiny)) == float(ops.expm1(tiny)) == 1e-20
    assert grad(ops.expm1(far), far) == np.exp(-60.0)
    assert float(ops.logaddexp(far, 0.0)) == np.exp(-60.0)
    assert grad(ops.logaddexp(far, 0.0), far) == pytest.approx(np.exp(-60.0), rel=1e-14)
    assert float(ops.logaddexp(-np.inf, Tensor(0.0))) == 0.0
