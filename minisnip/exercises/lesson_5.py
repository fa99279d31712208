"""Lesson 5: a quotient of order 2, the mask gradient three ways, exactly κ, and what normalizing each layer does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array
from minisnip.exercises.differences import slope
from minisnip.exercises.exercise import Exercise, Trial

Function = Callable[[Any], Any]
EXACT = 1e-9  # an error below this is round-off: no order can be seen in it

POLYNOMIALS: dict[str, Function] = {"3 c": lambda c: 3 * c, "c²": lambda c: c * c}
SMOOTH: dict[str, Function] = {
    "c³": lambda c: c**3,
    "exp(2c)": lambda c: np.exp(2 * c),
    "1/(1 + c)": lambda c: 1 / (1 + c),
}

LOSSES: dict[str, tuple[Function, list[float]]] = {
    "w²": (lambda w: (w * w).sum(), [3.0]),
    "w₀² + 5 w₁": (lambda w: w[0] * w[0] + 5 * w[1], [-2.0, 0.0]),
    "tanh(w₀ + 2 w₁)": (lambda w: ops.tanh(w[0] + 2 * w[1]), [0.5, -0.1]),
    "log(1 + exp(-w₀ w₁ w₂))": (lambda w: ops.log(1 + ops.exp(-w[0] * w[1] * w[2])), [1.0, -2.0, 0.5]),
}

TIED: tuple[tuple[list[float], int], ...] = (
    ([1.0, 2.0], 1),
    ([1.0], 1),
    ([1.0, 1.0], 1),
    ([1.0], 0),
    ([0.0, 0.0, 0.0], 2),
    ([3.0, 1.0, 2.0, 2.0, 2.0], 2),
    ([0.5, 0.0, 0.0, 0.7], 3),
)


def _quotient(answer: Any) -> Iterator[Trial]:
    for name, L in POLYNOMIALS.items():
        yield Trial(f"L(c) = {name}, δ = 0.5", partial(answer, L, 0.5), slope(L, 1.0))
    for name, L in SMOOTH.items():
        yield Trial(
            f"L(c) = {name}, the errors at δ = 0.02 and at 0.01", partial(_order, answer, L), "order 2, or exact"
        )


def _order(answer: Any, L: Function) -> str:
    coarse, fine = (abs(answer(L, delta) - slope(L, 1.0)) for delta in (0.02, 0.01))
    if fine < EXACT or np.log2(coarse / fine) > 1.9:
        return "order 2, or exact"
    return f"{coarse:.2e} and {fine:.2e}: order {np.log2(coarse / fine):.2f}"


def _three_ways(answer: Any) -> Iterator[Trial]:
    for name, (L, start) in LOSSES.items():
        w = np.array(start)
        exact = np.array([slope(partial(_along, L, w, j), 1.0) for j in range(len(w))])
        for which, (way, hint) in enumerate(WAYS.items()):
            yield Trial(f"L = {name}, w = {w}; {way}", partial(_way, answer, L, w, which, exact), exact, hint)


def _along(L: Function, w: Array, j: int, c: complex) -> Any:
    """L(c ⊙ w) as a function of c_j alone."""
    masked = w.astype(complex)
    masked[j] *= c
    return L(masked)


def _way(answer: Any, L: Function, w: Array, which: int, exact: Array) -> Any:
    ways = answer(L, w.copy())
    if not isinstance(ways, tuple | list) or len(ways) != 3:
        return f"{type(ways).__name__}, where a tuple of three arrays is expected"
    got = np.asarray(ways[which], float)
    close = which == 2 and got.shape == exact.shape and np.allclose(got, exact, rtol=1e-3, atol=1e-3)
    return exact if close else got  # a difference quotient need not be better than that


WAYS = {
    "by the mask": "make c = Tensor(np.ones_like(w)) the variable, and ask grad(L(c * w), c)",
    "by the weights": "w ⊙ ∂L/∂w: ∂L/∂w alone says what a change of the weight does, not what its removal does",
    "by differences": "for each j by itself: c_j = 1 + h and 1 - h, the other c at 1; multiply w_j by c_j, do not add "
    "h to it; keep the sign",
}


def _exactly(answer: Any) -> Iterator[Trial]:
    rng = np.random.default_rng(0)
    drawn = [(np.round(rng.random(9), 1).tolist(), kappa) for kappa in (0, 2, 4, 8)]
    for scores, kappa in (*TIED, *drawn):
        promise = f"{kappa} kept, none of them below one that goes"
        hint = "" if kappa else "`[-0:]` is the whole array: keep from the front of the descending order"
        yield Trial(f"scores = {scores}, κ = {kappa}", partial(_judged, answer, scores, kappa, promise), promise, hint)


def _judged(answer: Any, scores: list[float], kappa: int, promise: str) -> str:
    mask, s = np.asarray(answer(np.array(scores), kappa)), np.array(scores)
    if mask.shape != s.shape or not np.isin(mask, (0, 1)).all():
        return f"{mask.tolist()}, which is not a mask: a 0 or a 1 for each score"
    kept = mask == 1
    if np.count_nonzero(kept) != kappa:
        return f"{mask.tolist()}: {np.count_nonzero(kept)} kept"
    if kappa and not kept.all() and s[kept].min() < s[~kept].max():
        return f"{mask.tolist()}: {s[kept].min()} is kept and {s[~kept].max()} goes"
    return promise


def _layers(answer: Any) -> Iterator[Trial]:
    """The answer is {"first": scores, "second": scores}; the higher half of all is kept."""
    yield Trial(f"{answer}", partial(_fit, answer), FIT)
    layers = {name: np.ravel(np.asarray(a, float)) for name, a in answer.items()}
    total = sum(a.sum() for a in layers.values())
    one = {name: a / total for name, a in layers.items()}
    yield Trial(f"{answer}, one sum for all", partial(_kept, one), _kept(layers))
    each = {name: a / a.sum() for name, a in layers.items()}
    yield Trial(f"{answer}, a sum for each layer", partial(_changed, layers, each), "another choice")


FIT = "two layers of positive scores, an even number in all, no two alike"


def _fit(answer: Any) -> str:
    layers = [np.ravel(np.asarray(a, float)) for a in answer.values()]
    flat = np.concatenate(layers)
    different = len(np.unique(flat))
    good = len(layers) == 2 and all(a.size for a in layers) and np.isfinite(flat).all() and flat.min() > 0
    if good and flat.size % 2 == 0 and different == flat.size:
        return FIT
    return f"{len(layers)} layers, {flat.size} scores, {different} of them different, the least {flat.min()}"


def _kept(layers: Mapping[str, Array]) -> dict[str, list[bool]]:
    flat = np.concatenate([*layers.values()])
    middle = np.sort(flat)[flat.size // 2]
    return {name: (a >= middle).tolist() for name, a in layers.items()}


def _changed(layers: Mapping[str, Array], each: Mapping[str, Array]) -> str:
    before, flat = _kept(layers), np.concatenate([*each.values()])
    kept = np.concatenate([*before.values()])
    lowest, highest = flat[kept].min(), flat[~kept].max()  # of those that were kept, of those that were not
    if np.isclose(lowest, highest, rtol=1e-9, atol=0):
        return "a tie at the cut: both orders are right, so nothing is shown"
    return f"the same choice, {before}" if lowest > highest else "another choice"


quotient = Exercise(
    "5.1",
    "a quotient of order 2",
    _quotient,
    "L(1) - L(1 - δ) looks to one side and is off by ½ δ L''; look as far to the other side too, and mind the distance",
)
three_ways = Exercise("5.2", "the mask gradient three ways", _three_ways, "")
exactly = Exercise(
    "5.3",
    "exactly κ",
    _exactly,
    "a comparison with the κ-th largest keeps all that tie with it, or none; the places of an order "
    "(np.argsort) know no ties",
)
layers = Exercise(
    "5.4",
    "two layers that normalizing changes",
    _layers,
    "a sum for each layer divides the layers by different numbers: give one layer many scores, or large ones, so that "
    "its scores become small beside the other's",
)
