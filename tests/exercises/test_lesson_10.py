"""Lesson 10's checks catch the answers that students give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.exercises.lesson_10 import is_round_off, milliseconds, state_of
from tests.exercises.wrong import assert_caught


def entries(params: dict[str, Array], masks: dict[str, Array]) -> dict[str, Array]:
    state: dict[str, Array] = {}
    for name, w in params.items():
        state |= {f"{name}_orig": w, f"{name}_mask": masks[name]} if name in masks else {name: w}
    return state


def all_renamed(params: dict[str, Array], masks: dict[str, Array]) -> dict[str, Array]:
    return {f"{name}_orig": w for name, w in params.items()} | {f"{name}_mask": c for name, c in masks.items()}


def multiplied(params: dict[str, Array], masks: dict[str, Array]) -> dict[str, Array]:
    return {name: w * masks.get(name, 1) for name, w in params.items()}


def with_weight_kept(params: dict[str, Array], masks: dict[str, Array]) -> dict[str, Array]:
    return params | {f"{name}_mask": c for name, c in masks.items()}


def near(scores: Array, a: Array, b: Array, tolerance: float) -> bool:
    threshold = scores[a == 1].min()
    return bool((abs(scores[a != b] - threshold) <= tolerance * threshold).all())


def absolute(scores: Array, a: Array, b: Array, tolerance: float) -> bool:
    return bool((abs(scores[a != b] - scores[a == 1].min()) <= tolerance).all())


def one_side(scores: Array, a: Array, b: Array, tolerance: float) -> bool:
    threshold = scores[a == 1].min()
    return bool((scores[a < b] >= (1 - tolerance) * threshold).all())


def timed(reduce: Callable[[list[float]], Any], warm: int = 1, factor: float = 1000) -> Any:
    def answer(work: Any, clock: Any, repeats: int) -> Any:
        for _ in range(warm):
            work()
        seconds = []
        for _ in range(repeats):
            start = clock()
            work()
            seconds.append(clock() - start)
        return factor * reduce(seconds)

    return answer


WRONG = {
    "all renamed": (state_of, all_renamed, "keeps its name", "A parameter without a mask keeps its name."),
    "multiplied": (
        state_of,
        multiplied,
        "name_orig",
        "The product is what the layer uses; PyTorch stores its two factors.",
    ),
    "the weight keeps its name": (
        state_of,
        with_weight_kept,
        "name_orig",
        "With a mask, the weights are called name_orig.",
    ),
    "in all": (
        is_round_off,
        lambda scores, a, b, tolerance: bool((a == b).all()),
        "within",
        "No two programs round alike.",
    ),
    "few differ": (
        is_round_off,
        lambda scores, a, b, tolerance: (a != b).sum() <= 2,
        "each score",
        "Few can be wrong as well: how far are they from the threshold?",
    ),
    "an absolute tolerance": (
        is_round_off,
        absolute,
        "times the threshold",
        "Scores have units: 0.01 may be all of them.",
    ),
    "only what came in": (is_round_off, one_side, "where the masks differ", "What went out counts too."),
    "the kept scores in order": (
        is_round_off,
        lambda scores, a, b, tolerance: np.allclose(scores[a == 1], scores[b == 1], rtol=tolerance),
        "where the masks differ",
        "Which connection is beside which depends on their places: a tie moves all that lie between.",
    ),
    "the kept scores, sorted": (
        is_round_off,
        lambda scores, a, b, tolerance: np.allclose(np.sort(scores[a == 1]), np.sort(scores[b == 1]), rtol=tolerance),
        "more than the tolerance",
        "Compares each score with its neighbor, not with the threshold.",
    ),
    "the mean": (milliseconds, timed(np.mean), "median", "One slow call moves the mean."),
    "the least": (milliseconds, timed(min), "median", "The least time is that of the luckiest call."),
    "not warmed up": (milliseconds, timed(np.median, warm=0), "once before", "The first call sets things up."),
    "seconds": (milliseconds, timed(np.median, factor=1), "times 1000", "Seconds are no milliseconds."),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


@pytest.mark.parametrize(
    ("exercise", "answer"), [(state_of, entries), (is_round_off, near), (milliseconds, timed(np.median))]
)
def test_the_right_answers_pass(exercise: Any, answer: Any) -> None:
    assert exercise.verdict(answer).startswith("passed")
