"""check_grads sees wrong derivatives: each bug that others shipped is planted and must be caught."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from minisnip import check_grads, ops, primitive
from minisnip.autodiff.engine import Array, value_of
from minisnip.testing import arrays, nonzero_arrays
from tests.autodiff.budget import examples

RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Mutant:
    """A function with a wrong derivative, and where to look."""

    name: str
    f: Any
    inputs: list[Array]


def square() -> list[Array]:
    return [RNG.standard_normal((3, 3)), RNG.standard_normal((3, 3))]


def swap(x: Any) -> Any:
    return ops.transpose(x, (1, 0))


def assigned(x: Array, index: Any, shape: Any) -> Array:
    out = np.zeros(shape, x.dtype)
    out[index] = x
    return out


twice = primitive(np.tanh, lambda g, out, x: 2.0 * g * (1.0 - out * out))
minus = primitive(np.subtract, lambda g, out, a, b: g, lambda g, out, a, b: g)
unscaled = primitive(np.tanh, lambda g, out, x: 1.0 - out * out)
quarter_turned = primitive(
    np.matmul, lambda g, out, a, b: ops.matmul(g, b), lambda g, out, a, b: ops.matmul(swap(a), g)
)
reordered = primitive(
    np.matmul, lambda g, out, a, b: ops.matmul(g, swap(b)), lambda g, out, a, b: ops.matmul(g, swap(a))
)
flat_transpose = primitive(np.transpose, lambda g, out, x: ops.reshape(g, x.shape))
first_row = primitive(  # adds b to every row of a, but takes its gradient from the first row only
    np.add, lambda g, out, a, b: g, lambda g, out, a, b: ops.reshape(ops.take(g, slice(0, 1)), b.shape)
)
averaged = primitive(np.sum, lambda g, out, x: ops.broadcast_to(g / x.size, x.shape))
last_wins = primitive(lambda x, i: x[i], lambda g, out, x, i: primitive(assigned)(g, i, x.shape))
one_use = primitive(lambda x: x * x, lambda g, out, x: g * x)  # d(x·x) with one of the two contributions dropped
leaky = primitive(lambda x: x * (x.real > 0), lambda g, out, x: g * np.where(value_of(x) > 0, 1.0, 1e-3))

WRONG = [
    Mutant("a factor of two", twice, [RNG.standard_normal(4)]),
    Mutant("a sign", minus, square()),
    Mutant("the cotangent forgotten", unscaled, [RNG.standard_normal(4)]),
    Mutant("a matrix not transposed", quarter_turned, square()),
    Mutant("the factors in the wrong order", reordered, square()),
    Mutant("reshape in place of transpose", flat_transpose, [RNG.standard_normal((3, 3))]),
    Mutant("a broadcast axis not summed", first_row, [RNG.standard_normal((3, 2)), RNG.standard_normal(2)]),
    Mutant("a mean's gradient for a sum", averaged, [RNG.standard_normal((2, 3))]),
    Mutant("= for += at a repeated index", lambda x: last_wins(x, [0, 0, 1]), [RNG.standard_normal(3)]),
    Mutant("a dropped contribution", one_use, [RNG.standard_normal(3)]),
    Mutant("an error of one in a thousand", leaky, [np.array([-1.0, 1.0, -2.0])]),
    Mutant("one wrong op among many", lambda a, b: ops.logsumexp(twice(a) @ b, 1), square()),
]


@pytest.mark.parametrize("mutant", WRONG, ids=[mutant.name for mutant in WRONG])
def test_a_wrong_gradient_is_caught_at_order_one(mutant: Mutant) -> None:
    with pytest.raises(AssertionError, match="derivative of order 1"):
        check_grads(mutant.f, mutant.inputs, order=1)


detached_tanh = primitive(np.tanh, lambda g, out, x: g * (1.0 - value_of(out) ** 2))
detached_exp = primitive(np.exp, lambda g, out, x: g * value_of(out))
detached_cotangent = primitive(np.sin, lambda g, out, x: value_of(g) * primitive(np.cos)(value_of(x)))
doubled_exp = primitive(np.exp, lambda g, out, x: 2.0 * g * out)
wrong_below = primitive(np.exp, lambda g, out, x: g * doubled_exp(x))

DETACHED = [
    Mutant("tanh by its value", detached_tanh, [RNG.standard_normal(3)]),
    Mutant("exp by its value", detached_exp, [RNG.standard_normal(3)]),
    Mutant("everything by value", detached_cotangent, [RNG.standard_normal(3)]),
    Mutant("a wrong op in a right VJP", wrong_below, [RNG.standard_normal(3)]),
    Mutant("by value, under other ops", lambda a, b: ops.exp(detached_tanh(a @ b)), square()),
]


@pytest.mark.parametrize("mutant", DETACHED, ids=[mutant.name for mutant in DETACHED])
def test_a_vjp_that_cannot_be_differentiated_is_right_at_order_one_and_caught_at_order_two(mutant: Mutant) -> None:
    check_grads(mutant.f, mutant.inputs, order=1)

    with pytest.raises(AssertionError, match="derivative of order 2"):
        check_grads(mutant.f, mutant.inputs, order=2)


@examples(25)
@given(nonzero_arrays())
def test_the_true_op_passes_where_its_mutants_fail(x: Array) -> None:
    check_grads(ops.tanh, x)
    with pytest.raises(AssertionError):
        check_grads(twice, x)
    with pytest.raises(AssertionError):
        check_grads(detached_tanh, x)


def test_hypothesis_finds_a_bug_that_only_some_inputs_show() -> None:
    clipped = primitive(lambda x: x * x, lambda g, out, x: g * ops.maximum(2.0 * x, -2.0))  # wrong below -1

    @settings(examples(200), database=None)
    @given(arrays())
    def test_clipped(x: Array) -> None:
        check_grads(clipped, x)

    with pytest.raises(AssertionError, match="grad gives"):
        test_clipped()
