"""check_grads says what it compared, takes every structure of inputs, and knows its limits."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from minisnip import Tensor, check_grads, ops, primitive
from minisnip.autodiff.engine import Array
from minisnip.testing import arrays
from tests.autodiff.budget import examples

twice = primitive(np.tanh, lambda g, out, x: 2.0 * g * (1.0 - out * out))


@examples(25)
@given(arrays())
def test_three_lines_prove_an_op_of_your_own(x: Array) -> None:
    check_grads(lambda x: ops.log(1.0 + ops.exp(x)), x)


def test_a_failure_names_the_order_the_input_the_direction_both_numbers_and_the_tolerance() -> None:
    with pytest.raises(AssertionError) as failure:
        check_grads(lambda a, b: ops.tanh(a) * twice(b), [np.ones(2), np.array([0.25, 0.5])])

    number = r"-?[\d.]+(?:e-?\d+)?"
    failure.match(
        rf"^check_grads: derivative of order 1 by input 1 along the direction \[{number}, +{number}\]: "
        rf"grad gives {number}, the central difference {number}; they differ by {number}, "
        rf"more than the tolerance {number}$"
    )
    words = str(failure.value).split()
    grad_gives, difference = (float(words[words.index(word) + 1].strip(",;")) for word in ("gives", "difference"))
    assert grad_gives == pytest.approx(2 * difference)  # a factor of two was planted, and can be read off


def test_inputs_may_be_an_array_a_number_a_list_a_tuple_or_a_dict() -> None:
    x, y = np.ones(2), np.ones((3, 2))

    def names(inputs: Any, f: Any) -> list[str]:
        return [c.input for c in check_grads(f, inputs, order=1) if c.method == "central difference"]

    assert names(x, ops.exp) == ["the input"]
    assert names(0.5, ops.exp) == ["the input"]
    assert names([x, y], ops.multiply) == ["input 0", "input 1"]
    assert names((x, y), ops.multiply) == ["input 0", "input 1"]
    assert names({"w": x, "b": y}, lambda p: p["w"] * p["b"]) == ["input 'w'", "input 'b'"]
    assert names(Tensor(x), ops.exp) == ["the input"]


def test_a_failure_in_a_dict_names_the_key() -> None:
    with pytest.raises(AssertionError, match=r"by input 'fc1\.weight' along"):
        check_grads(lambda p: twice(p["fc1.weight"]), {"fc1.weight": np.ones(2)})


def test_float32_inputs_are_checked_in_float64_and_left_alone() -> None:
    x = np.ones(3, np.float32)

    check_grads(lambda x: ops.tanh(x) ** 3, x)

    np.testing.assert_array_equal(x, np.ones(3, np.float32))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_any_order_can_be_asked_for(order: int) -> None:
    report = check_grads(lambda x: ops.exp(x) * ops.tanh(x), np.array([0.1, -0.4]), order)

    assert [c.order for c in report if c.method == "complex step"] == list(range(1, order + 1))


def test_the_seed_draws_the_directions() -> None:
    def directions(seed: int) -> list[Any]:
        return [c.direction.tolist() for c in check_grads(ops.exp, np.ones(3), seed=seed)]

    assert directions(1) == directions(1) != directions(2)


modulus = primitive(np.abs, lambda g, out, x: g * np.sign(x))  # drops the imaginary part
conjugate_square = primitive(lambda x: np.conj(x) * x, lambda g, out, x: g * 2.0 * x)  # keeps it, and is not analytic
real_only = primitive(
    lambda x: np.floor(x) + x, lambda g, out, x: g
)  # np.floor refuses complex numbers with a TypeError
cast = primitive(lambda x: x.astype(np.float64) ** 2, lambda g, out, x: g * 2.0 * x)  # ComplexWarning


@pytest.mark.parametrize("f", [modulus, conjugate_square, real_only, cast], ids=["abs", "conj", "floor", "astype"])
def test_where_the_complex_step_does_not_apply_differences_still_do(f: Any) -> None:
    report = check_grads(f, np.array([0.25, -1.5]), order=1)

    assert {c.method for c in report} == {"central difference"}


def test_and_still_catch_a_wrong_gradient() -> None:
    wrong = primitive(np.abs, lambda g, out, x: g)

    with pytest.raises(AssertionError, match="the central difference"):
        check_grads(wrong, np.array([0.25, -1.5]))


def test_an_error_too_small_for_differences_is_left_to_the_complex_step() -> None:
    slightly_off = primitive(np.tanh, lambda g, out, x: g * (1.0 - out * out) * (1.0 + 1e-9))

    with pytest.raises(AssertionError, match="the complex step"):
        check_grads(slightly_off, np.array([0.25, -1.5]), order=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_is_a_failure(value: float) -> None:
    broken = primitive(np.tanh, lambda g, out, x: g * value)

    with pytest.raises(AssertionError, match=f"grad gives -?{value}"):
        check_grads(broken, np.array(0.5), order=1)


def test_a_function_that_leaves_the_ops_is_refused() -> None:
    with pytest.raises(TypeError, match=r"answered with a ndarray: it must be made of minisnip\.ops and"):
        check_grads(lambda x: np.exp(x.value), np.ones(2))


def test_an_input_that_does_not_matter_has_gradient_zero() -> None:
    report = check_grads(lambda a, b: ops.exp(a), [np.ones(2), np.ones(2)])

    assert {c.analytic for c in report if c.input == "input 1"} == {0.0}


def test_a_kink_is_not_a_derivative() -> None:
    with pytest.raises(AssertionError):
        check_grads(ops.relu, np.zeros(3), order=1)
