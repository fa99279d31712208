"""Compare a gradient with differences of its function: by each input, along random directions.

There are several directions, and their entries are of magnitude ½ to 1½: so every element counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minisnip.autodiff.comparison import EXACT, Comparison, Point, compare, random_direction, settled
from minisnip.autodiff.diagnosis import CheckError
from minisnip.autodiff.differences import TINY_STEPS, central_difference
from minisnip.autodiff.engine import Array

DIRECTIONS = 3


def check_point(point: Point, rng: np.random.Generator, count: int | None = None) -> list[Comparison]:
    """The comparisons by each of the first `count` inputs, one for each method; CheckError at the first failure."""
    _check_repeatable(point)
    with np.errstate(all="ignore"):  # what NumPy has to say of f, it has said
        return _report(point, rng, count)


def _report(point: Point, rng: np.random.Generator, count: int | None) -> list[Comparison]:
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
    if settled(comparisons) and not kink:
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
    """A direction for the elements of x of each size, in units of that size; a size spans a factor of 1,000."""
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
