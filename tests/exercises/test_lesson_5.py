"""Lesson 5's checks catch the answers that students give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad
from minisnip.exercises.checks import slope
from minisnip.exercises.lesson_5 import exactly, layers, quotient, three_ways
from tests.exercises.wrong import assert_caught


def one_sided(L: Any, delta: float) -> Any:
    return (L(1) - L(1 - delta)) / delta


def ways(L: Any, w: Any, mistake: str = "") -> Any:
    """Right by default; `mistake` names what is done wrong."""
    c, weights = Tensor(np.ones_like(w)), Tensor(w)
    by_mask, by_weights = grad(L(c * w), c), w * grad(L(weights), weights)
    differences = []
    for e in 1e-5 * np.eye(len(w)):
        changed = (w + e, w - e) if mistake == "added to w" else ((1 + e) * w, (1 - e) * w)
        differences.append((L(changed[0]) - L(changed[1])) / 2e-5)
    answer = [by_mask, by_weights, np.array(differences)]
    if mistake == "weights alone":
        answer[1] = grad(L(weights), weights)
    if mistake == "magnitudes":
        answer = [np.abs(a) for a in answer]
    if mistake == "all at once":
        answer[2] = np.full_like(w, (L((1 + 1e-5) * w) - L((1 - 1e-5) * w)) / 2e-5)
    if mistake == "deletion":
        answer[2] = np.array([L(w) - L((1 - e) * w) for e in np.eye(len(w))])
    return answer if mistake != "one of three" else by_mask


def off_by(share: float, which: int = 2) -> Any:
    """One of the three ways off by a share of the tolerance of differences."""

    def answer(L: Any, w: Any) -> Any:
        found = [ways(L, w)[0] for _ in range(3)]
        found[which] = found[which] + share * (1e-3 + 1e-3 * np.abs(found[which]))
        return found

    return answer


def in_shape(*shape: int) -> Any:
    return lambda L, w: [*ways(L, w)[:2], np.resize(ways(L, w)[2], shape)]


def of_order(p: float, c: float = 1.0) -> Any:
    """Exact for large steps, and off by c δᵖ for small ones."""
    return lambda L, d: slope(L, 1.0) + (d < 0.1) * c * d**p


def chosen(scores: Any, kappa: int) -> Any:
    mask = np.zeros(len(scores))
    mask[np.argsort(-scores)[:kappa]] = 1
    return mask


def near_tie(difference: float) -> Any:
    """Divided by their sums, the lowest kept score and the highest removed one differ by this share."""
    return {"first": [1, 2, 3], "second": [0.51, 2.04 * (1 - 1.5 * difference), 3.57]}


def at_least_the_threshold(scores: Any, kappa: int) -> Any:
    return (scores >= np.sort(scores)[::-1][max(kappa, 1) - 1]).astype(float)


def at_least_the_last_of_the_sorted(scores: Any, kappa: int) -> Any:
    return (scores >= np.sort(scores)[-kappa]).astype(float)


def above_the_threshold(scores: Any, kappa: int) -> Any:
    return (scores > np.sort(scores)[::-1][min(kappa, len(scores) - 1)]).astype(float)


def lowest(scores: Any, kappa: int) -> Any:
    mask = np.zeros(len(scores))
    mask[np.argsort(scores)[:kappa]] = 1
    return mask


def last_ones(scores: Any, kappa: int) -> Any:
    """Slips at κ = 0: [-0:] is everything."""
    mask = np.zeros(len(scores))
    mask[np.argsort(scores)[-kappa:]] = 1
    return mask


WRONG = {
    "one side": (quotient, one_sided, "c², δ = 0.5"),
    "half the distance": (quotient, lambda L, d: (L(1 + d) - L(1 - d)) / d, "mind the distance"),
    "the other sign": (quotient, lambda L, d: (L(1 - d) - L(1 + d)) / (2 * d), "3 c"),
    "at 0": (quotient, lambda L, d: (L(d) - L(-d)) / (2 * d), "c²"),
    "order 1.85": (quotient, of_order(1.85), "order 1.85"),
    "a constant error": (quotient, of_order(0, 1.1e-9), "order 0.00"),
    "one side, but a smaller step": (quotient, lambda L, d: one_sided(L, d**2), "c²"),
    "half the step on one side": (quotient, lambda L, d: (L(1 + d / 2) - L(1 - d)) / (1.5 * d), "c²"),
    "the gradient by the weights": (three_ways, lambda L, w: ways(L, w, "weights alone"), "does, not what its removal"),
    "h added to w": (three_ways, lambda L, w: ways(L, w, "added to w"), "do not add h"),
    "all c at once": (three_ways, lambda L, w: ways(L, w, "all at once"), "each j by itself"),
    "the deletion, not the derivative": (three_ways, lambda L, w: ways(L, w, "deletion"), "c_j = 1 + h"),
    "without the sign": (three_ways, lambda L, w: ways(L, w, "magnitudes"), "by the mask"),
    "one of three": (three_ways, lambda L, w: ways(L, w, "one of three"), "tuple of three"),
    "two of three": (three_ways, lambda L, w: ways(L, w)[:2], "list, where a tuple of three"),
    "four of three": (three_ways, lambda L, w: (*ways(L, w), w), "tuple, where a tuple of three"),
    "differences that are too far off": (three_ways, off_by(1.01), "each j by itself"),
    "differences too far below": (three_ways, off_by(-1.01), "each j by itself"),
    "no exact gradient by the mask": (three_ways, off_by(0.99, 0), "ask grad"),
    "no exact gradient by the weights": (three_ways, off_by(0.99, 1), "∂L/∂w alone"),
    "a number, not an array": (three_ways, in_shape(), "each j by itself"),
    "a row": (three_ways, in_shape(1, 1), "each j by itself"),
    "twos": (exactly, lambda s, kappa: 2 * chosen(s, kappa), "not a mask"),
    "a score too many": (exactly, lambda s, kappa: [*chosen(s, kappa), 0], "not a mask"),
    "a score too few": (exactly, lambda s, kappa: chosen(s, kappa)[1:], "not a mask"),
    ">=": (exactly, at_least_the_threshold, "tie"),
    ">=, the usual way": (exactly, at_least_the_last_of_the_sorted, "scores = [1.0, 1.0], κ = 1\n"),
    ">": (exactly, above_the_threshold, "kept"),
    "the lowest": (exactly, lowest, "is kept and"),
    "[-κ:]": (exactly, last_ones, "κ = 0\n"),
    "[-κ:], its hint": (exactly, last_ones, "`[-0:]` is the whole array"),
    "places, not a mask": (exactly, lambda s, kappa: np.argsort(-s)[:kappa], "not a mask"),
    "equal sums": (layers, {"first": [1.0, 4.0], "second": [2.0, 3.0]}, "the same choice"),
    "no difference yet": (layers, {"first": [1.0, 10.0], "second": [2.0, 20.0]}, "the same choice"),
    "one layer": (layers, {"first": [1.0, 2.0]}, "1 layers"),
    "ties": (layers, {"first": [1.0, 1.0], "second": [2.0, 3.0]}, "3 of them different"),
    "zeros": (layers, {"first": [0.0, 1.0], "second": [2.0, 3.0]}, "the least 0.0"),
    "a tie at the cut": (layers, {"first": [1], "second": [2]}, "a tie at the cut"),
    "a tie at the cut, bare": (layers, {"first": 1, "second": 2}, "a tie at the cut"),
    "a tie at the cut but for rounding": (
        layers,
        {"first": [1, 2, 3], "second": [0.51, 2.04, 3.57]},
        "a tie at the cut",
    ),
    "nearly a tie": (layers, near_tie(5e-10), "a tie at the cut"),
    "three layers": (layers, {"first": [1.0], "second": [2.0, 4.0], "third": [3.0]}, "3 layers, 4 scores"),
    "an odd number": (layers, {"first": [1.0, 4.0], "second": [2.0]}, "2 layers, 3 scores, 3 of them different"),
    "an infinite score": (layers, {"first": [1.0, np.inf], "second": [2.0, 3.0]}, "2 layers, 4 scores"),
    "below 0": (layers, {"first": [1.0, -1.0], "second": [2.0, 3.0]}, "the least -1.0"),
    "nothing in a layer": (layers, {"first": [], "second": [2.0, 3.0]}, "2 layers, 2 scores"),
    "a list": (layers, [1.0, 2.0], "AttributeError"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_the_right_answers_pass() -> None:
    assert layers.verdict({"first": [1, 2, 3], "second": [0.1, 0.4, 0.7]}).startswith(
        "passed"
    )  # a tie, but no way back
    assert layers.verdict(near_tie(2e-9)).startswith("passed")
    assert three_ways.verdict(ways).startswith("passed")
    assert three_ways.verdict(off_by(0.99)).startswith("passed")
    assert three_ways.verdict(off_by(-0.99)).startswith("passed")
    assert exactly.verdict(chosen).startswith("passed")
    assert quotient.verdict(of_order(1.95)).startswith("passed")
    assert quotient.verdict(of_order(0, 0.9e-9)).startswith("passed")
    assert quotient.verdict(lambda L, d: (L(1 + d) - L(1 - d)) / (2 * d)).startswith("passed")
    assert quotient.verdict(lambda L, d: np.imag(L(1 + 1e-30j)) / 1e-30).startswith("passed")  # exact is good too
