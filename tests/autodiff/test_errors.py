"""An error says what was given, what was expected and what to do about it."""

import re
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad, hvp, ops, primitive
from minisnip.autodiff import avg_pool2d, conv2d, max_pool2d

x = Tensor(np.ones(3))
m = Tensor(np.ones((2, 3)))
images = np.ones((5, 2, 4, 4))


def assert_says(error: type[Exception], call: Any, *phrases: str) -> None:
    with pytest.raises(error) as raised:
        call()
    for phrase in phrases:
        assert phrase in str(raised.value)


def assign(t: Tensor) -> None:
    t[0] = 1.0


def test_a_gradient_is_of_one_number() -> None:
    assert_says(ValueError, lambda: grad(m, m), "output has shape (2, 3)", "of one number", "take output.sum()")
    assert_says(ValueError, lambda: hvp(m, m, np.ones((2, 3))), "output has shape (2, 3)", "take output.sum()")


def test_the_input_must_be_in_the_graph() -> None:
    stranger = Tensor(np.ones(7))
    phrases = ("not computed from the input of shape (7,)", "x = Tensor(array)", "from that very x")

    assert_says(ValueError, lambda: grad(x.sum(), stranger), *phrases)
    assert_says(ValueError, lambda: grad(x.sum(), {"x": x, "stranger": stranger}), *phrases)
    assert_says(ValueError, lambda: hvp(x.sum(), stranger, np.ones(7)), *phrases)


def test_a_plain_array_is_a_constant() -> None:
    remedy = "an array is a constant: wrap it (x = Tensor(array))"

    assert_says(TypeError, lambda: grad(x.sum(), x.value), "the input is a ndarray", remedy)
    assert_says(TypeError, lambda: grad(x.sum(), [x, x.value]), "the input is a ndarray", remedy)
    for output, kind in [(np.ones(()), "ndarray"), (1.0, "float")]:
        assert_says(TypeError, lambda output=output: grad(output, x), f"the output is a {kind}", remedy)
    assert_says(TypeError, lambda: hvp(x.sum(), 1.0, 1.0), "the input is a float", remedy)


def test_vectors_have_the_shapes_of_their_inputs() -> None:
    loss = (x * x).sum()

    assert_says(ValueError, lambda: hvp(loss, x, np.ones(4)), "hvp: a vector has shape (4,), its input (3,)", "equal")
    assert_says(ValueError, lambda: hvp(loss, [x], [1.0]), "hvp: a vector has shape (), its input (3,)")
    assert_says(ValueError, lambda: hvp(loss, [x], []), "hvp:")


def test_a_tensor_is_not_changed_in_place() -> None:
    assert_says(
        TypeError, lambda: assign(Tensor(np.ones(2))), "t[i] = v", "not changed in place", "ops.where(mask, v, t)"
    )


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("exp", lambda: np.exp(x)),
        ("sum", lambda: np.sum(x)),
        ("concatenate", lambda: np.concatenate([x])),
        ("asarray", lambda: np.asarray(x)),
        ("asarray", lambda: np.array([x, x])),
        ("where", lambda: np.where(x > 0, x, 0.0)),
        ("add", lambda: np.add(1.0, x, out=np.ones(3))),
        ("multiply", lambda: np.multiply.reduce(x)),
    ],
)
def test_numpy_functions_refuse_a_tensor_and_name_the_op(name: str, call: Any) -> None:
    phrases = ("would lose how it was computed", "minisnip.ops", "t.value")

    assert_says(TypeError, call, f"np.{name} of a Tensor", *phrases)


def test_an_array_is_not_added_to_in_place() -> None:
    array = np.ones(3)

    with pytest.raises(TypeError, match=re.escape("np.add of a Tensor")):
        array += x

    np.testing.assert_array_equal(array, np.ones(3))


def test_a_tensor_is_not_a_truth_value() -> None:
    assert_says(TypeError, lambda: bool(x), "bool(t)", "ambiguous", "compare it (t > 0)", "t.value")


def test_a_tensor_holds_floats() -> None:
    assert_says(TypeError, lambda: Tensor([1, 2]), "holds floats, got dtype int64", ".astype(np.float64)")
    assert_says(TypeError, lambda: Tensor(np.ones(2, bool)), "got dtype bool")


