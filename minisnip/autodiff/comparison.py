"""Compare one gradient with differences of its function, along one direction.

A `Point` is a function s of arrays that gives a number, its gradient as it is claimed, and where to compare the two.
Along a direction d the gradient gives ⟨∇s, d⟩. The central difference of s(x + t d) gives the same number without it,
and so does the complex step, where it applies (`differences.py`).

All tolerances are relative, so the units of s and of x change no verdict. A difference is held to what it can know. A
tolerance above 1e-4 of the derivative (1e-2 in float32) decides nothing: the comparison is inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minisnip.autodiff.differences import (
    COMPLEX_STEP,
    EPS,
    LADDER,
    LONG_LADDER,
    STEPS,
    Line,
    central_difference,
    complex_step,
    noise_of,
)
from minisnip.autodiff.engine import Array

PRECISION = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-6}  # a gradient in this dtype is held to it
CONCLUSIVE = {np.dtype(np.float64): 1e-4, np.dtype(np.float32): 1e-2}  # a larger tolerance decides nothing
CLOSE_BY = 0.01  # how far to move, relative to x, to see how large the terms are that cancel at x
COTANGENT, EXACT = "the cotangent", "complex step"


class Comparison(NamedTuple):
    """One derivative along one direction, as computed and from differences."""

    order: int
    input: str
    method: str
    direction: Array
    analytic: float
    numeric: float
    tolerance: float
    limit: float  # a larger tolerance decides nothing
    computed_by: str
    note: str = ""  # why there is no complex step

    @property
    def agrees(self) -> bool:
        """Whether the two numbers agree; NaN and infinity agree with nothing."""
        return bool(np.isfinite(self.analytic) and self.apart <= self.tolerance)

    @property
    def conclusive(self) -> bool:
        """Whether the tolerance is a small part of the derivative, so that agreement means something."""
        return bool(np.isfinite(self.tolerance) and self.tolerance <= self.limit)

    @property
    def apart(self) -> float:
        """The distance between the two numbers."""
        return abs(self.analytic - self.numeric)

    def __repr__(self) -> str:
        direction = f"a random direction of shape {self.direction.shape}"
        if self.direction.size <= 12:
            direction = "the direction " + np.array2string(self.direction, precision=4, separator=", ")
        verdict = f"differ by {self.apart:.3g}, more than the tolerance {self.tolerance:.3g}"
        if self.agrees and self.conclusive:
            verdict = f"agree: they differ by {self.apart:.3g}, and the tolerance is {self.tolerance:.3g}"
        elif self.agrees:
            verdict = f"differ by {self.apart:.3g}, and the tolerance {self.tolerance:.3g} is too large to tell"
            verdict += ": inconclusive"
        return (
            f"derivative of order {self.order} by {self.input} along {direction}: {self.computed_by} "
            f"gives {self.analytic:.12g}, the {self.method} {self.numeric:.12g}; they {verdict}{self.note}"
        )


class Point(NamedTuple):
    """A function of arrays that gives a number, its gradient as it is claimed, and where to compare the two."""

    value: Callable[[list[Array]], Any]
    gradient: Callable[[list[Array]], list[Array]]
    arrays: list[Array]  # float64
    names: list[str]
    dtype: np.dtype[Any]  # in which the gradient is computed
    order: int = 1
    computed_by: str = "grad"

    def moved(self, i: int, direction: Array, t: complex) -> Point:
        """The same functions, with x + t d in place of input i."""
        x = np.asarray(self.arrays[i] + t * direction)
        return self._replace(arrays=[*self.arrays[:i], x, *self.arrays[i + 1 :]])

    def line(self, i: int, direction: Array) -> Line:
        """The function t -> s(x + t d)."""
        return lambda t: self.moved(i, direction, t).here()

    def here(self) -> Any:
        """The value at the arrays."""
        return self.value(self.arrays)

    def slopes(self) -> list[Array]:
        """The gradient at the arrays."""
        return self.gradient(self.arrays)


def settled(comparisons: Sequence[Comparison]) -> bool:
    """All agree, and one decides; or all say that a derivative of a gradient is zero, as far as can be known."""
    zero = all(c.order > 1 and max(abs(c.analytic), abs(c.numeric)) <= c.tolerance for c in comparisons)
    return all(c.agrees for c in comparisons) and (zero or any(c.conclusive for c in comparisons))


def random_direction(x: Array, rng: np.random.Generator) -> Array:
    """Random signs and magnitudes from ½ to 1½, in units of the largest |x|: no element counts for nearly nothing."""
    size = float(np.max(np.abs(x), initial=0.0)) or 1.0
    return np.asarray(rng.choice([-size, size], x.shape) * rng.uniform(0.5, 1.5, x.shape))


def compare(
    point: Point, i: int, direction: Array, gradient: Array, before: Sequence[Comparison] = ()
) -> list[Comparison]:
    """The central difference, and the complex step where it applies.

    Where the complex step has applied along another direction `before`, it is enough if it agrees here.
    """
    exact = _by_complex_step(point, i, direction, gradient)
    if exact.agrees and any(c.method == exact.method for c in before):
        return [exact]
    for steps in [STEPS, LADDER] if np.any(point.arrays[i]) else [STEPS, LADDER, LONG_LADDER]:
        central = _by_difference(point, i, direction, gradient, steps, exact.numeric)
        exact = exact._replace(tolerance=max(exact.tolerance, COMPLEX_STEP * central.limit))  # truncation is O(h²)
        close = _close(central, exact)
        if central.conclusive and central.agrees == (exact.agrees or not close):
            break
    if not central.agrees and not exact.agrees:
        central, exact = (_cancelled(point, i, c) for c in (central, exact))
    if np.isnan(exact.numeric) or (central.conclusive and not close):
        return [central._replace(note=f"; no complex step: {exact.note or 'a part of f is not analytic'}")]
    for roundoff in (_jumps, _last_digits):
        if not exact.agrees:
            wider = exact._replace(tolerance=exact.tolerance + roundoff(point, i, direction))
            exact = wider if wider.agrees else exact
    if not np.isfinite(central.numeric):
        return [exact]
    tolerance = max(central.tolerance + exact.tolerance, 2 * abs(exact.numeric - central.numeric))
    return [central._replace(tolerance=tolerance), exact]


def _close(central: Comparison, exact: Comparison) -> bool:
    """Whether the complex step gives what the difference gives, as far as that can tell: f is analytic."""
    return abs(exact.numeric - central.numeric) <= 3 * central.tolerance


def _by_complex_step(point: Point, i: int, direction: Array, gradient: Array) -> Comparison:
    analytic, size = _along(gradient, direction)
    numeric, reason = complex_step(point.line(i, direction))
    return Comparison(
        order=point.order,
        input=point.names[i],
        method=EXACT,
        direction=direction,
        analytic=analytic,
        numeric=numeric,
        tolerance=PRECISION[point.dtype] * size,
        limit=CONCLUSIVE[point.dtype] * max(size, abs(numeric)),
        computed_by=point.computed_by,
        note=reason,
    )


def _by_difference(
    point: Point, i: int, direction: Array, gradient: Array, steps: Sequence[float], exact: float
) -> Comparison:
    analytic, size = _along(gradient, direction)
    rounded = size if np.any(point.arrays[i]) else 0.0  # x + h d is rounded, but not at x = 0
    slope = central_difference(point.line(i, direction), steps, rounded)
    seen = 0.0 < abs(exact) <= slope.error  # by the complex step alone
    unknown = analytic == slope.value == slope.scale == 0.0 and not seen  # neither f nor its gradient knows of x
    return Comparison(
        order=point.order,
        input=point.names[i],
        method="central difference",
        direction=direction,
        analytic=analytic,
        numeric=slope.value,
        tolerance=0.0 if unknown else slope.error + PRECISION[point.dtype] * size,
        limit=CONCLUSIVE[point.dtype] * max(size, slope.scale),
        computed_by=point.computed_by,
    )


def _along(gradient: Array, direction: Array) -> tuple[float, float]:
    """The sum of g_j d_j, and the sum of |g_j d_j| where that is finite."""
    products = gradient * direction
    return float(np.sum(products)), float(np.sum(np.abs(products), where=np.isfinite(products)))


def _jumps(point: Point, i: int, direction: Array) -> float:
    """How irregular the error of the gradient is at close neighbors of x, but no more than the noise of f explains.

    A wrong gradient has an error that is smooth in x. That of a right one is round-off, and jumps. Each element of x
    moves in proportion to itself, so that nothing is smooth at one scale and jumps at another.
    """
    rng, errors = np.random.default_rng(0), []
    moves = [random_direction(np.ones_like(x), rng) * (x if np.any(x) else 1.0) for x in point.arrays]
    for t in (0.0, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5):
        near = point._replace(arrays=[np.asarray(x + t * move) for x, move in zip(point.arrays, moves, strict=True)])
        errors.append(_along(near.slopes()[i], direction)[0] - complex_step(near.line(i, direction))[0])
    noise = max(noise_of(point.line(j, move)) for j, move in enumerate(moves))
    explained = 1000 * noise * float(np.finfo(point.dtype).eps) / EPS
    return min(3 * float(np.ptp(errors)), explained) if np.all(np.isfinite(errors)) else 0.0


def _cancelled(point: Point, i: int, c: Comparison) -> Comparison:
    """The comparison, if what is apart is the round-off of a gradient whose terms cancel here: it is large close by."""
    rng = np.random.default_rng(0)
    moved = [np.asarray(x + CLOSE_BY * random_direction(x, rng)) for x in point.arrays]
    _, size = _along(point._replace(arrays=moved).slopes()[i], c.direction)
    wider = c._replace(
        tolerance=c.tolerance + 5 * float(np.finfo(point.dtype).eps) * size / CLOSE_BY,
        limit=max(c.limit, CONCLUSIVE[point.dtype] * size / CLOSE_BY),
    )
    return wider if wider.agrees else c


def _last_digits(point: Point, i: int, direction: Array) -> float:
    """The last digits of the value in float64, 1e-14 of it: round-off in a gradient that is nearly zero."""
    return 50 * EPS * float(abs(point.here()))
