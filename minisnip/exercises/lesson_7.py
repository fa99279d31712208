"""Lesson 7: labels that know nothing, a shuffle that changes something, what a control shows, and overlap by chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.exercises.exercise import Exercise, Trial

FINE = "as it should be"


def _blind_labels(answer: Any) -> Iterator[Trial]:
    """The answer is a function (labels, classes, rng) that gives labels that know nothing of the images."""
    batches = {
        "1,000 labels of 3 classes, by turns": (np.arange(1000) % 3, 3),
        "1,000 labels 3 of 10 classes (a batch of one class)": (np.full(1000, 3), 10),
        "900 labels 1 and 100 labels 2 of 5 classes": (np.repeat([1, 2], [900, 100]), 5),
    }
    for given, (y, classes) in batches.items():
        yield Trial(given, partial(_judged_labels, answer, y, classes), FINE)


def _judged_labels(answer: Any, y: Array, classes: int) -> str:
    """What is wrong with the labels, if anything is."""
    given = y.copy()
    first, second = (np.asarray(answer(given, classes, np.random.default_rng(seed))) for seed in (0, 1))
    if not np.array_equal(given, y):
        return "the labels that were given have changed: return new ones"
    if first.shape != y.shape or not set(first.tolist()) <= set(range(classes)):
        return f"not {len(y)} labels from 0 to {classes - 1}"
    if np.array_equal(first, second):
        return "the same labels for two states of the rng: it is not used"
    for own in np.unique(y):  # of the images of each class: every label about as often
        counts, mean = np.bincount(first[y == own], minlength=classes), np.sum(y == own) / classes
        if (np.abs(counts - mean) > 5 * np.sqrt(mean)).any():
            return f"images of class {own} get the labels 0, 1, ... {counts.tolist()} times"
    return FINE


def _moved_masks(answer: Any) -> Iterator[Trial]:
    """The answer is a function (masks, rng) that gives masks with their ones moved, within each layer."""
    wide = np.zeros((4, 10))
    wide[0] = 1
    cases: tuple[Mapping[str, Array], ...] = (
        {"fc1.weight": wide},
        {"fc1.weight": wide, "fc1.bias": np.zeros(4)},
        {"fc1.weight": wide, "fc2.weight": np.eye(10)},
    )
    for masks in cases:
        given = ", ".join(f"{name} of shape {c.shape} with {int(c.sum())} ones" for name, c in masks.items())
        yield Trial(given, partial(_judged_masks, answer, masks), FINE)


def _judged_masks(answer: Any, masks: Mapping[str, Array]) -> str:
    """What is wrong with the masks, if anything is."""
    given = {name: c.copy() for name, c in masks.items()}
    moved = answer(given, np.random.default_rng(0))
    if not isinstance(moved, Mapping) or set(moved) != set(masks):
        return f"{type(moved).__name__}, where a dict of {', '.join(masks)} is asked for"
    if any(not np.array_equal(given[name], masks[name]) for name in masks):
        return "the masks that were given have changed: return new ones"
    for name, c in masks.items():
        new = np.asarray(moved[name])
        if new.shape != c.shape or int(new.sum()) != int(c.sum()) or not np.isin(new, (0, 1)).all():
            return f"{name} has {new.sum():g} ones and the shape {new.shape}, not {int(c.sum())} and {c.shape}"
        if c.any() and not c.all() and np.array_equal(new, c):
            return f"{name} is as it was: nothing has moved"
        if c.ndim == 2 and c.any() and np.array_equal(np.sort(new.sum(axis=1)), np.sort(c.sum(axis=1))):
            return f"{name}: whole rows have moved, each with all its ones"
    return FINE


STATEMENTS = ("needed", "not needed", "nothing to explain")
SEEDS: Mapping[str, Sequence[float]] = {"low": (2.0, 2.4), "near": (2.2, 2.6), "high": (5.0, 9.0)}


def _what_it_shows(answer: Any) -> Iterator[Trial]:
    """The answer is a function (as_is, spoiled, random) of errors of seeds; it gives one of three statements."""
    for random, as_is, spoiled in product(("high", "near", "low"), ("low", "near", "high"), ("low", "near", "high")):
        errors = {"as it is": SEEDS[as_is], "spoiled": SEEDS[spoiled], "random": SEEDS[random]}
        if max(SEEDS[as_is]) >= min(SEEDS[random]):
            expected, hint = STATEMENTS[2], "the method is no better than random: there is no effect to take apart"
        elif max(SEEDS[as_is]) < min(SEEDS[spoiled]):
            expected, hint = STATEMENTS[0], "every seed is worse once it is spoiled"
        else:
            expected, hint = STATEMENTS[1], "the seeds overlap, or the spoiled one is even better: it was not this"
        given = ", ".join(f"{name} {list(e)}" for name, e in errors.items())
        yield Trial(given, partial(answer, *map(list, errors.values())), expected, hint)


def _overlap_and_chance(answer: Any) -> Iterator[Trial]:
    """The answer is a function (a, b) of two flat masks that gives |A ∩ B| / |A ∪ B|, and that by chance."""
    pairs = (
        ([1, 0], [1, 0]),
        ([1, 0], [0, 1]),
        ([1, 1, 0, 0], [1, 0, 1, 0]),
        ([1, 1, 1, 0], [1, 0, 0, 0]),
        ([1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0]),
    )
    for a, b in pairs:
        both = sum(x and y for x, y in zip(a, b, strict=True))
        by_lot = sum(a) * sum(b) / len(a)
        expected = (both / (sum(a) + sum(b) - both), by_lot / (sum(a) + sum(b) - by_lot))
        yield Trial(f"a = {a}, b = {b}", partial(answer, np.array(a), np.array(b)), expected)


blind_labels = Exercise(
    "7.1",
    "labels that know nothing",
    _blind_labels,
    "whatever its class, an image must get each label equally often; of a batch of one class, a permutation is itself",
)
moved_masks = Exercise(
    "7.2",
    "a shuffle that changes something",
    _moved_masks,
    "take the ones of each array to random places in it, rows and columns alike, in new arrays: rng.permutation of "
    "the flat array gives a new one (rng.shuffle changes its argument, and returns None)",
)
what_it_shows = Exercise(
    "7.3",
    "what a control shows",
    _what_it_shows,
    "first ask whether there is an effect at all; then whether it is gone",
)
overlap_and_chance = Exercise(
    "7.4",
    "overlap, and overlap by chance",
    _overlap_and_chance,
    "the union is |A| + |B| - |A ∩ B|; two draws of |A| and |B| out of m places have |A| |B| / m in common on average",
)