def test_a_tensor_is_not_wrapped_twice() -> None:
    assert_says(TypeError, lambda: Tensor(x), "variable already", "Tensor(t.value) starts a new one")


@pytest.mark.parametrize(
    ("call", "shapes", "remedy"),
    [
        (lambda: m + np.ones(4), ["add", "(2, 3)", "(4,)"], "equal or broadcast"),
        (lambda: np.ones(4) * m, ["multiply", "(2, 3)", "(4,)"], "equal or broadcast"),
        (lambda: ops.where(np.ones(4) > 0, m, 0.0), ["where", "(2, 3)", "(4,)"], "equal or broadcast"),
        (lambda: m @ m, ["matmul", "(2, 3) and (2, 3)"], "(n, k) @ (k, m)"),
        (lambda: np.ones((3, 2)) @ np.ones((2, 4)) @ m, ["matmul", "(3, 4) and (2, 3)"], "(n, k) @ (k, m)"),
        (lambda: x @ m, ["matmul", "(2, 3)"], "inner sizes must be equal"),
        (lambda: m.reshape(7), ["reshape", "(2, 3)", "7"], ""),
        (lambda: ops.broadcast_to(m, (4, 4)), ["broadcast_to", "(2, 3)", "(4,4)"], ""),
        (lambda: ops.concatenate([m, np.ones((3, 4))]), ["concatenate", "(2, 3) and (3, 4)"], "joined axis"),
        (lambda: conv2d(images, np.ones((6, 3, 2, 2))), ["(5, 2, 4, 4)", "(6, 3, 2, 2)"], "must be equal"),
        (lambda: conv2d(images, np.ones((6, 2, 5, 2))), ["(5, 2)", "(4, 4)", "padding 0"], "kernel smaller"),
        (lambda: conv2d(images, np.ones((6, 2, 7, 7)), padding=1), ["(7, 7)", "padding 1"], "padding larger"),
        (lambda: conv2d(images[0], np.ones((6, 2, 2, 2))), ["(2, 4, 4)", "(N, C, H, W)"], "reshape"),
        (lambda: conv2d(images, np.ones((6, 2))), ["weight", "(6, 2)"], "four axes"),
        (lambda: max_pool2d(images, 5), ["(5, 5)", "(4, 4)"], "kernel smaller"),
        (lambda: avg_pool2d(images, 5), ["(5, 5)", "(4, 4)"], "kernel smaller"),
        (lambda: max_pool2d(m, 2), ["max_pool2d", "(2, 3)", "(N, C, H, W)"], "reshape"),
    ],
)
def test_shapes_that_do_not_fit_are_both_named(call: Any, shapes: list[str], remedy: str) -> None:
    assert_says(ValueError, call, *shapes, remedy)


def test_an_index_or_axis_that_is_not_there_is_an_index_error() -> None:
    assert_says(IndexError, lambda: m[5], "take", "(2, 3)", "index 5 is out of bounds")
    for reduce in (ops.sum, ops.mean, ops.max, ops.logsumexp):
        assert_says(IndexError, lambda reduce=reduce: reduce(m, 3), "axis 3 is out of bounds")


def test_a_vjp_of_the_wrong_shape_is_named() -> None:
    wrong = primitive(np.add, lambda g, out, a, b: g, lambda g, out, a, b: g)

    phrases = ("VJP 1 of add gave shape (2, 3)", "an argument of shape (3,)", "sum_to undoes a broadcast")
    assert_says(ValueError, lambda: grad(wrong(m, x).sum(), [m, x]), *phrases)


def test_an_argument_without_a_derivative_is_named() -> None:
    no_second = primitive(lambda a, b: a * b, lambda g, out, a, b: g * b)

    def where() -> Any:
        return grad(ops.where(m, m, 0.0).sum(), m)

    assert_says(TypeError, where, "where has no derivative by argument 0", "pass a plain array there")
    assert_says(TypeError, lambda: grad(no_second(m, x).sum(), x), "<lambda> has no derivative by argument 1")
    assert grad(no_second(m, x).sum(), m).shape == (2, 3)  # nobody asked for the other one
