"""Lesson 2: undo a broadcast, choose a step, differentiate an op of one's own, and prove it with a property test.

That test is tried on five mutants: ops with a planted mistake each. They are of the soft maximum, log(eᵃ + eᵇ), whose
inputs get the shares e^(a - out) and e^(b - out) of the gradient, each between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from hypothesis import HealthCheck, Phase, settings

from minisnip import check_grads, ops, primitive
from minisnip.autodiff.engine import Array, Op, shape_of, value_of
from minisnip.exercises import fast_or
from minisnip.exercises.checks import GRADIENTS, Trial, exercise, format_value, slopes

Shape: TypeAlias = tuple[int, ...]
Test: TypeAlias = Callable[[Op], Any]  # raises if a derivative of the op is wrong

STRETCHES: tuple[tuple[Shape, Shape], ...] = (  # from, to; the smallest first
    ((), ()),
    ((2,), (2,)),
    ((), (2,)),
    ((1,), (2,)),
    ((2,), (3, 2)),
    ((2, 1), (2, 3)),
    ((1, 2), (3, 2)),
    ((2,), (2, 2)),
    ((1,), (2, 3)),
    ((2, 1, 2), (2, 2, 3, 2)),
)


def count_up(shape: Shape) -> Array:
    """1, 2, 3 and so on, in that shape."""
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape)


@exercise(
    "2.1",
    "undo a broadcast",
    "which entries of g belong to one and the same entry of the array that was stretched?",
    "sum over the axes that were added in front, and over those of size 1 that were stretched; keep the shape",
    "first sum g over its first g.ndim - len(shape) axes, then over each axis of size 1 in shape, with keepdims=True",
    own=("minisnip.ops.sum_to",),
)
def unbroadcast(answer: Any) -> Iterator[Trial]:
    """The answer is a function (g, shape) that returns g, summed to that shape."""
    for shape, stretched in STRETCHES:
        g = count_up(stretched)
        size = math.prod(shape)
        basis = np.eye(size).reshape(size, *shape)
        expected = [float(np.sum(np.broadcast_to(e, stretched) * g)) for e in basis]  # for one unit of each entry
        given = f"g of shape {stretched}: {format_value(g)}\nshape = {shape}"
        kinds = {"added axes": len(shape) < len(stretched), "axes of size 1": 1 in shape}
        kind = " and ".join(name for name, found in kinds.items() if found) or "shapes as they are"
        yield Trial(given, partial(answer, g.copy(), shape), np.array(expected).reshape(shape), kind=kind)


MARKED_STEP = {"6e-6,\nas in round 3": 6e-6}  # in the figure of round 2, whose code asks for it
CURVES = {"exp": np.exp, "sin": np.sin, "tanh": np.tanh}
CLOSE = "an error of at most ten times the smallest possible"


@exercise(
    "2.2",
    "the step of a central difference",
    "a difference has two errors: which one grows when h shrinks?",
    "truncation costs about h², round-off about eps / h: their sum is smallest where the two are of similar size",
    "set h² = eps / h, and solve for h",
)
def step(answer: Any) -> Iterator[Trial]:
    """The answer is a function of eps, the relative precision of a dtype, that returns the step h."""
    for name, f in CURVES.items():
        for dtype in (np.float64, np.float32, np.float16):
            eps = float(np.finfo(dtype).eps)
            given = f"eps = {eps:.2g}, that of {np.dtype(dtype)}; the slope of {name}"
            yield Trial(given, partial(_judge_step, answer, f, dtype, eps), CLOSE, kind=np.dtype(dtype).name)


def _judge_step(answer: Any, f: Any, dtype: Any, eps: float) -> str:
    steps = np.geomspace(eps / 10, 1, 100)
    errors = [central_error(f, dtype, h) for h in steps]
    h, best = float(answer(eps)), int(np.argmin(errors))
    if not h > 0:
        return f"h = {h:.2g}, where a step is above 0"
    if (error := central_error(f, dtype, h)) <= 10 * errors[best]:
        return CLOSE
    way = "larger" if h < steps[best] else "smaller"
    return f"h = {h:.1e} and an error of {error:.1e}, where a {way} step has {errors[best]:.1e}"


def central_error(f: Any, dtype: Any, h: float) -> float:
    """Root mean square error, over [0.5, 1.5], of the central difference computed in this dtype."""
    x = np.linspace(0.5, 1.5, 41)
    lower, upper = (f((x + s * h).astype(dtype)).astype(float) for s in (-1, 1))
    return float(np.sqrt(np.mean(((upper - lower) / (2 * h) - np.imag(f(x + 1e-20j)) / 1e-20) ** 2)))


def _soft_maximum(a: Array, b: Array) -> Any:
    return np.log(np.exp(a) + np.exp(b))


def _share(g: Any, out: Any, x: Any) -> Any:
    return ops.sum_to(g * ops.exp(x - out), shape_of(x))


def _share_averaged(g: Any, out: Any, x: Any) -> Any:
    return _share(g, out, x) * (math.prod(shape_of(x)) / math.prod(shape_of(out)))


def _share_clipped(g: Any, out: Any, x: Any) -> Any:
    return ops.sum_to(g * ops.exp(ops.maximum(x - out, -2.0)), shape_of(x))


def _share_by_value(g: Any, out: Any, x: Any) -> Any:
    return ops.sum_to(g * np.exp(value_of(x) - value_of(out)), shape_of(x))


def _share_without_g(g: Any, out: Any, x: Any) -> Any:
    return _share(np.ones(shape_of(g)), out, x)


def _share_swapped(g: Any, out: Any, x: Any, other: Any) -> Any:
    return ops.sum_to(g * ops.exp(other - out), shape_of(x))


def _with_share(share: Callable[[Any, Any, Any], Any]) -> Op:
    return primitive(_soft_maximum, lambda g, out, a, b: share(g, out, a), lambda g, out, a, b: share(g, out, b))


soft_maximum = _with_share(_share)

MUTANTS: dict[str, Op] = {
    "swapped": primitive(_soft_maximum, _share_swapped, lambda g, out, a, b: _share_swapped(g, out, b, a)),
    "g forgotten": _with_share(_share_without_g),
    "clipped": _with_share(_share_clipped),
    "averaged": _with_share(_share_averaged),
    "by value": _with_share(_share_by_value),
}

PAIRS: tuple[tuple[Shape, Shape], ...] = (((), ()), ((2,), (2,)), ((), (2,)), ((2,), (1,)), ((2,), (3, 2)))
CORRECT = "agrees with differences"
TWICE = "write it with the ops of minisnip.ops, which can be differentiated again, not with those of NumPy"


@exercise(
    "2.3",
    "the VJPs of the soft maximum",
    "what is ∂out/∂a, written with a and out?",
    "an input's share of g is exp(input - out); where the input was stretched, sum_to its shape",
    "for a: ops.sum_to(g * ops.exp(a - out), a.shape); the same for b",
    own=(*GRADIENTS, "minisnip.exercises.lesson_2._share"),
)
def own_op(answer: Any) -> Iterator[Trial]:
    """The answer is a function (g, out, a, b) that returns the gradients by a and by b."""
    for a_shape, b_shape in PAIRS:
        a, b = count_up(a_shape) / 2, 1 - count_up(b_shape)
        out = soft_maximum(a, b)
        g = 2 * count_up(np.shape(out))
        expected = (slopes(partial(soft_maximum, b), a, g), slopes(partial(soft_maximum, a), b, g))  # it is symmetric
        given = f"a = {format_value(a)}, b = {format_value(b)}, g = {format_value(g)}"
        kind = "inputs of one shape" if a_shape == b_shape else "stretched inputs"
        yield Trial(given, partial(answer, g, out, a, b), expected, kind=kind)
    given = "differentiated once more, at a = 1, b = 0"
    yield Trial(given, partial(_differentiate_twice, answer), CORRECT, TWICE, "second derivatives")


def _differentiate_twice(answer: Any) -> str:
    op = primitive(soft_maximum, lambda g, out, a, b: answer(g, out, a, b)[0], lambda *args: answer(*args)[1])
    check_grads(op, [np.array(1.0), np.array(0.0)], order=2)
    return CORRECT


MISSED = {
    "swapped": "its shares are exchanged: ask for the gradients by both inputs, where the two differ",
    "g forgotten": "it is right if the cotangent is 1: check_grads draws one at random",
    "clipped": "it is wrong where a and b are far apart: let Hypothesis look for such numbers",
    "averaged": "it is wrong where an input is stretched: draw shapes that differ and broadcast",
    "by value": "its first derivative is right, its second is not: check_grads takes an order",
}


@exercise(
    "2.4",
    "a test that kills five mutants",
    "for which shapes, numbers and cotangents is this mutant right by chance?",
    "let Hypothesis draw the shapes and the numbers, and check_grads the cotangent",
    "inside, decorate a function of a pair with repeatable and with given(pairs of arrays whose shapes broadcast); "
    "it calls check_grads(op, pair). Then call that function",
    idle="never calls the op: call the function that you define inside",
)
def property_test(answer: Any) -> Iterator[Trial]:
    """The answer is a test: a function of an op that raises if a derivative is wrong."""
    hint = "a test must let the right op pass"
    yield Trial("the right op", partial(_run_on_right, answer), "passes", hint, "the right op")
    for name, mutant in MUTANTS.items():
        yield Trial(f"the mutant {name!r}", partial(_run_on_mutant, answer, mutant), "killed", MISSED[name], "mutants")


def _run(test: Test, op: Op) -> str:
    return "a function: call it, or nothing is tested" if callable(test(op)) else "passes"


def _run_on_right(test: Test) -> str:
    calls: list[Any] = []

    def op(*pair: Any) -> Any:
        calls.append(pair)
        return soft_maximum(*pair)

    said = _run(test, op)
    return said if calls or said != "passes" else "the op is never called: nothing is tested"


def _run_on_mutant(test: Test, op: Op) -> str:
    try:
        return _run(test, op).replace("passes", "survives")
    except Exception:
        return "killed"


repeatable = settings(  # the same examples in every run, and no time limit: a busy machine makes no test fail
    phases=(Phase.generate, Phase.shrink),
    max_examples=fast_or(100, fast=40),
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def kill_table(
    tests: Mapping[str, Test], mutants: Mapping[str, Op] = MUTANTS, right: Op = soft_maximum
) -> dict[str, set[str]]:
    """Print which test kills which mutant, and whether it lets the right op pass.

    Parameters
    ----------
    tests : dict of functions of an op
    mutants : dict of ops
    right : op
        What the mutants should be.

    Returns
    -------
    dict
        The names of the mutants that each test kills.
    """
    killed = {name: {mutant for mutant, op in mutants.items() if kills(test, op)} for name, test in tests.items()}
    width = max(map(len, tests))
    rows = [[" " * width, *mutants, "the right op"]]
    for name, test in tests.items():
        words = [("killed" if mutant in killed[name] else "-").ljust(len(mutant)) for mutant in mutants]
        rows.append([name.ljust(width), *words, "REFUSED" if kills(test, right) else "passes"])
    print("\n".join("  ".join(row) for row in rows))
    return killed


def kills(test: Test, op: Op) -> bool:
    """Whether the test refuses the op."""
    try:
        test(op)
    except Exception:
        return True
    return False
