"""Lesson 2: undo a broadcast, choose a step, differentiate an op of one's own and prove it with a property test."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from minisnip import check_grads, primitive
from minisnip.autodiff.engine import Array, Op
from minisnip.exercises.differences import slopes
from minisnip.exercises.exercise import Exercise, Trial, shown
from minisnip.exercises.mutants import MUTANTS, kill_table, repeatable, soft_maximum

__all__ = ["MUTANTS", "kill_table", "own_op", "property_test", "repeatable", "soft_maximum", "step", "unbroadcast"]

Shape = tuple[int, ...]

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


def counted(shape: Shape) -> Array:
    """1, 2, 3 and so on."""
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape)


def _unbroadcast(answer: Any) -> Iterator[Trial]:
    for shape, stretched in STRETCHES:
        g = counted(stretched)
        basis = np.eye(int(np.prod(shape))).reshape(-1, *shape)
        worth = [float(np.sum(np.broadcast_to(e, stretched) * g)) for e in basis]  # of one unit of each entry
        given = f"g of shape {stretched}: {shown(g)}\nshape = {shape}"
        yield Trial(given, partial(answer, g.copy(), shape), np.array(worth).reshape(shape))


CURVES = {"exp": np.exp, "sin": np.sin, "tanh": np.tanh}
CLOSE = "an error at most ten times the least possible"


def central_error(f: Any, dtype: Any, h: float) -> float:
    """Root mean square, over [0.5, 1.5], of the error of the central difference computed in this dtype."""
    x = np.linspace(0.5, 1.5, 41)
    lower, upper = (f((x + s * h).astype(dtype)).astype(float) for s in (-1, 1))
    return float(np.sqrt(np.mean(((upper - lower) / (2 * h) - np.imag(f(x + 1e-20j)) / 1e-20) ** 2)))


def _step(answer: Any) -> Iterator[Trial]:
    for name, f in CURVES.items():
        for dtype in (np.float64, np.float32, np.float16):
            eps = float(np.finfo(dtype).eps)
            given = f"eps = {eps:.2g}, that of {np.dtype(dtype)}; the slope of {name}"
            yield Trial(given, partial(_judged_step, answer, f, dtype, eps), CLOSE)


def _judged_step(answer: Any, f: Any, dtype: Any, eps: float) -> str:
    steps = np.geomspace(eps / 10, 1, 100)
    errors = [central_error(f, dtype, h) for h in steps]
    h, best = float(answer(eps)), int(np.argmin(errors))
    if not h > 0:
        return f"h = {h:.2g}, where a step is above 0"
    if (error := central_error(f, dtype, h)) <= 10 * errors[best]:
        return CLOSE
    way = "larger" if h < steps[best] else "smaller"
    return f"h = {h:.1e} and an error of {error:.1e}, where a {way} step has {errors[best]:.1e}"


PAIRS: tuple[tuple[Shape, Shape], ...] = (((), ()), ((2,), (2,)), ((), (2,)), ((2,), (1,)), ((2,), (3, 2)))


def _own_op(answer: Any) -> Iterator[Trial]:
    for a_shape, b_shape in PAIRS:
        a, b = counted(a_shape) / 2, 1 - counted(b_shape)
        out = soft_maximum(a, b)
        g = 2 * counted(np.shape(out))
        expected = (slopes(partial(soft_maximum, b), a, g), slopes(partial(soft_maximum, a), b, g))  # it is symmetric
        given = f"a = {shown(a)}, b = {shown(b)}, g = {shown(g)}"
        yield Trial(given, partial(answer, g, out, a, b), expected)
    yield Trial("once more differentiated, at a = 1, b = 0", partial(_twice, answer), "agrees with differences", TWICE)


TWICE = "write it with the ops of minisnip.ops, which can be differentiated again, not with those of NumPy"


def _twice(answer: Any) -> str:
    op = primitive(soft_maximum, lambda g, out, a, b: answer(g, out, a, b)[0], lambda *args: answer(*args)[1])
    check_grads(op, [np.array(1.0), np.array(0.0)], order=2)
    return "agrees with differences"


MISSED = {
    "swapped": "its shares are exchanged: ask for the gradients by both inputs, where the two differ",
    "g forgotten": "it is right if the cotangent is 1: check_grads draws one at random",
    "clipped": "it is wrong where a and b are far apart: let Hypothesis look for such numbers",
    "averaged": "it is wrong where an input is stretched: draw shapes that differ and broadcast",
    "by value": "its first derivative is right, its second is not: check_grads takes an order",
}


def _property_test(answer: Any) -> Iterator[Trial]:
    """The answer is a test: a function of an op that raises if a derivative is wrong."""
    yield Trial("the right op", partial(_run, answer, soft_maximum), "passes", "a test must let the right op pass")
    for name, mutant in MUTANTS.items():
        yield Trial(f"the mutant {name!r}", partial(_killed, answer, mutant), "killed", MISSED[name])


def _run(test: Any, op: Op) -> str:
    return "a function: call it, or nothing is tested" if callable(test(op)) else "passes"


def _killed(test: Any, op: Op) -> str:
    try:
        return _run(test, op).replace("passes", "survives")
    except Exception:
        return "killed"


unbroadcast = Exercise(
    "2.1",
    "undo a broadcast",
    _unbroadcast,
    "sum over the axes that were added in front, and over those of size 1 that were stretched; keep the shape",
)
step = Exercise(
    "2.2",
    "the step of a central difference",
    _step,
    "truncation costs about h², round-off about eps / h: the sum is least where the two are of a size",
)
own_op = Exercise(
    "2.3",
    "the VJPs of the soft maximum",
    _own_op,
    "an input's share of g is exp(input - out); where the input was stretched, sum_to its shape",
)
property_test = Exercise("2.4", "a test that kills five mutants", _property_test, "")
