"""Lesson 5: a quotient of order 2, the mask gradient three ways, exactly κ, and what normalizing each layer does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from minisnip.autodiff import ops, primitive
from minisnip.autodiff.engine import Array, Arrays
from minisnip.exercises.checks import Trial, exercise, slope

Function = Callable[[Any], Any]
ROUND_OFF = 1e-9  # the order of an error below this cannot be seen

POLYNOMIALS: dict[str, Function] = {"3 c": lambda c: 3 * c, "c²": lambda c: c * c}
SMOOTH: dict[str, Function] = {
    "c³": lambda c: c**3,
    "exp(2c)": lambda c: np.exp(2 * c),
    "1/(1 + c)": lambda c: 1 / (1 + c),
}
ORDER_2 = "order 2, or exact"


@exercise(
    "5.1",
    "a quotient of order 2",
    "L(1) - L(1 - δ) looks to one side: which second look has the opposite error?",
    "L(1) - L(1 - δ) looks to one side and is off by ½ δ L''; look as far to the other side too, and mind the distance",
    "L(1 + δ) - L(1 - δ), divided by the distance from 1 - δ to 1 + δ",
)
def quotient(answer: Any) -> Iterator[Trial]:
    """The answer is a function (L, delta) that returns a difference quotient for L'(1)."""
    for name, L in POLYNOMIALS.items():
        yield Trial(f"L(c) = {name}, δ = 0.5", partial(answer, L, 0.5), slope(L, 1.0), kind="polynomials")
    for name, L in SMOOTH.items():
        given = f"L(c) = {name}, the errors at δ = 0.02 and at 0.01"
        yield Trial(given, partial(_judge_order, answer, L), ORDER_2, kind="curves at two steps")


def _judge_order(answer: Any, L: Function) -> str:
    coarse, fine = (abs(answer(L, delta) - slope(L, 1.0)) for delta in (0.02, 0.01))
    if fine < ROUND_OFF or np.log2(coarse / fine) > 1.9:
        return ORDER_2
    return f"{coarse:.2e} and {fine:.2e}: order {np.log2(coarse / fine):.2f}"


LOSSES: dict[str, tuple[Function, list[float]]] = {
    "w²": (lambda w: (w * w).sum(), [3.0]),
    "w₀² + 5 w₁": (lambda w: w[0] * w[0] + 5 * w[1], [-2.0, 0.0]),
    "tanh(w₀ + 2 w₁)": (lambda w: ops.tanh(w[0] + 2 * w[1]), [0.5, -0.1]),
    "log(1 + exp(-w₀ w₁ w₂))": (lambda w: ops.log(1 + ops.exp(-w[0] * w[1] * w[2])), [1.0, -2.0, 0.5]),
}
TWICE = primitive(lambda w: np.sum(w * w), lambda g, out, w: g * 4 * w)  # L = w²; the VJP is wrong
WAYS = {
    "by the mask": "make c = Tensor(np.ones_like(w)) the variable, and ask grad(L(c * w), c)",
    "by the weights": "w ⊙ ∂L/∂w: ∂L/∂w alone says what a change of the weight does, not what its removal does",
    "by differences": "for each j by itself: c_j = 1 + h and 1 - h, the other c at 1; multiply w_j by c_j, do not add "
    "h to it; keep the sign",
}
NO_VJP = "grad uses the VJP, right or wrong; a difference takes nothing but values of L"


@exercise(
    "5.2",
    "the mask gradient three ways",
    "in each of the three, what is the variable, and what is held fixed?",
    "c multiplies w, so ∂L/∂c_j is w_j ∂L/∂w_j; a difference changes one c_j at a time",
    "grad(L(c * w), c) with c a Tensor of ones; w * grad(L(v), v) with v = Tensor(w); and for each row e of "
    "1e-5 * np.eye(len(w)), (L((1 + e) * w) - L((1 - e) * w)) / 2e-5",
    own=("minisnip.pruning",),
)
def three_ways(answer: Any) -> Iterator[Trial]:
    """The answer is a function (L, w) that returns ∂L(c ⊙ w)/∂c at c = 1, as three arrays."""
    for name, (L, start) in LOSSES.items():
        w = np.array(start)
        exact = np.array([slope(partial(_loss_of_c_j, L, w, j), 1.0) for j in range(len(w))])
        for which, (way, hint) in enumerate(WAYS.items()):
            got = partial(_way, answer, L, w, which, exact)
            yield Trial(f"L = {name}, w = {w}; {way}", got, exact, hint, f"gradients {way}")
    w = np.array([3.0])
    for which, way in enumerate(WAYS):
        exact = np.array([18.0 if way == "by differences" else 36.0])
        given = f"L = w² with a VJP that is twice what is right, w = {w}; {way}"
        yield Trial(given, partial(_way, answer, TWICE, w, which, exact), exact, NO_VJP, f"gradients {way}")


