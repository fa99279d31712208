"""Compare one gradient with differences of its function; say what a disagreement suggests.

A `Point` is a function s of arrays that gives a number, its gradient as it is claimed, and where to compare the two.
Along a direction d the gradient gives ⟨∇s, d⟩. The central difference of s(x + t d) gives the same number without it,
and so does the complex step, where it applies (`differences.py`).

All tolerances are relative, so the units of s and of x change no verdict. A difference is held to what it can know. A
tolerance above 1e-4 of the derivative decides nothing: the comparison is inconclusive.
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
    TINY_STEPS,
    Line,
    central_difference,
    complex_step,
    noise_of,
)
from minisnip.autodiff.engine import Array

PRECISION = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-6}  # a gradient in this dtype is held to it
CONCLUSIVE = {np.dtype(np.float64): 1e-4, np.dtype(np.float32): 1e-2}  # a larger tolerance decides nothing
DIRECTIONS = 3
LARGEST = 1e290  # beyond it, and below its inverse, differences overflow or lose digits
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


class CheckError(Exception):
    """Comparisons that do not agree, or do not decide; or a sentence on the function itself.

    `wrong` says that the gradient is to blame; comparisons say it by themselves. `found` is what was found, `advice`
    what it suggests.
    """

    def __init__(
        self,
        point: Point,
        sentence: str = "",
        comparisons: Sequence[Comparison] = (),
        i: int = 0,
        wrong: bool = False,
    ) -> None:
        first = sorted(comparisons, key=lambda c: c.agrees)[:1]  # what disagrees comes first
        trouble = _trouble(point, i, first[0]) if first else ""
        self.point, self.wrong = point, wrong or (bool(first) and not trouble and not first[0].agrees)
        advice = trouble or (_suspicion(point, i, first[0]) if self.wrong and first else UNDECIDED)
        self.found, self.advice = (f"{first[0]}. ", advice) if first else ("", sentence)
        super().__init__(self.found + self.advice)


def check_point(point: Point, rng: np.random.Generator, count: int | None = None) -> list[Comparison]:
    """The comparisons by each of the first `count` inputs, one for each method; CheckError at the first failure."""
    _check_repeatable(point)
    report, gradients = [], point.slopes()
    for i, x in enumerate(point.arrays[:count]):
        found: list[Comparison] = []
        for _ in range(DIRECTIONS):
            direction = random_direction(x, rng)
            found += _decided(point, i, direction, gradients[i], found)
        for method in dict.fromkeys(c.method for c in found):
            same = [c for c in found if c.method == method]
            report.append(max(same, key=lambda c: c.apart / c.tolerance if c.tolerance else 0.0))
    return report


def _decided(
    point: Point, i: int, direction: Array, gradient: Array, before: Sequence[Comparison] = ()
) -> list[Comparison]:
    """The comparisons along a direction, or along its parts; CheckError if they do not agree, or decide nothing.

    No step suits elements of all sizes: at x = [1e-12, 1], sqrt(x + h) needs h far below 1e-12 for the first.
    """
    comparisons = compare(point, i, direction, gradient, before)
    kink = comparisons[0].method != EXACT and not comparisons[0].conclusive and _bends(point, i, direction)
    if _settled(comparisons) and not kink:
        return comparisons
    parts = _parts(point.arrays[i], direction)
    try:
        if len(parts) > 1:
            return [c for part in parts for c in _decided(point, i, part, gradient)]
    except CheckError:
        if np.isnan(comparisons[0].numeric):
            raise
    raise CheckError(point, comparisons=comparisons, i=i)


def _parts(x: Array, direction: Array) -> list[Array]:
    """The direction for the elements of x of each size, in units of this size: from 1 to 1e-3 of the largest, ..."""
    largest = np.max(np.abs(x), initial=0.0)
    smaller = np.divide(largest, np.abs(x), out=np.ones_like(x), where=x != 0.0)  # zeros count as the largest
    power = np.floor(np.log10(smaller) / 3)
    return [
        np.where(power == p, direction / smaller[power == p].min(), 0.0) for p in np.unique(power[direction != 0.0])
    ]


def _check_repeatable(point: Point) -> None:
    value, again = point.here(), point.here()
    if not np.isfinite(value):
        raise CheckError(point, f"f is not finite here: it gives {value}.")
    if abs(value - again) > 1e-9 * abs(value):
        sentence = f"f gives {value:.12g}, and another value at the second call: f is random ({again:.12g})."
        raise CheckError(point, sentence)
    for name, g, other in zip(point.names, point.slopes(), point.slopes(), strict=True):
        if not np.allclose(g, other, rtol=1e-9, atol=0.0, equal_nan=True):
            raise CheckError(point, f"The gradient by {name} is another at the second call: it is random.")


def _bends(point: Point, i: int, direction: Array) -> bool:
    """Whether f has a kink at x itself, not only close to it."""
    return central_difference(point.line(i, direction), TINY_STEPS).bends


def random_direction(x: Array, rng: np.random.Generator) -> Array:
    """Random signs and magnitudes from ½ to 1½, in units of the largest |x|: no element counts for nearly nothing."""
    size = float(np.max(np.abs(x), initial=0.0)) or 1.0
    return np.asarray(rng.choice([-size, size], x.shape) * rng.uniform(0.5, 1.5, x.shape))


def _settled(comparisons: Sequence[Comparison]) -> bool:
    """All agree, and one decides; or all say that a derivative of a gradient is zero, as far as can be known."""
    zero = all(c.order > 1 and max(abs(c.analytic), abs(c.numeric)) <= c.tolerance for c in comparisons)
    return all(c.agrees for c in comparisons) and (zero or any(c.conclusive for c in comparisons))


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
        central = _by_difference(point, i, direction, gradient, steps)
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


def _by_difference(point: Point, i: int, direction: Array, gradient: Array, steps: Sequence[float]) -> Comparison:
    analytic, size = _along(gradient, direction)
    rounded = size if np.any(point.arrays[i]) else 0.0  # x + h d is rounded, but not at x = 0
    slope = central_difference(point.line(i, direction), steps, rounded)
    unknown = analytic == slope.value == slope.scale == 0.0  # neither f nor its gradient knows of x
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
    moved = [np.asarray(x + 0.1 * random_direction(x, rng)) for x in point.arrays]
    with np.errstate(all="ignore"):
        _, size = _along(point._replace(arrays=moved).slopes()[i], c.direction)
    wider = c._replace(
        tolerance=c.tolerance + 50 * float(np.finfo(point.dtype).eps) * size,
        limit=max(c.limit, CONCLUSIVE[point.dtype] * size),
    )
    return wider if wider.agrees else c


def _last_digits(point: Point, i: int, direction: Array) -> float:
    """The last digits of the value in float64, 1e-14 of it: round-off in a gradient that is nearly zero."""
    return 50 * EPS * float(abs(point.here()))


# ---- What the numbers suggest ----------------------------------------------------------------------------------------


UNDECIDED = (
    "f hardly changes beside its round-off: subtract constants from it, check it where it does change, or pass "
    "dtype=np.float32 if it computes in float32."
)


def _trouble(point: Point, i: int, c: Comparison) -> str:
    """A sentence on what is wrong with the point, not with the gradient."""
    if np.isnan(c.numeric):
        return "f is not finite at any x + h and x - h: x is at the end of its domain, or f has no derivative here."
    line = point.line(i, c.direction)
    if not all(1.0 / LARGEST < size < LARGEST for size in _sizes(point, i)):
        return "These numbers are too close to the limits of float64 for differences: rescale x or f."
    if any(central_difference(line, steps).bends for steps in (STEPS, TINY_STEPS)):
        return "f has a kink here or very close, with another slope at x + h than at x - h: check it at another x."
    with np.errstate(all="ignore"):
        wide, narrow, least = (abs(line(h) - line(-h)) for h in (1e-8, 1e-10, 1e-13))
    if wide < 2 * narrow < 4 * wide and narrow < 2 * least and narrow > 1e6 * EPS * abs(line(0.0)):
        return "f jumps here: it has no derivative; check it at another x."
    return ""


def _sizes(point: Point, i: int) -> list[float]:
    """The sizes of f and of x, where they are not zero."""
    return [float(size) for size in (abs(point.here()), np.max(np.abs(point.arrays[i]), initial=0.0)) if size]


def _suspicion(point: Point, i: int, c: Comparison) -> str:
    """A sentence on what may be wrong with the gradient."""
    if not np.isfinite(c.analytic):
        return "The gradient is not finite."
    if c.order > 1:
        before = f"It is right at order {c.order - 1}, so the VJP is not made of ops alone, or one of its ops "
        return f"{before}is wrong at order {c.order}."
    if point.names[-1] == COTANGENT and _right_with(1.0, point, i, c) and not _right_with(2.0, point, i, c):
        once, doubled = (other.slopes()[i] for other in (_with(1.0, point), _with(2.0, point)))
        does = "does not multiply by g" if np.array_equal(once, doubled) else "is not linear in g"
        return f"It is right with g = 1: the VJP {does}."
    return _meaning(_ratios(point, i, c))


def _right_with(cotangent: float, point: Point, i: int, c: Comparison) -> bool:
    """Whether the gradient is right if all elements of the cotangent are this number."""
    other = _with(cotangent, point)
    return _settled(compare(other, i, c.direction, other.slopes()[i]))


def _with(cotangent: float, point: Point) -> Point:
    return point._replace(arrays=[*point.arrays[:-1], np.full_like(point.arrays[-1], cotangent)])


def _ratios(point: Point, i: int, c: Comparison) -> Array:
    """Gradient / difference along this direction and two others."""
    rng, gradient = np.random.default_rng(0), point.slopes()[i]
    others = [compare(point, i, random_direction(point.arrays[i], rng), gradient)[-1] for _ in range(2)]
    with np.errstate(all="ignore"):
        return np.array([np.divide(other.analytic, other.numeric) for other in (c, *others)])


def _meaning(ratios: Array) -> str:
    ratio = float(ratios[0])
    if not np.all(np.isfinite(ratios)):
        return "f does not change with this input, as far as differences can see."
    off = ratios - 1.0
    small = bool(np.max(np.abs(off)) < 0.005)
    if np.ptp(off) > min(1e-3 * np.max(np.abs(ratios)), 0.05 * np.max(np.abs(off))):
        one, other = (f"{r - 1:.1e}" if small else f"{r:.3g}" for r in ratios[1:])
        is_ = "it is off by a part of" if small else "the ratio is"
        return f"Along other directions {is_} {one} or {other}: some elements are wrong."
    if small:
        return f"Along other directions it is off by a part of {ratio - 1:.1e}, too: a factor."
    meaning = {-1.0: "the sign", 0.0: "no gradient arrives"}.get(round(ratio, 3), "a factor")
    return f"The gradient is {ratio:.2f} times the difference: {meaning}."
