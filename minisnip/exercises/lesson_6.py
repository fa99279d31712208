"""Lesson 6: a step that leaves zeros zero, one answer for all images, where a method wins, what tickets cost."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.exercises.checks import Trial, exercise

RATE, MOMENTUM, DECAY = 0.1, 0.9, 0.01


@exercise(
    "6.1",
    "zeros that stay zero",
    "which terms move a weight in this step, and which of them know the mask?",
    "momentum, gradient and decay all move w: whatever they do, a pruned weight must be 0 after the step, "
    "and a kept one where plain SGD takes it",
    "multiply both the new v and the new w by c",
    own=("minisnip.training",),
)
def masked_step(answer: Any) -> Iterator[Trial]:
    """The answer is a function (w, v, gradient, c) that returns w and v after one step of SGD with momentum."""
    for c in ([1.0], [0.0], [1.0, 0.0], [0.0, 1.0, 1.0]):
        for steps in (1, 3):
            for velocity in (0.0, 0.5):
                mask, kept = np.array(c), np.array(c) == 1
                start = np.linspace(1.0, 2.0, len(c)) * mask
                w = _take_steps(_sgd, start, velocity, np.ones(len(c)), steps)
                given = (
                    f"c = {c}, w = {start.tolist()}, v = {[velocity] * len(c)}, gradients of 1, "
                    f"{steps} step{'s' * (steps > 1)}; got and expected: w"
                )
                hint = "" if kept.any() else "v may hold a velocity from before the pruning, and w moves by v"
                got = partial(_take_steps, answer, start, velocity, mask, steps)
                kind = f"{'kept' if kept.all() else 'kept and pruned' if kept.any() else 'pruned'} weights"
                yield Trial(given, got, np.where(kept, w, 0.0), hint, kind)


def _sgd(w: Array, v: Array, gradient: Array, c: Array) -> tuple[Array, Array]:
    v = MOMENTUM * v + gradient + DECAY * w
    return w - RATE * v, v


def _take_steps(step: Any, start: Array, velocity: float, c: Array, steps: int) -> Array:
    w, v = start.copy(), np.full(len(start), velocity)
    for _ in range(steps):
        w, v = step(w.copy(), v.copy(), np.ones(len(start)), c.copy())
    return np.asarray(w)


@exercise(
    "6.2",
    "always the same answer",
    "with which labels is the answer chosen, and with which is it judged?",
    "count the training labels, take the commonest, and see how often it is wrong on the test labels, in percent",
    "np.bincount(train_labels).argmax() is the answer; take 100 times the mean of test_labels != answer",
)
def one_answer(answer: Any) -> Iterator[Trial]:
    """The answer is a function (training labels, test labels) that returns an error in percent."""
    cases = (
        ([1], [1], 0.0),
        ([1], [0], 100.0),
        ([1, 1, 0], [1, 0], 50.0),
        ([1, 1, 0], [0, 0, 0, 1], 75.0),  # the commonest of the test labels is another
        ([7, 7, 3, 3, 3], [3, 7, 7, 7, 3], 60.0),
        ([0, 1, 2, 2], [0, 1, 2, 9, 9, 9, 9, 9], 87.5),
    )
    for train, test, expected in cases:
        hint = "the answer is chosen on the training labels, and judged on the test labels" if len(test) > 3 else ""
        given = f"training labels {train}, test labels {test}"
        yield Trial(given, partial(answer, np.array(train), np.array(test)), expected, hint, "pairs of label sets")


Errors = list[list[float]]  # for each sparsity, the error of each seed

WINS: tuple[tuple[list[float], Errors, Errors, float | None, str], ...] = (
    ([0.5], [[1.0, 2.0]], [[3.0, 4.0]], 0.5, ""),
    ([0.5], [[3.0, 4.0]], [[1.0, 2.0]], None, "None where there is no such sparsity"),
    ([0.5], [[1.0, 3.0]], [[2.0, 9.0]], None, "the means differ, but 3 is worse than 2: compare worst with best"),
    ([0.5, 0.9], [[1.0, 2.0], [1.0, 2.0]], [[1.5, 2.0], [3.0, 4.0]], 0.9, ""),
    ([0.5, 0.9], [[1.0, 2.0], [5.0, 6.0]], [[3.0, 4.0], [5.5, 7.0]], None, "it wins at 0.5, but not from there on"),
    (
        [0.5, 0.8, 0.9],
        [[1.0, 2.0], [3.0, 3.5], [3.0, 4.0]],
        [[3.0, 3.0], [3.0, 4.0], [6.0, 9.0]],
        0.9,
        "it wins at 0.5 and again at 0.9, but not at 0.8 between them",
    ),
    ([0.5, 0.8], [[1.0], [2.0]], [[1.5], [2.5]], 0.5, ""),
)


@exercise(
    "6.3",
    "the sparsity from which it wins",
    "at one sparsity, which of our seeds must be compared with which of theirs?",
    "the lowest sparsity at which, and above which, every seed of ours has a smaller error than every seed of theirs",
    "go from the highest sparsity down as long as max(ours) < min(theirs): the last one where it holds is the answer",
)
def first_win(answer: Any) -> Iterator[Trial]:
    """The answer is a function (sparsities, errors of ours, errors of theirs) that returns a sparsity or None."""
    for sparsities, ours, theirs, expected, hint in WINS:
        given = f"sparsities {sparsities}, errors of ours {ours}, of theirs {theirs}"
        kind = "races that are never won" if expected is None else "races that are won"
        yield Trial(given, partial(answer, *copy.deepcopy((sparsities, ours, theirs))), expected, hint, kind)


@exercise(
    "6.4",
    "what a lottery ticket costs",
    "what share of the weights remains after one round, and what share after two?",
    "the smallest whole number of rounds after which at most 1 - sparsity remains",
    "begin with left = 1.0, multiply it by 1 - rate while left > 1 - sparsity + 1e-9, and count",
)
def trainings(answer: Any) -> Iterator[Trial]:
    """The answer is a function (sparsity, share removed in a round) that returns the number of rounds."""
    for rate in (0.5, 0.2, 0.1):
        for sparsity in (0.0, 0.1, 0.3, 0.5, 0.6, 0.8, 0.9, 0.95, 0.99):
            expected, left = 0, 1.0
            while left > 1 - sparsity + 1e-9:
                left *= 1 - rate
                expected += 1
            given = f"sparsity {sparsity}, a round removes {rate} of what remains"
            hint = f"after n rounds {1 - rate:g}^n is left" if expected > 1 else ""
            yield Trial(given, partial(answer, sparsity, rate), expected, hint, f"sparsities at a rate of {rate}")
