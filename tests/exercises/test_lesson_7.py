"""Lesson 7's checks catch the answers that students give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip.exercises.lesson_7 import blind_labels, moved_masks, overlap_and_chance, what_it_shows
from minisnip.pruning import random_labels, shuffle_masks
from tests.exercises.wrong import assert_caught


def shuffled_in_place(y: Any, classes: int, rng: np.random.Generator) -> Any:
    y[:] = rng.integers(0, classes, len(y))
    return y


def counted(*counts: int) -> Any:
    """For images of one class the labels 0, 1, ... that many times; as they should be for others."""

    def answer(y: Any, classes: int, rng: np.random.Generator) -> Any:
        return rng.permutation(np.repeat(range(10), counts)) if classes == 10 else random_labels(y, classes, rng)

    return answer


def in_another_shape(width: int) -> Any:
    """As many ones in rows of another length or number."""

    def answer(masks: Any, rng: np.random.Generator) -> Any:
        return {n: c if c.ndim == 1 else np.eye(10, width)[: int(c.sum())] for n, c in masks.items()}

    return answer


def rebound(masks: Any, rng: np.random.Generator) -> Any:
    for c in masks.values():
        c = rng.permutation(c.ravel()).reshape(c.shape)
    return masks


def changed(masks: Any, rng: np.random.Generator) -> Any:
    for c in masks.values():
        rng.shuffle(c.reshape(-1))
    return masks


def across_layers(masks: Any, rng: np.random.Generator) -> Any:
    flat = rng.permutation(np.concatenate([c.ravel() for c in masks.values()]))
    parts = np.split(flat, np.cumsum([c.size for c in masks.values()])[:-1])
    return {name: part.reshape(c.shape) for (name, c), part in zip(masks.items(), parts, strict=True)}


def at_random(masks: Any, rng: np.random.Generator) -> Any:
    return {name: (rng.random(c.shape) < c.mean()).astype(float) for name, c in masks.items()}


def means(as_is: Any, ablated: Any, random: Any) -> str:
    if np.mean(as_is) >= np.mean(random):
        return "nothing to explain"
    return "needed" if np.mean(as_is) < np.mean(ablated) else "not needed"


def without_random(as_is: Any, ablated: Any, random: Any) -> str:
    return "needed" if max(as_is) < min(ablated) else "not needed"


def jaccard(a: Any, b: Any) -> Any:
    return np.sum(a * b) / np.sum(a + b > 0)


WRONG = {
    "a permutation": (blind_labels, lambda y, classes, rng: rng.permutation(y), "permutation"),
    "the next class": (blind_labels, lambda y, classes, rng: (y + 1) % classes, "rng"),
    "one label for all": (blind_labels, lambda y, classes, rng: np.full(len(y), rng.integers(classes)), "times"),
    "never the true label": (blind_labels, lambda y, k, rng: (y + rng.integers(1, k, len(y))) % k, "times"),
    "the last class left out": (blind_labels, lambda y, k, rng: rng.integers(0, k - 1, len(y)), "times"),
    "in place": (blind_labels, shuffled_in_place, "return new ones"),
    "two labels only": (blind_labels, lambda y, classes, rng: rng.integers(0, 2, len(y)), "times"),
    "a class too many": (blind_labels, lambda y, k, rng: rng.integers(0, k + 1, len(y)), "not 1000 labels from 0 to 2"),
    "from -1": (blind_labels, lambda y, k, rng: rng.integers(-1, k, len(y)), "not 1000 labels from 0 to 2"),
    "a label too few": (blind_labels, lambda y, k, rng: rng.integers(0, k, len(y) - 1), "not 1000 labels from 0 to 2"),
    "too often and too rarely": (blind_labels, counted(151, 49, *[100] * 8), "0, 1, ... [151, 49, 100, 100,"),
    "too rarely": (blind_labels, counted(140, 49, 111, *[100] * 7), "images of class 3"),
    "a longer mask": (moved_masks, in_another_shape(10), "10 ones and the shape (10, 10), not 10 and (4, 10)"),
    "a wider mask": (moved_masks, in_another_shape(11), "10 ones and the shape (10, 11), not 10 and (4, 10)"),
    "a flat mask": (moved_masks, lambda masks, rng: {n: c.ravel() for n, c in masks.items()}, "the shape (40,)"),
    "halves": (moved_masks, lambda m, rng: {n: np.eye(4, 10) * 2.5 for n in m}, "other numbers than 0 and 1"),
    "a list of masks": (moved_masks, lambda masks, rng: [*masks.values()], "list, where a dict of fc1.weight is asked"),
    "a layer too many": (moved_masks, lambda masks, rng: {**masks, "fc3": 1}, "dict, where a dict of fc1.weight"),
    "rebound names": (moved_masks, rebound, "nothing has moved"),
    "the masks as they are": (moved_masks, lambda masks, rng: dict(masks), "nothing has moved"),
    "in place, moved": (moved_masks, changed, "return new ones"),
    "rows": (moved_masks, lambda masks, rng: {n: rng.permutation(c) for n, c in masks.items()}, "whole rows"),
    "in each row": (
        moved_masks,
        lambda m, rng: {n: rng.permuted(c, axis=-1) for n, c in m.items()},
        "nothing has moved",
    ),
    "across layers": (moved_masks, across_layers, "ones and the shape"),
    "about as many": (moved_masks, at_random, "ones and the shape"),
    "shuffle's answer": (
        moved_masks,
        lambda masks, rng: {n: rng.shuffle(c) for n, c in masks.items()},
        "rng.permutation",
    ),
    "means": (what_it_shows, means, "seeds overlap"),
    "no random masks": (what_it_shows, without_random, "no better than random"),
    "always needed": (what_it_shows, lambda *errors: "needed", "overlap"),
    "intersection": (overlap_and_chance, lambda a, b: (np.sum(a * b), a.sum() * b.sum() / a.size), "the union"),
    "agreement": (overlap_and_chance, lambda a, b: (np.mean(a == b), 0.5), "the union"),
    "no chance": (overlap_and_chance, lambda a, b: (jaccard(a, b), 0.0), "on average"),
    "chance of one": (overlap_and_chance, lambda a, b: (jaccard(a, b), np.mean(a)), "on average"),
    "not over the union": (overlap_and_chance, lambda a, b: (jaccard(a, b), a.mean() * b.mean()), "on average"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_the_shuffle_of_the_package_passes() -> None:
    assert moved_masks.verdict(shuffle_masks).startswith("passed")
    assert blind_labels.verdict(random_labels).startswith("passed")


def test_labels_may_miss_the_mean_by_five_of_its_square_roots() -> None:
    assert blind_labels.verdict(counted(150, 50, *[100] * 8)).startswith("passed")
