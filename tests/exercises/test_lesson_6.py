"""Lesson 6's checks catch the answers that students give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from minisnip.exercises.lesson_6 import first_win, masked_step, one_answer, trainings
from tests.exercises.wrong import assert_caught


def sgd(w: Any, v: Any, gradient: Any, c: Any) -> Any:
    v = 0.9 * v + gradient + 0.01 * w
    return w - 0.1 * v, v


def masked_gradient(w: Any, v: Any, gradient: Any, c: Any) -> Any:
    return sgd(w, v, c * gradient, c)


def masked_before(w: Any, v: Any, gradient: Any, c: Any) -> Any:
    return sgd(c * w, v, gradient, c)


def without_decay(w: Any, v: Any, gradient: Any, c: Any) -> Any:
    v = c * (0.9 * v + gradient)
    return w - 0.1 * v, v


def without_memory(w: Any, v: Any, gradient: Any, c: Any) -> Any:
    w, _ = sgd(w, v, gradient, c)
    return c * w, 0 * v


def masked_after(w: Any, v: Any, gradient: Any, c: Any) -> Any:
    w, v = sgd(w, v, gradient, c)
    return c * w, v


def commonest(labels: Any) -> int:
    return int(np.bincount(labels).argmax())


def means(sparsities: Any, ours: Any, theirs: Any) -> Any:
    won = [s for s, a, b in zip(sparsities, ours, theirs, strict=True) if np.mean(a) < np.mean(b)]
    return won[0] if won else None


def first_of_all(sparsities: Any, ours: Any, theirs: Any) -> Any:
    won = [s for s, a, b in zip(sparsities, ours, theirs, strict=True) if max(a) < min(b)]
    return won[0] if won else None


def last_of_all(sparsities: Any, ours: Any, theirs: Any) -> Any:
    won = [s for s, a, b in zip(sparsities, ours, theirs, strict=True) if max(a) < min(b)]
    return won[-1] if won else None


WRONG = {
    "plain SGD": (masked_step, sgd, "before the pruning", "The mask is not used at all."),
    "only the gradient masked": (
        masked_step,
        masked_gradient,
        "before the pruning",
        "Momentum and weight decay still move a pruned weight.",
    ),
    "masked before the step": (masked_step, masked_before, "before the pruning", "The step itself revives the weight."),
    "decay forgotten": (masked_step, without_decay, "c = [1.0]", "The term 0.01 w is missing."),
    "momentum forgotten": (masked_step, without_memory, "3 steps", "The velocity is set to 0 after every step."),
    "0 where it is kept": (
        masked_step,
        lambda w, v, g, c: ((1 - c) * w, v),
        "plain SGD",
        "The mask is used the wrong way round: c = 1 is kept.",
    ),
    "ninety percent": (
        one_answer,
        lambda train, test: 90.0,
        "training labels [1]",
        "90 % is right only if all ten classes are equally common.",
    ),
    "accuracy": (
        one_answer,
        lambda train, test: 100 * np.mean(test == commonest(train)),
        "how often it is wrong",
        "How often it is right, where the error is asked for.",
    ),
    "a share": (
        one_answer,
        lambda train, test: float(np.mean(test != commonest(train))),
        "in percent",
        "0.6 in place of 60 percent.",
    ),
    "chosen on the test": (
        one_answer,
        lambda train, test: 100 * np.mean(test != commonest(test)),
        "training labels",
        "The answer is chosen with the test labels, which nobody has.",
    ),
    "always class 1": (
        one_answer,
        lambda train, test: 100 * np.mean(test != 1),
        "expected  60",
        "Class 1 is commonest in MNIST, not in every training set.",
    ),
    "means": (first_win, means, "worst with best", "The means differ while the seeds overlap."),
    "the first win": (
        first_win,
        first_of_all,
        "not from there on",
        "A first win that is lost again at a higher sparsity.",
    ),
    "the last win": (
        first_win,
        last_of_all,
        "expected",
        "The highest sparsity of a win, where the lowest of an unbroken row is asked for.",
    ),
    "0 for none": (
        first_win,
        lambda s, a, b: first_of_all(s, a, b) or 0.0,
        "None where",
        "0 would say that it wins everywhere.",
    ),
    "a fifth of the whole": (
        trainings,
        lambda s, rate: math.ceil(s / rate - 1e-9),
        "^n is left",
        "Each round removes a share of what remains, not of the whole.",
    ),
    "rounded down": (
        trainings,
        lambda s, rate: int(math.log(1 - s) / math.log(1 - rate)),
        "expected",
        "The number of rounds must be rounded up.",
    ),
    "the share, not its rest": (
        trainings,
        lambda s, rate: math.ceil(math.log(1 - s) / math.log(rate)),
        "^n is left",
        "A round leaves 1 - rate, not rate.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_masking_the_weights_after_the_step_is_as_good_as_masking_all() -> None:
    assert masked_step.verdict(masked_after).startswith("passed")
