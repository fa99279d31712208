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


def slopes_of(L: Any, w: Any) -> Any:
    """By the complex step, exact."""
    return np.array([np.imag(L(w * (1 + 1e-20j * e))) / 1e-20 for e in np.eye(len(w))])


def off_by(share: float, which: int = 2) -> Any:
    """One of the three ways off by a share of the tolerance of differences."""

    def answer(L: Any, w: Any) -> Any:
        found = ways(L, w)
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
    "one side": (quotient, one_sided, "c², δ = 0.5", "The quotient looks to one side: its error is of order 1."),
    "half the distance": (
        quotient,
        lambda L, d: (L(1 + d) - L(1 - d)) / d,
        "mind the distance",
        "L(1 + δ) and L(1 - δ) are 2 δ apart.",
    ),
    "the other sign": (quotient, lambda L, d: (L(1 - d) - L(1 + d)) / (2 * d), "3 c", "The two values are exchanged."),
    "at 0": (quotient, lambda L, d: (L(d) - L(-d)) / (2 * d), "c²", "The slope at 0. The mask is at c = 1."),
    "order 1.85": (quotient, of_order(1.85), "order 1.85", ""),
    "a constant error": (quotient, of_order(0, 1.1e-9), "order 0.00", ""),
    "one side, but a smaller step": (
        quotient,
        lambda L, d: one_sided(L, d**2),
        "c²",
        "One-sided with δ²: order 2 for curves, but not exact for c², as a quotient of order 2 is.",
    ),
    "half the step on one side": (
        quotient,
        lambda L, d: (L(1 + d / 2) - L(1 - d)) / (1.5 * d),
        "c²",
        "Unequal steps: the errors of the two sides do not cancel.",
    ),
    "the gradient by the weights": (
        three_ways,
        lambda L, w: ways(L, w, "weights alone"),
        "does, not what its removal",
        "∂L/∂w without the factor w: it tells of a change, not of a removal.",
    ),
    "h added to w": (
        three_ways,
        lambda L, w: ways(L, w, "added to w"),
        "do not add h",
        "h is added to the weight. It is c_j that changes, so w_j is multiplied.",
    ),
    "all c at once": (
        three_ways,
        lambda L, w: ways(L, w, "all at once"),
        "each j by itself",
        "All c move together: the result is one number, the sum of all g_j.",
    ),
    "the deletion, not the derivative": (
        three_ways,
        lambda L, w: ways(L, w, "deletion"),
        "c_j = 1 + h",
        "c_j goes from 1 to 0. That is ΔL_j itself; g_j is the slope at 1.",
    ),
    "without the sign": (three_ways, lambda L, w: ways(L, w, "magnitudes"), "by the mask", "|g_j| is taken too early."),
    "the first of three, three times": (
        three_ways,
        lambda L, w: [ways(L, w)[0]] * 3,
        "nothing but values of L",
        "One gradient, returned three times: no second opinion.",
    ),
    "the differences, three times": (
        three_ways,
        lambda L, w: [slopes_of(L, w)] * 3,
        "grad uses the VJP",
        "Differences, or exact slopes, returned three times: no derivative by grad.",
    ),
    "one of three": (
        three_ways,
        lambda L, w: ways(L, w, "one of three"),
        "tuple of three",
        "One array, where three are asked for.",
    ),
    "two of three": (
        three_ways,
        lambda L, w: ways(L, w)[:2],
        "list, where a tuple of three",
        "Two arrays, where three are asked for.",
    ),
    "four of three": (
        three_ways,
        lambda L, w: (*ways(L, w), w),
        "tuple, where a tuple of three",
        "Four arrays, where three are asked for.",
    ),
    "differences that are too far off": (three_ways, off_by(1.01), "each j by itself", ""),
    "differences too far below": (three_ways, off_by(-1.01), "each j by itself", ""),
    "no exact gradient by the mask": (three_ways, off_by(0.99, 0), "ask grad", ""),
    "no exact gradient by the weights": (three_ways, off_by(0.99, 1), "∂L/∂w alone", ""),
    "a number, not an array": (
        three_ways,
        in_shape(),
        "each j by itself",
        "One number in place of one for each weight.",
    ),
    "a row": (three_ways, in_shape(1, 1), "each j by itself", "The right numbers in another shape."),
    "twos": (exactly, lambda s, kappa: 2 * chosen(s, kappa), "not a mask", "A mask holds 0 and 1."),
    "a score too many": (
        exactly,
        lambda s, kappa: [*chosen(s, kappa), 0],
        "not a mask",
        "The mask is longer than the scores.",
    ),
    "a score too few": (
        exactly,
        lambda s, kappa: chosen(s, kappa)[1:],
        "not a mask",
        "The mask is shorter than the scores.",
    ),
    ">=": (exactly, at_least_the_threshold, "tie", "All that tie with the κ-th score are kept: more than κ."),
    ">=, the usual way": (
        exactly,
        at_least_the_last_of_the_sorted,
        "scores = [1.0, 1.0], κ = 1\n",
        "All that tie with the κ-th score are kept: more than κ.",
    ),
    ">": (exactly, above_the_threshold, "kept", "None that tie with the threshold are kept: fewer than κ."),
    "the lowest": (exactly, lowest, "is kept and", "Sorted upward: the least sensitive connections are kept."),
    "[-κ:]": (exactly, last_ones, "κ = 0\n", "Right but for κ = 0: `[-0:]` is the whole array."),
    "[-κ:], its hint": (exactly, last_ones, "`[-κ:]` is the whole array", ""),
    "places, not a mask": (
        exactly,
        lambda s, kappa: np.argsort(-s)[:kappa],
        "not a mask",
        "The places of the highest scores, not a mask.",
    ),
    "equal sums": (
        layers,
        {"first": [1.0, 4.0], "second": [2.0, 3.0]},
        "the same choice",
        "Both layers have the same sum, so dividing changes no order.",
    ),
    "no difference yet": (
        layers,
        {"first": [1.0, 10.0], "second": [2.0, 20.0]},
        "the same choice",
        "The two layers have the same shares: nothing changes places.",
    ),
    "one layer": (layers, {"first": [1.0, 2.0]}, "1 layers", "With one layer there is one sum."),
    "ties": (
        layers,
        {"first": [1.0, 1.0], "second": [2.0, 3.0]},
        "3 of them different",
        "Two scores are alike, so the choice is not determined.",
    ),
    "zeros": (layers, {"first": [0.0, 1.0], "second": [2.0, 3.0]}, "the least 0.0", "A score of 0 is not positive."),
    "a tie at the cut": (
        layers,
        {"first": [1], "second": [2]},
        "a tie at the cut",
        "One score in each layer: both become 1, which is a tie.",
    ),
    "a tie at the cut, bare": (layers, {"first": 1, "second": 2}, "a tie at the cut", ""),
    "a tie at the cut but for rounding": (
        layers,
        {"first": [1, 2, 3], "second": [0.51, 2.04, 3.57]},
        "a tie at the cut",
        "After dividing, the two scores at the cut are equal but for round-off.",
    ),
    "nearly a tie": (layers, near_tie(5e-10), "a tie at the cut", ""),
    "three layers": (
        layers,
        {"first": [1.0], "second": [2.0, 4.0], "third": [3.0]},
        "3 layers, 4 scores",
        "Two layers are asked for.",
    ),
    "an odd number": (
        layers,
        {"first": [1.0, 4.0], "second": [2.0]},
        "2 layers, 3 scores, 3 of them different",
        "Of an odd number there is no half.",
    ),
    "an infinite score": (
        layers,
        {"first": [1.0, np.inf], "second": [2.0, 3.0]},
        "2 layers, 4 scores",
        "An infinite score makes the sum infinite.",
    ),
    "below 0": (layers, {"first": [1.0, -1.0], "second": [2.0, 3.0]}, "the least -1.0", "Scores are positive."),
    "nothing in a layer": (layers, {"first": [], "second": [2.0, 3.0]}, "2 layers, 2 scores", "A layer is empty."),
    "a list": (layers, [1.0, 2.0], "AttributeError", "A dict with two names is asked for."),
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
