"""Lesson 7: labels that know nothing, a shuffle that changes something, what a control shows, and overlap by chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array, Arrays
from minisnip.exercises.checks import Trial, exercise

FINE = "as it should be"


@exercise(
    "7.1",
    "labels that know nothing",
    "if all images are of one class, which labels does your control give them?",
    "whatever its class, an image must get each label equally often; a permutation of a batch of one class changes "
    "nothing",
    "rng.integers(0, classes, len(y)) looks at no label",
    own=("minisnip.pruning",),
)
def blind_labels(answer: Any) -> Iterator[Trial]:
    """The answer is a function (labels, classes, rng) that returns labels that are independent of the images."""
    batches = {
        "1,000 labels of 3 classes, by turns": (np.arange(1000) % 3, 3),
        "1,000 labels 3 of 10 classes (a batch of one class)": (np.full(1000, 3), 10),
        "900 labels 1 and 100 labels 2 of 5 classes": (np.repeat([1, 2], [900, 100]), 5),
    }
    for given, (y, classes) in batches.items():
        kind = "batches of one class" if np.ptp(y) == 0 else "batches of several classes"
        yield Trial(given, partial(_judge_labels, answer, y, classes), FINE, kind=kind)


def _judge_labels(answer: Any, y: Array, classes: int) -> str:
    """What is wrong with the labels, if anything is."""
    given = y.copy()
    first, second, again = (np.asarray(answer(given, classes, np.random.default_rng(seed))) for seed in (0, 1, 0))
    if not np.array_equal(given, y):
        return "the labels that were given have changed: return new ones"
    if first.shape != y.shape or not set(first.tolist()) <= set(range(classes)):
        return f"not {len(y)} labels from 0 to {classes - 1}"
    if np.array_equal(first, second):
        return "the same labels for two states of the rng: nothing in them is random"
    if not np.array_equal(first, again):
        return "other labels for the same state of the rng: draw them from this rng"
    for true in np.unique(y):  # images of each class get every label about equally often
        counts, mean = np.bincount(first[y == true], minlength=classes), np.sum(y == true) / classes
        if (np.abs(counts - mean) > 5 * np.sqrt(mean)).any():
            return f"images of class {true} get the labels 0, 1, ... {counts.tolist()} times"
    return FINE


@exercise(
    "7.2",
    "a shuffle that changes something",
    "what does your function move: single ones, whole rows, or nothing?",
    "take the ones of each array to random places in it, rows and columns alike, in new arrays: rng.permutation of "
    "the flat array gives a new one (rng.shuffle changes its argument, and returns None)",
    "for each array: rng.permutation(c.ravel()).reshape(c.shape)",
    own=("minisnip.pruning",),
)
def moved_masks(answer: Any) -> Iterator[Trial]:
    """The answer is a function (masks, rng) that returns masks whose ones have moved, within each layer."""
    wide = np.zeros((4, 10))
    wide[0] = 1
    cases: tuple[Arrays, ...] = (
        {"fc1.weight": wide},
        {"fc1.weight": wide, "fc1.bias": np.zeros(4)},
        {"fc1.weight": wide, "fc2.weight": np.eye(10)},
    )
    for masks in cases:
        given = ", ".join(f"{name} of shape {c.shape} with {int(c.sum())} ones" for name, c in masks.items())
        yield Trial(given, partial(_judge_masks, answer, masks), FINE, kind="dicts of masks")


def _judge_masks(answer: Any, masks: Arrays) -> str:
    """What is wrong with the masks, if anything is."""
    given = {name: c.copy() for name, c in masks.items()}
    moved = answer(given, np.random.default_rng(0))
    if not isinstance(moved, Mapping) or set(moved) != set(masks):
        return f"{type(moved).__name__}, where a dict of {', '.join(masks)} is asked for"
    if any(not np.array_equal(given[name], masks[name]) for name in masks):
        return "the masks that were given have changed: return new ones"
    for name, c in masks.items():
        new = np.asarray(moved[name])
        if not np.isin(new, (0, 1)).all():
            return f"{name} has other numbers than 0 and 1"
        if new.shape != c.shape or new.sum() != c.sum():
            return f"{name} has {new.sum():g} ones and the shape {new.shape}, not {int(c.sum())} and {c.shape}"
        if c.any() and np.array_equal(new, c):
            return f"{name} is as it was: nothing has moved"
        if c.any() and np.array_equal(np.sort(new.sum(axis=1)), np.sort(c.sum(axis=1))):
            return f"{name}: whole rows have moved, each with all its ones"
    return FINE


NEEDED, NOT_NEEDED, NOTHING = "needed", "not needed", "nothing to explain"
SEEDS = {"low": [2.0, 2.4], "near": [2.2, 2.6], "high": [5.0, 9.0]}


@exercise(
    "7.3",
    "what a control shows",
    "which comparison tells whether there is anything to explain?",
    "first ask whether there is an effect at all; then whether it is gone",
    "nothing to explain if max(as_is) >= min(random); else needed if max(as_is) < min(ablated); else not needed",
)
def what_it_shows(answer: Any) -> Iterator[Trial]:
    """The answer is a function (as_is, ablated, random) of the errors of seeds; it returns one of three statements."""
    for random, as_is, ablated in product(("high", "near", "low"), ("low", "near", "high"), ("low", "near", "high")):
        errors = {"as it is": SEEDS[as_is], "ablated": SEEDS[ablated], "random": SEEDS[random]}
        if max(SEEDS[as_is]) >= min(SEEDS[random]):
            expected, hint = NOTHING, "the method is no better than random: there is no effect to explain"
        elif max(SEEDS[as_is]) < min(SEEDS[ablated]):
            expected, hint = NEEDED, "every seed is worse after the ablation"
        else:
            expected, hint = (
                NOT_NEEDED,
                "the seeds overlap, or the ablated ones are even better: it makes no difference",
            )
        given = ", ".join(f"{name} {e}" for name, e in errors.items())
        yield Trial(given, partial(answer, *map(list, errors.values())), expected, hint, f"cases of '{expected}'")


@exercise(
    "7.4",
    "overlap, and overlap by chance",
    "if you know |A|, |B| and |A ∩ B|, how many places are in A or in B?",
    "the union is |A| + |B| - |A ∩ B|; two draws of |A| and |B| out of m places have |A| |B| / m in common on average",
    "common / (|A| + |B| - common), once with common = |A ∩ B| and once with common = |A| |B| / m",
    own=("minisnip.pruning",),
)
def overlap_and_chance(answer: Any) -> Iterator[Trial]:
    """The answer is a function (a, b) of two flat masks that returns |A ∩ B| / |A ∪ B|, and its value by chance."""
    pairs = (
        ([1, 0], [1, 0]),
        ([1, 0], [0, 1]),
        ([1, 1, 0, 0], [1, 0, 1, 0]),
        ([1, 1, 1, 0], [1, 0, 0, 0]),
        ([1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0]),
    )
    for a, b in pairs:
        both = sum(x and y for x, y in zip(a, b, strict=True))
        by_chance = sum(a) * sum(b) / len(a)
        expected = (both / (sum(a) + sum(b) - both), by_chance / (sum(a) + sum(b) - by_chance))
        kind = "masks that overlap" if both else "masks that do not overlap"
        yield Trial(f"a = {a}, b = {b}", partial(answer, np.array(a), np.array(b)), expected, kind=kind)
