"""What a disagreement between a gradient and differences suggests, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minisnip.autodiff.comparison import COTANGENT, Comparison, Point, compare, random_direction, settled
from minisnip.autodiff.differences import EPS, STEPS, TINY_STEPS, central_difference, or_nan
from minisnip.autodiff.engine import Array

TINIEST = 1e-40  # a step that leaves a domain only from its very end
LARGEST = 1e290  # beyond it, and below its inverse, differences overflow or lose digits
UNDECIDED = (
    "f hardly changes beside its round-off: subtract constants from it, check it where it does change, or pass "
    "dtype=np.float32 if it computes in float32."
)


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


def _trouble(point: Point, i: int, c: Comparison) -> str:
    """A sentence on what is wrong with the point, not with the gradient."""
    line = point.line(i, c.direction)
    ends = not all(np.isfinite(or_nan(line, h)) for h in (TINIEST, -TINIEST))
    if ends or np.isnan(c.numeric):
        return "f is not finite at x + h or x - h: x is at the end of its domain, or f has no derivative here."
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
    right = [_right_with(g, point, i, c) for g in (1.0, 2.0, -1.0)] if point.names[-1] == COTANGENT else [False]
    if right[0] and not all(right):
        once, doubled = (other.slopes()[i] for other in (_with(1.0, point), _with(2.0, point)))
        does = "does not multiply by g" if np.array_equal(once, doubled) else "is not linear in g"
        return f"It is right with g = 1: the VJP {does}."
    return _meaning(_ratios(point, i, c))


def _right_with(cotangent: float, point: Point, i: int, c: Comparison) -> bool:
    """Whether the gradient is right if all elements of the cotangent are this number."""
    other = _with(cotangent, point)
    return settled(compare(other, i, c.direction, other.slopes()[i]))


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
        return "The slope of f is zero here, as far as differences can see."
    off = ratios - 1.0
    small = bool(np.max(np.abs(off)) < 0.005)
    if np.ptp(off) > min(1e-3 * np.max(np.abs(ratios)), 0.05 * np.max(np.abs(off))):
        one, other = (f"{r - 1:.1e}" if small else f"{r:.3g}" for r in ratios[1:])
        found = "it is off by a part of" if small else "the ratio is"
        return f"Along other directions {found} {one} or {other}: some elements are wrong."
    if small:
        return f"Along other directions it is off by a part of {ratio - 1:.1e}, too: a factor."
    if ratio == 0.0:
        return "The gradient is zero: no gradient arrives."
    part = round(1.0 / ratio)  # a mean where f has a sum
    if part > 1 and abs(ratio * part - 1.0) < 1e-5:
        return f"The gradient is 1/{part} of the difference: a factor."
    meaning = "the sign" if round(ratio, 3) == -1.0 else "a factor"
    return f"The gradient is {ratio:{'.2f' if abs(ratio) > 0.1 else '.3g'}} times the difference: {meaning}."
