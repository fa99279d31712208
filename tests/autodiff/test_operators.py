"""A Tensor is written like an array: operators in any mix with arrays and numbers, comparisons, indexing."""

import operator
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad, ops

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
A = np.array([[1.0, 2.0], [3.0, 4.0]])
B = np.array([[2.0, 0.5], [1.0, 4.0]])


def name(function: Any) -> str:
    return str(function.__name__)


@pytest.mark.parametrize("apply", OPERATORS, ids=name)
def test_an_operator_takes_tensors_and_arrays_on_either_side(apply: Any) -> None:
    a, b = Tensor(A), Tensor(B)

    for left, right in [(a, b), (a, B), (A, b)]:
        out = apply(left, right)
        assert isinstance(out, Tensor)
        np.testing.assert_array_equal(out.value, apply(A, B))
    by_a, by_b = grad(apply(a, b).sum(), [a, b])
    np.testing.assert_array_equal(grad(apply(a, B).sum(), a), by_a)
    np.testing.assert_array_equal(grad(apply(A, b).sum(), b), by_b)


@pytest.mark.parametrize("apply", OPERATORS[:-1], ids=name)
@pytest.mark.parametrize("number", [2, 2.0, np.float64(2.0), np.float32(2.0), np.array(2.0)], ids=repr)
def test_an_operator_takes_numbers_on_either_side(apply: Any, number: Any) -> None:
    for dtype in (np.float32, np.float64):
        array = A.astype(dtype)
        for out, expected in [
            (apply(Tensor(array), number), apply(array, number)),
            (apply(number, Tensor(array)), apply(number, array)),
        ]:
            assert isinstance(out, Tensor)
            assert out.dtype == expected.dtype  # NumPy's: a Python number is weak, a NumPy scalar is not
            np.testing.assert_array_equal(out.value, expected)


def test_an_array_minus_a_tensor_is_a_tensor_of_their_dtype() -> None:
    assert (A.astype(np.float32) - Tensor(B.astype(np.float32))).dtype == np.float32
    assert (A.astype(np.float32) - Tensor(B)).dtype == np.float64
    assert (np.float64(2.0) * Tensor(B)).dtype == np.float64
    assert (2 * Tensor(B.astype(np.float32))).dtype == np.float32


@pytest.mark.parametrize("compare", COMPARISONS, ids=name)
def test_a_comparison_answers_with_plain_booleans(compare: Any) -> None:
    for left, right in [(Tensor(A), Tensor(B)), (Tensor(A), B), (A, Tensor(B)), (Tensor(A), 2.0), (2.0, Tensor(A))]:
        found = compare(left, right)
        assert type(found) is np.ndarray
        assert found.dtype == bool
        plain = [x.value if isinstance(x, Tensor) else x for x in (left, right)]
        np.testing.assert_array_equal(found, compare(*plain))


def test_a_comparison_chooses_and_masks() -> None:
    x = Tensor(np.array([-1.0, 2.0, 3.0]))

    np.testing.assert_array_equal(grad(ops.where(x > 0, x * x, -x).sum(), x), [-1.0, 4.0, 6.0])
    np.testing.assert_array_equal(grad((x[x > 0] ** 2).sum(), x), [0.0, 4.0, 6.0])


@pytest.mark.parametrize("index", [((0, 0, 1),), [0, 0, 1], np.array([0, 0, 1])], ids=["tuple", "list", "array"])
def test_a_repeated_index_counts_each_time_however_it_is_written(index: Any) -> None:
    x = Tensor(np.arange(3.0))

    np.testing.assert_array_equal(grad(x[index].sum(), x), [2.0, 1.0, 0.0])


def test_methods_are_those_of_an_array() -> None:
    t = Tensor(A)

    for found, expected in [
        (-t, -A),
        (abs(-t), A),
        (t.T, A.T),
        (t.transpose(1, 0), A.T),
        (t.reshape(4), A.reshape(4)),
        (t.reshape(1, -1), A.reshape(1, -1)),
        (t.reshape((4, 1)), A.reshape((4, 1))),
        (t.sum(0), A.sum(0)),
        (t.mean(axis=1, keepdims=True), A.mean(axis=1, keepdims=True)),
        (t.max(), A.max()),
        (t.min(axis=0), A.min(axis=0)),
        (t.prod(1), A.prod(1)),
        (t.var(0, ddof=1), A.var(0, ddof=1)),
        (t.std(keepdims=True), A.std(keepdims=True)),
        (t.clip(2.0, 3.0), A.clip(2.0, 3.0)),
        (t.ravel(), A.ravel()),
        (t.T.flatten(), A.T.flatten()),
        (t.reshape(1, 2, 1, 2).squeeze(), A),
        (t.reshape(1, 2, 1, 2).squeeze(axis=0), A.reshape(2, 1, 2)),
        (t.astype(np.float32), A.astype(np.float32)),
        (t[0, ::-1], A[0, ::-1]),
    ]:
        assert isinstance(found, Tensor)
        np.testing.assert_array_equal(found.value, expected)
    assert (t.shape, t.ndim, t.size, t.dtype, len(t)) == (A.shape, 2, 4, A.dtype, 2)
    assert repr(Tensor(np.array([1.0, 2.0]))) == "Tensor([1., 2.])"
    assert float(t[0, 1]) == 2.0


def test_a_tensor_is_a_key_by_identity() -> None:
    a, b = Tensor(A), Tensor(A)

    assert {a: "a", b: "b"}[a] == "a"


def test_ops_on_plain_arrays_are_plain_numpy() -> None:
    assert type(ops.tanh(A)) is np.ndarray
    assert type(ops.matmul(A, B)) is np.ndarray


def test_ops_take_plain_numbers_too() -> None:
    assert ops.sum(2.0) == ops.relu(2.0) == ops.logsumexp(2.0) == 2.0
    np.testing.assert_array_equal(ops.broadcast_to(1.0, (2, 2)), np.ones((2, 2)))
    np.testing.assert_array_equal(ops.put(1.0, 0, (2,)), [1.0, 0.0])