def _loss_of_c_j(L: Function, w: Array, j: int, c: complex) -> Any:
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


TIED: tuple[tuple[list[float], int], ...] = (
    ([1.0, 2.0], 1),
    ([1.0], 1),
    ([1.0, 1.0], 1),
    ([1.0], 0),
    ([0.0, 0.0, 0.0], 2),
    ([3.0, 1.0, 2.0, 2.0, 2.0], 2),
    ([0.5, 0.0, 0.0, 0.7], 3),
)


@exercise(
    "5.3",
    "exactly κ",
    "if several scores are equal, how many ones has your mask?",
    "comparing with the κ-th largest score keeps all that tie with it, or none; the indices of np.argsort have no ties",
    "begin with zeros, and set the first κ places of np.argsort(-scores) to 1",
    own=("minisnip.pruning",),
)
def exactly(answer: Any) -> Iterator[Trial]:
    """The answer is a function (scores, kappa) that returns a mask with κ ones."""
    rng = np.random.default_rng(0)
    drawn = [(np.round(rng.random(9), 1).tolist(), kappa) for kappa in (0, 2, 4, 8)]
    for scores, kappa in (*TIED, *drawn):
        expected = f"{kappa} kept, none of them lower than one that is removed"
        hint = "" if kappa else "at κ = 0 the slice `[-κ:]` is the whole array: keep the front of a descending order"
        got = partial(_judge_mask, answer, scores, kappa, expected)
        kind = "κ = 0" if not kappa else "scores with ties" if len(set(scores)) < len(scores) else "scores without ties"
        yield Trial(f"scores = {scores}, κ = {kappa}", got, expected, hint, kind)


def _judge_mask(answer: Any, scores: list[float], kappa: int, expected: str) -> str:
    mask, s = np.asarray(answer(np.array(scores), kappa)), np.array(scores)
    if mask.shape != s.shape or not np.isin(mask, (0, 1)).all():
        return f"{mask.tolist()}, which is not a mask: a 0 or a 1 for each score"
    kept = mask == 1
    if np.count_nonzero(kept) != kappa:
        return f"{mask.tolist()}: {np.count_nonzero(kept)} kept"
    if kappa and not kept.all() and s[kept].min() < s[~kept].max():
        return f"{mask.tolist()}: {s[kept].min()} is kept and {s[~kept].max()} is removed"
    return expected


FIT = "two layers of positive scores, an even number in all, no two alike"
ANOTHER = "another choice"


@exercise(
    "5.4",
    "two layers that normalizing changes",
    "what becomes of a layer with a single score if it is divided by its sum?",
    "a sum for each layer divides the layers by different numbers: give one layer many scores, or large ones, so that "
    "its scores become small beside the other's",
    "one score in the first layer, which becomes 1 whatever it was, and three larger ones in the second",
)
def layers(answer: Any) -> Iterator[Trial]:
    """The answer is {"first": scores, "second": scores}; the higher half of all is kept."""
    yield Trial(f"{answer}", partial(_judge_scores, answer), FIT, kind="positive scores")
    scores = {name: np.ravel(np.asarray(a, float)) for name, a in answer.items()}
    total = sum(a.sum() for a in scores.values())
    one = {name: a / total for name, a in scores.items()}
    yield Trial(f"{answer}, one sum for all", partial(_higher_half, one), _higher_half(scores), kind="one sum")
    each = {name: a / a.sum() for name, a in scores.items()}
    yield Trial(f"{answer}, a sum for each layer", partial(_judge_change, scores, each), ANOTHER, kind="two sums")


def _judge_scores(answer: Any) -> str:
    arrays = [np.ravel(np.asarray(a, float)) for a in answer.values()]
    flat = np.concatenate(arrays)
    different = len(np.unique(flat))
    good = len(arrays) == 2 and all(a.size for a in arrays) and np.isfinite(flat).all() and flat.min() > 0
    if good and flat.size % 2 == 0 and different == flat.size:
        return FIT
    return f"{len(arrays)} layers, {flat.size} scores, {different} of them different, the least {flat.min()}"


def _higher_half(scores: Arrays) -> dict[str, list[bool]]:
    flat = np.concatenate([*scores.values()])
    middle = np.sort(flat)[flat.size // 2]
    return {name: (a >= middle).tolist() for name, a in scores.items()}


def _judge_change(scores: Arrays, each: Arrays) -> str:
    before, flat = _higher_half(scores), np.concatenate([*each.values()])
    kept = np.concatenate([*before.values()])
    lowest, highest = flat[kept].min(), flat[~kept].max()  # the lowest that was kept, the highest that was not
    if np.isclose(lowest, highest, rtol=1e-9, atol=0):
        return "a tie at the cut: both orders are right, so nothing is shown"
    return f"the same choice, {before}" if lowest > highest else ANOTHER
