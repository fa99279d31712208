"""Nothing is changed in place: inputs stay as they were, and what is returned is the caller's own."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, grad, hvp, ops
from minisnip.autodiff.engine import Array
from tests.autodiff.budget import examples
from tests.autodiff.op_cases import Case, every_op
from tests.autodiff.runs import run


def in_bytes(structure: Any) -> Any:
    """Every array in the structure as bytes, to compare before and after."""
    if isinstance(structure, dict):
        return {key: in_bytes(value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [in_bytes(value) for value in structure]
    return structure.tobytes() if isinstance(structure, np.ndarray) else structure


@every_op
@examples(10)
@given(data=st.data())
def test_neither_forward_nor_backward_nor_hvp_changes_the_inputs(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)
    before = in_bytes([arrays, metadata])

    run(case.op, arrays, metadata)

    assert in_bytes([arrays, metadata]) == before


@every_op
@examples(10)
@given(data=st.data())
def test_answers_share_no_memory_with_each_other_or_the_inputs(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)

    found = run(case.op, arrays, metadata)

    answers = [*found.gradients, *found.products]
    for i, answer in enumerate(answers):
        assert answer.flags.writeable
        assert not any(np.shares_memory(answer, other) for other in [*answers[:i], *arrays])


@pytest.mark.parametrize(
    "join",
    [
        lambda a, b: a + b,
        lambda a, b: a + b.reshape(3, 2).reshape(2, 3),
        lambda a, b: a.T + b.T,
        lambda a, b: ops.concatenate([a, b]),
        lambda a, b: ops.where(True, a, b) + ops.broadcast_to(b, (2, 3)),
        lambda a, b: a[::-1] + b[::-1],
        lambda a, b: (a + b) * np.full((2, 3), 2.0),  # the shared gradient is a fresh array that can be written to
    ],
    ids=["a + b", "reshape", "transpose", "concatenate", "where", "slices", "(a + b) * k"],
)
def test_changing_a_gradient_in_place_changes_nothing_else(join: Any) -> None:
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones((2, 3)))
    y = join(a, b)
    out = y.sum()
    first: list[Array] = grad(out, [a, b, y, out])
    expected = in_bytes(first)

    for i, gradient in enumerate(first):
        gradient[...] = 7.0
        assert in_bytes(first[i + 1 :]) == expected[i + 1 :]

    assert in_bytes([a.value, b.value]) == in_bytes([np.ones((2, 3))] * 2)
    assert in_bytes(grad(out, [a, b, y, out])) == expected


def test_the_same_input_asked_for_twice_is_answered_twice() -> None:
    x = Tensor(np.ones(3))

    first, second = grad(x.sum(), [x, x])
    first[...] = 7.0

    np.testing.assert_array_equal(second, np.ones(3))


def test_hvp_leaves_the_vectors_alone() -> None:
    x, v = Tensor(np.arange(3.0)), np.ones(3)

    product = hvp((x * x * x).sum(), x, v)
    product[...] = 7.0

    np.testing.assert_array_equal(v, np.ones(3))
