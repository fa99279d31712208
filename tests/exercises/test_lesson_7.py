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
    "a permutation": (
        blind_labels,
        lambda y, classes, rng: rng.permutation(y),
        "permutation",
        "A permutation of a batch of one class is the same batch: this control changes nothing.",
    ),
    "the next class": (
        blind_labels,
        lambda y, classes, rng: (y + 1) % classes,
        "rng",
        "The new label tells the old one exactly.",
    ),
    "one label for all": (
        blind_labels,
        lambda y, classes, rng: np.full(len(y), rng.integers(classes)),
        "times",
        "All images get the same label, which is drawn once.",
    ),
    "never the true label": (
        blind_labels,
        lambda y, k, rng: (y + rng.integers(1, k, len(y))) % k,
        "times",
        "Not to be the true label is information about it.",
    ),
    "the last class left out": (
        blind_labels,
        lambda y, k, rng: rng.integers(0, k - 1, len(y)),
        "times",
        "`rng.integers(0, k - 1)` never draws k - 1, as its end is not included.",
    ),
    "another generator": (
        blind_labels,
        lambda y, k, rng: np.random.default_rng().integers(0, k, len(y)),
        "draw them from this rng",
        "Drawn from a generator of its own: nobody can draw the same labels again.",
    ),
    "in place": (blind_labels, shuffled_in_place, "return new ones", "The caller's labels are changed."),
    "two labels only": (
        blind_labels,
        lambda y, classes, rng: rng.integers(0, 2, len(y)),
        "times",
        "Only the labels 0 and 1 occur.",
    ),
    "a class too many": (
        blind_labels,
        lambda y, k, rng: rng.integers(0, k + 1, len(y)),
        "not 1000 labels from 0 to 2",
        "The end of `rng.integers` is not included: k, not k + 1.",
    ),
    "from -1": (
        blind_labels,
        lambda y, k, rng: rng.integers(-1, k, len(y)),
        "not 1000 labels from 0 to 2",
        "Labels begin at 0.",
    ),
    "a label too few": (
        blind_labels,
        lambda y, k, rng: rng.integers(0, k, len(y) - 1),
        "not 1000 labels from 0 to 2",
        "There must be one label for each image.",
    ),
    "too often and too rarely": (blind_labels, counted(151, 49, *[100] * 8), "0, 1, ... [151, 49, 100, 100,", ""),
    "too rarely": (blind_labels, counted(140, 49, 111, *[100] * 7), "images of class 3", ""),
    "a longer mask": (moved_masks, in_another_shape(10), "10 ones and the shape (10, 10), not 10 and (4, 10)", ""),
    "a wider mask": (moved_masks, in_another_shape(11), "10 ones and the shape (10, 11), not 10 and (4, 10)", ""),
    "a flat mask": (
        moved_masks,
        lambda masks, rng: {n: c.ravel() for n, c in masks.items()},
        "the shape (40,)",
        "The masks have lost their shapes.",
    ),
    "halves": (
        moved_masks,
        lambda m, rng: {n: np.eye(4, 10) * 2.5 for n in m},
        "other numbers than 0 and 1",
        "A mask holds 0 and 1.",
    ),
    "a list of masks": (
        moved_masks,
        lambda masks, rng: [*masks.values()],
        "list, where a dict of fc1.weight is asked",
        "A dict with the names of the layers is asked for.",
    ),
    "a layer too many": (
        moved_masks,
        lambda masks, rng: {**masks, "fc3": 1},
        "dict, where a dict of fc1.weight",
        "The names of the layers must be those that were given.",
    ),
    "rebound names": (
        moved_masks,
        rebound,
        "nothing has moved",
        "`c = …` in a loop gives a new array to the name c; the dict keeps the old ones. A real package had this bug.",
    ),
    "the masks as they are": (
        moved_masks,
        lambda masks, rng: dict(masks),
        "nothing has moved",
        "A new dict with the same arrays.",
    ),
    "in place, moved": (moved_masks, changed, "return new ones", "The caller's masks are changed."),
    "rows": (
        moved_masks,
        lambda masks, rng: {n: rng.permutation(c) for n, c in masks.items()},
        "whole rows",
        "`rng.permutation` of a matrix moves whole rows: each unit keeps its number of ones.",
    ),
    "in each row": (
        moved_masks,
        lambda m, rng: {n: rng.permuted(c, axis=-1) for n, c in m.items()},
        "nothing has moved",
        "Moved within each row: a full row stays as it is.",
    ),
    "across layers": (
        moved_masks,
        across_layers,
        "ones and the shape",
        "Ones move between layers, so the layers' counts change.",
    ),
    "about as many": (moved_masks, at_random, "ones and the shape", "As many ones only on average."),
    "shuffle's answer": (
        moved_masks,
        lambda masks, rng: {n: rng.shuffle(c) for n, c in masks.items()},
        "rng.permutation",
        "`rng.shuffle` changes its argument and returns None.",
    ),
    "means": (what_it_shows, means, "seeds overlap", "The means differ while the seeds overlap."),
    "no random masks": (
        what_it_shows,
        without_random,
        "no better than random",
        "Never asks whether there is an effect.",
    ),
    "always needed": (what_it_shows, lambda *errors: "needed", "overlap", "One answer for all."),
    "intersection": (
        overlap_and_chance,
        lambda a, b: (np.sum(a * b), a.sum() * b.sum() / a.size),
        "the union",
        "The size of the intersection, not its share of the union.",
    ),
    "agreement": (
        overlap_and_chance,
        lambda a, b: (np.mean(a == b), 0.5),
        "the union",
        "Places where both are 0 count as agreement: two very sparse masks would always be alike.",
    ),
    "no chance": (overlap_and_chance, lambda a, b: (jaccard(a, b), 0.0), "on average", "Two random masks overlap too."),
    "chance of one": (
        overlap_and_chance,
        lambda a, b: (jaccard(a, b), np.mean(a)),
        "on average",
        "The share that one mask keeps, where both are needed.",
    ),
    "not over the union": (
        overlap_and_chance,
        lambda a, b: (jaccard(a, b), a.mean() * b.mean()),
        "on average",
        "The expected intersection is not divided by the union.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_the_shuffle_of_the_package_passes() -> None:
    assert moved_masks.verdict(shuffle_masks).startswith("passed")
    assert blind_labels.verdict(random_labels).startswith("passed")


def test_labels_may_miss_the_mean_by_five_of_its_square_roots() -> None:
    assert blind_labels.verdict(counted(150, 50, *[100] * 8)).startswith("passed")
