"""`value_and_grad` and `jacobian`: derivatives of functions of arrays, in the structure of their inputs."""

from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad, jacobian, ops, value_and_grad

X = np.array([0.3, -0.7, 1.9])


def product(a: Any, b: Any) -> Any:
    return a * b


def test_a_tuple_of_inputs_is_answered_by_a_tuple_and_a_list_by_a_list() -> None:
    for structure in (tuple, list):
        value, gradients = value_and_grad(lambda a, b: ops.sum(a * b), structure([X, 2.0 * X]))
        derivatives = jacobian(product, structure([X, 2.0 * X]))

        assert value == np.sum(2.0 * X * X)
        assert type(gradients) is type(derivatives) is structure
        np.testing.assert_array_equal(gradients, [2.0 * X, X])
        np.testing.assert_array_equal(derivatives, [np.diag(2.0 * X), np.diag(X)])


@pytest.mark.parametrize("constant", [np.ones(3), np.float64(2.0), np.arange(3)], ids=["array", "scalar", "integers"])
def test_derivatives_by_float32_are_float32_whatever_they_met(constant: Any) -> None:
    x = X.astype(np.float32)

    def f(x: Any, y: Any) -> Any:
        return x * constant * y

    by_x, by_y = jacobian(f, [x, X])
    gradients = value_and_grad(lambda x, y: ops.sum(f(x, y)), [x, X])[1]

    assert [by_x.dtype, by_y.dtype] == [g.dtype for g in gradients] == [np.float32, np.float64]
    assert jacobian(lambda x: x[:0], x).dtype == np.float32


def test_the_answers_are_the_callers_own_to_change() -> None:
    by_a, by_b = value_and_grad(lambda a, b: ops.sum(a + b), [X, X])[1]
    by_a[...] = 7.0

    np.testing.assert_array_equal(by_b, np.ones(3))
    jacobian(ops.exp, X)[...] = 7.0


def test_a_tensor_among_the_inputs_is_taken_as_its_array() -> None:
    x = Tensor(X)

    np.testing.assert_array_equal(jacobian(ops.exp, x), jacobian(ops.exp, X))
    np.testing.assert_array_equal(value_and_grad(ops.sum, {"x": x}["x"])[1], np.ones(3))
    np.testing.assert_array_equal(value_and_grad(lambda p: ops.sum(p["x"]), {"x": x})[1]["x"], grad(x.sum(), x))


@pytest.mark.parametrize("function", [value_and_grad, jacobian])
@pytest.mark.parametrize(
    ("f", "inputs", "words"),
    [
        (0.3, X, "f is a float, expected a function: pass f, not f(x)"),
        (ops.sum, np.arange(3), "a Tensor holds floats, got dtype int64"),
        (ops.sum, [X, None], "a Tensor holds floats, got dtype object"),
        (ops.sum, np.ma.MaskedArray(X, mask=X > 0), "lose the mask"),
        (lambda x: 1.0, X, "f was given Tensors and answered with a float"),
    ],
    ids=["no function", "integers", "None", "mask", "no Tensor"],
)
def test_an_error_names_the_function_that_was_called(function: Any, f: Any, inputs: Any, words: str) -> None:
    with pytest.raises(TypeError) as raised:
        function(f, inputs)
    assert str(raised.value).startswith(function.__name__)
    assert words in str(raised.value)


def test_a_gradient_that_is_not_one_is_refused_in_the_name_of_value_and_grad() -> None:
    with pytest.raises(ValueError, match=r"^value_and_grad: the output has shape \(3,\)"):
        value_and_grad(ops.exp, X)
    with pytest.raises(
        ValueError, match=r"^value_and_grad: the output was not computed from the input of shape \(3,\)"
    ):
        value_and_grad(lambda a, b: ops.sum(a), [X, X])
