"""Lesson 8's checks catch the answers that students give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.exercises.lesson_8 import compacted, effective, iterate, needed
from tests.benchmarks import page
from tests.benchmarks.compaction import for_lesson
from tests.exercises.wrong import assert_caught

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tutorials" / "data" / "08_milliseconds.csv"


def fed_only(masks: list[Array]) -> Any:
    """Counts what the input reaches, wherever it leads."""
    fed: Any = np.ones(masks[0].shape[1], bool)
    count = 0
    for c in masks:
        count += int((c * fed).sum())
        fed = (c * fed).any(axis=1)
    return count


def neighbors(masks: list[Array]) -> int:
    """Looks one connection back and one ahead, not along the whole path."""
    count = 0
    for i, c in enumerate(masks):
        fed = masks[i - 1].any(axis=1) if i else np.ones(c.shape[1], bool)
        read = masks[i + 1].any(axis=0) if i + 1 < len(masks) else np.ones(len(c), bool)
        count += int((c * np.outer(read, fed)).sum())
    return count


def rounds_that(step: Callable[[Array, Array, int], Array], share: Callable[[int, int, float, int], float]) -> Any:
    def answer(score: Any, size: int, kappa: int, rounds: int) -> Array:
        mask = np.ones(size)
        for t in range(1, rounds + 1):
            mask = step(score(mask), mask, round(share(size, kappa, t, rounds)))
        return mask

    return answer


def top(scores: Array, mask: Array, count: int) -> Array:
    """Forgets that what is removed stays removed."""
    kept = np.zeros(len(scores))
    kept[np.argsort(-scores)[:count]] = 1
    return kept


def top_left(scores: Array, mask: Array, count: int) -> Array:
    return top(np.where(mask == 1, scores, -np.inf), mask, count)


def worst_left(scores: Array, mask: Array, count: int) -> Array:
    return top(np.where(mask == 1, -scores, -np.inf), mask, count)


def geometric(size: int, kappa: int, t: float, rounds: int) -> float:
    return float(size * (kappa / size) ** (t / rounds))


def linear(size: int, kappa: int, t: float, rounds: int) -> float:
    return size - (size - kappa) * t / rounds


def one_shot(score: Any, size: int, kappa: int, rounds: int) -> Array:
    return top(score(np.ones(size)), np.ones(size), kappa)


def units(alive: Callable[[Array, Array, Array], Any]) -> Any:
    def answer(w1: Array, b1: Array, w2: Array) -> tuple[Array, Array, Array]:
        left = alive(w1, b1, w2)
        return w1[left], b1[left], w2[:, left]

    return answer


WRONG = {
    "one for each layer": (
        needed,
        len,
        "which layer has to wait longest",
        "The best scores of one layer may all come before another layer's first.",
    ),
    "one too few": (
        needed,
        lambda scores: int(sum((s > min(map(max, scores))).sum() for s in scores)),
        "expected",
        "`>` in place of `>=`: the last one needed is not counted.",
    ),
    "the best of all": (
        needed,
        lambda scores: int(sum((s >= max(map(max, scores))).sum() for s in scores)),
        "wait",
        "Waits for the layer that comes first, not for the last one.",
    ),
    "all that is kept": (
        effective,
        lambda masks: int(sum(c.sum() for c in masks)),
        "two walks",
        "Kept is not yet used: a connection may lead nowhere.",
    ),
    "forward only": (effective, fed_only, "going backward", "What the input reaches may lead to no output."),
    "neighbors only": (
        effective,
        neighbors,
        "going forward",
        "Looks one layer back and one ahead: a path may break further away.",
    ),
    "one shot": (iterate, one_shot, "are asked for", "All is cut in one round: nothing is asked again."),
    "the same number each round": (
        iterate,
        rounds_that(top_left, linear),
        "after each round",
        "The same number is removed in each round, where the same share is asked for.",
    ),
    "no mask": (
        iterate,
        lambda score, size, kappa, rounds: 2 * one_shot(score, size, kappa, rounds),
        "no mask of 4",
        "A mask holds 0 and 1.",
    ),
    "a longer mask": (iterate, lambda *given: np.append(one_shot(*given), 0), "no mask of 4 zeros and ones", ""),
    "the removed return": (
        iterate,
        rounds_that(top, geometric),
        "keeps again what was removed",
        "Removed connections get scores again, and come back.",
    ),
    "the worst are kept": (
        iterate,
        rounds_that(worst_left, geometric),
        "higher score than one that it keeps",
        "Sorted upward: the lowest scores are kept.",
    ),
    "nothing is cut": (compacted, lambda w1, b1, w2: (w1, b1, w2), "nothing reads it", "The network as it was."),
    "nothing is cut, in words": (compacted, lambda w1, b1, w2: (w1, b1, w2), "2 hidden units; outputs for three x", ""),
    "the other sign": (
        compacted,
        lambda w1, b1, w2: (-w1, b1, w2),
        "given     w1 = [[1.0]], b1 = [0.0]",
        "ReLU is not symmetric: -w1 is another network.",
    ),
    "only unread units": (
        compacted,
        units(lambda w1, b1, w2: w2.any(axis=0)),
        "reads nothing",
        "Units that read nothing, and have no bias, are dead too.",
    ),
    "the bias forgotten": (
        compacted,
        units(lambda w1, b1, w2: w1.any(axis=1) & w2.any(axis=0)),
        "relu(b1)",
        "A unit that reads nothing still gives relu(b1).",
    ),
    "any zero": (
        compacted,
        units(lambda w1, b1, w2: w1.all(axis=1) & w2.all(axis=0)),
        "*all* of it",
        "`all` in place of `any`: one zero in a row does not make it dead.",
    ),
    "a sum for an any": (
        compacted,
        units(lambda w1, b1, w2: (w1.sum(axis=1) != 0) & (w2.sum(axis=0) != 0)),
        "got",
        "A row that sums to 0 need not be zero.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_the_recorded_milliseconds_are_those_of_the_site() -> None:
    """After a new measurement, `python -m tests.benchmarks.all` writes both."""
    record = page.shipped()
    assert record["smoke"] or RECORDED.read_text(encoding="utf-8") == for_lesson(record["parts"]["compaction"])


def test_zero_is_a_score_for_the_removed_too_as_all_others_are_positive() -> None:
    by_mask = rounds_that(lambda scores, mask, count: top(scores * mask, mask, count), geometric)
    assert iterate.verdict(by_mask).startswith("passed")
