"""What is no seed gets a sentence, wherever a seed can be passed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minisnip import check_gradient, check_grads, ops
from minisnip.nn import Linear, Sequential
from minisnip.pruning import noise_images, random_labels, random_masks, scoring_batch, shuffle_masks

NET = Sequential((2,), fc=Linear(2, 2))
X, Y = np.ones((4, 2)), np.array([0, 1, 0, 1])
MASKS = {"fc.weight": np.eye(2)}
CALLS: dict[str, Callable[[Any], Any]] = {
    "check_grads": lambda seed: check_grads(ops.exp, X, seed=seed),
    "check_gradient": lambda seed: check_gradient(np.sum, np.ones_like, X, seed=seed),
    "init": NET.init,
    "shuffle_masks": lambda seed: shuffle_masks(MASKS, seed),
    "random_masks": lambda seed: random_masks(MASKS, {"fc.weight": 2}, seed),
    "random_labels": lambda seed: random_labels(Y, 2, seed),
    "noise_images": lambda seed: noise_images(X, seed),
    "scoring_batch": lambda seed: scoring_batch(X, Y, 2, seed),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (1.5, TypeError), ({}, TypeError)])
def test_what_is_no_seed_is_told(call: str, seed: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"is no seed: expected a whole number, 0 or more, or a np\.random\.Generator"):
        CALLS[call](seed)
