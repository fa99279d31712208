"""Five mutants: an op with a planted mistake each, to find out what a test of derivatives sees.

The op is the soft maximum, log(eᵃ + eᵇ). An input gets its share of the gradient: e^(a - out), between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from hypothesis import HealthCheck, Phase, settings

from minisnip import ops, primitive
from minisnip.autodiff.engine import Array, Op, shape_of, value_of
from minisnip.exercises.settings import fast_or

Test: TypeAlias = Callable[[Op], Any]  # raises if a derivative of the op is wrong

repeatable = settings(  # the same examples in every run, and no clock: a busy machine fails nothing
    phases=(Phase.generate, Phase.shrink),
    max_examples=fast_or(100, fast=40),
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def _soft_maximum(a: Array, b: Array) -> Any:
    return np.log(np.exp(a) + np.exp(b))


def _share(g: Any, out: Any, x: Any) -> Any:
    return ops.sum_to(g * ops.exp(x - out), shape_of(x))


def _averaged(g: Any, out: Any, x: Any) -> Any:
    return _share(g, out, x) * (math.prod(shape_of(x)) / math.prod(shape_of(out)))


def _clipped(g: Any, out: Any, x: Any) -> Any:
    return ops.sum_to(g * ops.exp(ops.maximum(x - out, -2.0)), shape_of(x))


def _by_value(g: Any, out: Any, x: Any) -> Any:
    return ops.sum_to(g * np.exp(value_of(x) - value_of(out)), shape_of(x))


def _forgotten(g: Any, out: Any, x: Any) -> Any:
    return _share(np.ones(shape_of(g)), out, x)


def _swapped(g: Any, out: Any, x: Any, other: Any) -> Any:
    return ops.sum_to(g * ops.exp(other - out), shape_of(x))


def _of_both(share: Callable[[Any, Any, Any], Any]) -> Op:
    return primitive(_soft_maximum, lambda g, out, a, b: share(g, out, a), lambda g, out, a, b: share(g, out, b))


soft_maximum = _of_both(_share)

MUTANTS: dict[str, Op] = {
    "swapped": primitive(
        _soft_maximum, lambda g, out, a, b: _swapped(g, out, a, b), lambda g, out, a, b: _swapped(g, out, b, a)
    ),
    "g forgotten": _of_both(_forgotten),
    "clipped": _of_both(_clipped),
    "averaged": _of_both(_averaged),
    "by value": _of_both(_by_value),
}


def kills(test: Test, op: Op) -> bool:
    """Whether the test refuses the op."""
    try:
        test(op)
    except Exception:
        return True
    return False


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
        For each test the names of the mutants that it kills.
    """
    killed = {name: {mutant for mutant, op in mutants.items() if kills(test, op)} for name, test in tests.items()}
    width = max(map(len, tests))
    rows = [[" " * width, *mutants, "the right op"]]
    for name, test in tests.items():
        words = [("killed" if mutant in killed[name] else "-").ljust(len(mutant)) for mutant in mutants]
        rows.append([name.ljust(width), *words, "REFUSED" if kills(test, right) else "passes"])
    print("\n".join("  ".join(row) for row in rows))
    return killed
