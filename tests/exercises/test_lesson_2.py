"""Lesson 2's checks catch the answers that students give; each mutant survives the test that it was made for."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from minisnip import Tensor, check_grads, grad, ops
from minisnip.autodiff.engine import Array, Op
from minisnip.exercises import lesson_2
from minisnip.exercises.lesson_2 import (
    MUTANTS,
    central_error,
    kill_table,
    kills,
    own_op,
    property_test,
    repeatable,
    soft_maximum,
    step,
    unbroadcast,
)
from minisnip.testing import arrays, broadcastable_shapes
from tests.exercises.wrong import assert_caught

A, B = np.array([0.5, 1.0]), np.array([-0.5, 0.25])


def only_added(g: Array, shape: tuple[int, ...]) -> Any:
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def only_stretched(g: Array, shape: tuple[int, ...]) -> Any:
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 and g.ndim == len(shape)), keepdims=True)


def by_size(g: Array, shape: tuple[int, ...]) -> Any:
    """Sums over the first axes whose size is not in the shape."""
    return g.sum(axis=tuple(i for i, n in enumerate(g.shape) if n not in shape)).reshape(shape)


def without_shape(g: Array, shape: tuple[int, ...]) -> Any:
    added = g.ndim - len(shape)
    return g.sum(axis=(*range(added), *(added + i for i, n in enumerate(shape) if n == 1)))


def first_row(g: Array, shape: tuple[int, ...]) -> Any:
    return g.reshape(-1)[: int(np.prod(shape))].reshape(shape)


def averaged(g: Array, shape: tuple[int, ...]) -> Any:
    return ops.sum_to(g, shape) * (np.prod(shape) / g.size)


def one_sided(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g * ops.exp(a - out), g * ops.exp(b - out)


def by_value(g: Any, out: Any, a: Any, b: Any) -> Any:
    def value(x: Any) -> Any:
        return x.value if isinstance(x, Tensor) else x

    return tuple(ops.sum_to(g * np.exp(value(x) - value(out)), np.shape(value(x))) for x in (a, b))


def exchanged(g: Any, out: Any, a: Any, b: Any) -> Any:
    return ops.sum_to(g * ops.exp(b - out), a.shape), ops.sum_to(g * ops.exp(a - out), b.shape)


def without_g(g: Any, out: Any, a: Any, b: Any) -> Any:
    return one_sided(np.ones(np.shape(g)), out, a, b)


def of_one_example(op: Op) -> None:
    check_grads(op, [A, B], order=1)


def by_hand(op: Op) -> None:
    x = Tensor(A)
    slope = (op(A + 6e-6, B) - op(A - 6e-6, B)) / 12e-6
    np.testing.assert_allclose(grad(op(x, B).sum(), x), slope, rtol=1e-6)


def property_of(pairs: Any, order: int) -> Any:
    def test(op: Op) -> None:
        @repeatable
        @given(pairs)
        def holds(pair: Any) -> None:
            check_grads(op, pair, order)

        holds()

    return test


ONE_SHAPE = st.tuples(arrays((2,)), arrays((2,)))
ANY_SHAPES = broadcastable_shapes().flatmap(lambda shapes: st.tuples(*map(arrays, shapes)))

WRONG = {
    "added axes only": (unbroadcast, only_added, "shape = (1,)", "Axes of size 1 that were repeated are not summed."),
    "stretched axes only": (unbroadcast, only_stretched, "shape = ()", "Axes that were added in front are not summed."),
    "the axes by their sizes": (
        unbroadcast,
        by_size,
        "shape = (2,)",
        "Axes are told by their sizes: with (2,) stretched to (2, 2), the sizes say nothing.",
    ),
    "the shape lost": (
        unbroadcast,
        without_shape,
        "keep the shape",
        "The right sums without `keepdims`: the axes of size 1 are gone.",
    ),
    "the first row": (
        unbroadcast,
        first_row,
        "sum over the axes",
        "One copy of the gradient is taken. All copies count: sum them.",
    ),
    "the mean": (
        unbroadcast,
        averaged,
        "sum over the axes",
        "The mean in place of the sum: each copy adds its full share.",
    ),
    "nothing done": (unbroadcast, lambda g, shape: g, "g of shape (2,)", "g comes back in the stretched shape."),
    "the step of a one-sided difference": (
        step,
        lambda eps: eps**0.5,
        "where a larger step has",
        "√ε is best for a one-sided difference. A central one has a smaller truncation error and takes a larger step.",
    ),
    "as small as can be": (
        step,
        lambda eps: eps,
        "where a larger step has",
        "With h = ε the round-off is as large as the slope.",
    ),
    "one step for all": (step, lambda eps: 6e-6, "float32", "A step for float64, used in every precision."),
    "much too large": (step, lambda eps: 0.5, "where a smaller step has", "Truncation, about h², dominates."),
    "the complex step's": (
        step,
        lambda eps: 1e-20,
        "round-off about eps / h",
        "1e-20 needs complex numbers: a difference of real ones is lost in round-off.",
    ),
    "no step": (step, lambda eps: 0.0, "above 0", "A step of 0 divides 0 by 0."),
    "not summed back": (
        own_op,
        one_sided,
        "sum_to its shape",
        "Right for equal shapes; a stretched input needs a sum to its own shape.",
    ),
    "g forgotten": (own_op, without_g, "share of g", "The shares alone, not multiplied by g."),
    "exchanged": (own_op, exchanged, "exp(input - out)", "a has b's share and b has a's."),
    "computed by value": (
        own_op,
        by_value,
        "the ops of minisnip.ops",
        "Right once; but computed with plain arrays, it is a constant for the second derivative.",
    ),
    "NumPy's exp": (
        own_op,
        lambda g, out, a, b: tuple(ops.sum_to(g * np.exp(x - out), x.shape) for x in (a, b)),
        "ops",
        "NumPy's exp of a Tensor cannot be differentiated again: use the op.",
    ),
    "tests nothing": (
        property_test,
        lambda op: 1,
        "the op is never called",
        "Returns without calling the op, and lets every mutant live.",
    ),
    "never called": (
        property_test,
        lambda op: of_one_example,
        "call it",
        "A test is defined inside and returned, but nobody calls it.",
    ),
    "refuses everything": (
        property_test,
        lambda op: check_grads(op, 1.0),
        "must let the right op pass",
        "Fails for a reason of its own, also with the right op.",
    ),
    "by hand": (
        property_test,
        by_hand,
        "draws one at random",
        "Compares with differences of the sum, so the cotangent is 1, where a forgotten g cannot be seen.",
    ),
    "one example": (
        property_test,
        of_one_example,
        "far apart",
        "One pair of numbers near each other. The clipped mutant is wrong far away only.",
    ),
    "one shape": (
        property_test,
        property_of(ONE_SHAPE, 2),
        "shapes that differ",
        "Equal shapes are never stretched, so an average is as good as a sum.",
    ),
    "order 1": (
        property_test,
        property_of(ANY_SHAPES, 1),
        "takes an order",
        "Only first derivatives: a VJP computed by value passes.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_the_soft_maximum_is_right_and_no_mutant_is() -> None:
    pair = [np.array([[0.0], [1.9]]), np.array([-1.9, 0.25])]
    check_grads(soft_maximum, pair)
    assert all(kills(lambda op: check_grads(op, pair), mutant) for mutant in MUTANTS.values())


def test_the_mutants_compute_the_right_values() -> None:
    assert len(MUTANTS) == 5
    for mutant in MUTANTS.values():
        np.testing.assert_allclose(mutant(A, B), np.logaddexp(A, B))


def test_the_table_says_who_killed_whom_and_whether_the_right_op_passes(capsys: pytest.CaptureFixture[str]) -> None:
    tests = {"by hand": by_hand, "one example": of_one_example, "refuses all": lambda op: check_grads(op, 1.0)}
    killed = kill_table(tests)
    assert killed == {
        "by hand": {"swapped"},
        "one example": {"swapped", "g forgotten"},
        "refuses all": set(MUTANTS),
    }
    assert capsys.readouterr().out.splitlines() == [
        "             swapped  g forgotten  clipped  averaged  by value  the right op",
        "by hand      killed   -            -        -         -         passes",
        "one example  killed   killed       -        -         -         passes",
        "refuses all  killed   killed       killed   killed    killed    REFUSED",
    ]


def test_each_mutant_has_the_one_mistake_of_its_name() -> None:
    a, b, g = np.array([0.0, 3.0]), np.array([[1.0], [-2.0], [5.0]]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    share = 1 / (1 + np.exp(b - a))  # of a
    wrong = {
        "swapped": g * (1 - share),
        "g forgotten": share,
        "clipped": g * np.maximum(share, np.exp(-2)),
        "averaged": g * share / 3,
        "by value": g * share,
    }
    x = Tensor(a)
    for name, mutant in MUTANTS.items():
        np.testing.assert_allclose(grad((g * mutant(x, b)).sum(), x), wrong[name].sum(axis=0))


def test_the_examples_are_the_same_in_every_run_and_fewer_in_a_fast_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINISNIP_FAST", "1")
    fast = runpy.run_path(lesson_2.__file__)["repeatable"]
    assert (repeatable.max_examples, fast.max_examples) == (100, 40)
    assert repeatable.derandomize
    assert repeatable.deadline is None
    assert Phase.shrink in repeatable.phases
    assert HealthCheck.too_slow in repeatable.suppress_health_check


def test_the_error_of_a_difference_is_its_root_mean_square_over_the_curve() -> None:
    """The difference of x⁴ is off by 4 x h², and the mean of x² over the 41 points is 1 + 42 / 480."""
    np.testing.assert_allclose(central_error(lambda x: x**4, np.float64, 0.5), (1 + 42 / 480) ** 0.5, rtol=1e-9)


def test_a_test_that_forgets_to_call_its_property_is_told() -> None:
    def forgotten(op: Op) -> None:
        @repeatable
        @given(ANY_SHAPES)
        def holds(pair: Any) -> None:
            check_grads(op, pair)

    assert "call the function that you define inside" in property_test.verdict(forgotten)
