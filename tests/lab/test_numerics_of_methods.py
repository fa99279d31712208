"""The choices of every method, control and ticket are fixed too: others than these need a new NUMERICS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from minisnip import pruning, training
from minisnip.autodiff.engine import Arrays
from minisnip.pruning import METHODS
from minisnip.training import SCHEDULES, train
from tests.lab.test_numerics import CHANGED
from tests.networks import random_batch, random_params, small_mlp, toy_dataset

NET, RNG = small_mlp(), np.random.default_rng(0)
PARAMS, (X, Y) = random_params(NET, RNG), random_batch(NET, RNG, 20)
MASKS = METHODS["snip"](NET, PARAMS, X, Y, 0.7)


def number(arrays: Arrays) -> int:
    """A number that says which connections are kept: the sum of their places."""
    flat = np.concatenate([np.ravel(a) != 0 for a in arrays.values()])
    return int(np.flatnonzero(flat).sum())


def ticket(make: Callable[..., training.Ticket]) -> int:
    return number(make(NET, PARAMS, toy_dataset(), 0.7, epochs=2, batch_size=40, rng=0, title=None).masks)


def _method(name: str) -> int:
    return number(METHODS[name](NET, PARAMS, X, Y, 0.7, rng=0))


def _schedule(name: str) -> float:
    return sum(SCHEDULES[name](i, 10) for i in range(10))


FOUND: dict[str, Callable[[], float]] = {
    **{name: partial(_method, name) for name in METHODS},
    "magnitude-after-training": lambda: ticket(training.magnitude_after_training),
    "lottery-ticket": lambda: ticket(training.lottery_ticket),
    "l1-penalty": lambda: ticket(partial(training.l1_penalty, strength=0.05)),
    "from-scratch": lambda: ticket(training.from_scratch),
    "shuffled": lambda: number(pruning.shuffle_masks(MASKS, 0)),
    "same-counts": lambda: number(pruning.random_masks(PARAMS, {n: int(c.sum()) for n, c in MASKS.items()}, 0)),
    "random-labels": lambda: number(METHODS["snip"](NET, PARAMS, X, pruning.random_labels(Y, 4, 0), 0.7)),
    "noise-images": lambda: number(METHODS["snip"](NET, PARAMS, pruning.noise_images(X, 0), Y, 0.7)),
    **{f"schedule {name}": partial(_schedule, name) for name in SCHEDULES},
    "compact": lambda: train(NET, PARAMS, toy_dataset(), MASKS, 2, compact=True, title=None).history[-1]["train_loss"],
}

GOLDEN: dict[str, float] = {
    "snip": 3197,
    "delta-loss": 3177,
    "random": 2850,
    "magnitude": 2824,
    "gradient": 3167,
    "obd": 3125,
    "grasp": 2706,
    "synflow": 3288,
    "least-sensitive": 2453,
    "iterative-snip": 2789,
    "force": 2593,
    "magnitude-after-training": 2671,
    "lottery-ticket": 2815,
    "l1-penalty": 2655,
    "from-scratch": 2799,
    "shuffled": 3273,
    "same-counts": 3191,
    "random-labels": 2984,
    "noise-images": 2947,
    "schedule constant": 10.0,
    "schedule step": 3.232,
    "schedule cosine": 5.5,
    "schedule warmup": 3.2319999999999993,
    "schedule warmup_cosine": 5.5,
    "compact": 1.389998973,
}


@pytest.mark.parametrize("name", FOUND)
def test_what_is_chosen_is_what_this_version_of_the_numerics_chooses(name: str) -> None:
    found = FOUND[name]()
    assert found == pytest.approx(GOLDEN[name], rel=1e-6), f"{CHANGED}: {name!r}: {found}"
