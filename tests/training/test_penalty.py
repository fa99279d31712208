"""The L1 penalty adds λ sign(w) to the gradient, and makes the trained weights sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip.pruning import count_kept
from minisnip.training import SGD, l1_penalty, magnitude_after_training, train
from minisnip.training.tickets import L1
from tests.networks import small_mlp, toy_dataset

NET, DATA = small_mlp(), toy_dataset()
OPTIONS: dict[str, Any] = {"epochs": 15, "batch_size": 20, "title": None}


def test_one_step_is_that_of_the_penalized_gradient() -> None:
    w, g = {"a": np.array([2.0, -3.0, 0.0])}, {"a": np.array([0.1, 0.2, 0.3])}
    optimizer = L1(SGD(momentum=0.0, weight_decay=0.0), strength=0.5)
    optimizer.step(w, g, optimizer.start(w), rate=0.1)
    np.testing.assert_allclose(w["a"], [2 - 0.06, -3 + 0.03, -0.03])
    np.testing.assert_array_equal(g["a"], [0.1, 0.2, 0.3])


def test_the_penalty_leaves_less_weight_outside_of_what_is_kept() -> None:
    def left_out(ticket: Any) -> float:
        size = {name: np.abs(w) for name, w in ticket.params.items()}
        lost = sum(float((size[name] * (1 - c)).sum()) for name, c in ticket.masks.items())
        return lost / sum(float(a.sum()) for a in size.values())

    start = NET.init(np.random.default_rng(0))
    plain = magnitude_after_training(NET, start, DATA, 0.5, optimizer=SGD(weight_decay=0.0), **OPTIONS)
    pulled = l1_penalty(NET, start, DATA, 0.5, strength=5e-3, **OPTIONS)
    assert left_out(pulled) < 0.6 * left_out(plain)
    assert sum(int(c.sum()) for c in pulled.masks.values()) == count_kept(NET.size, 0.5)


def test_the_ticket_has_the_weights_of_the_penalized_training() -> None:
    start = NET.init(np.random.default_rng(0))
    ticket = l1_penalty(NET, start, DATA, 0.5, strength=1e-3, epochs=1, title=None)
    expected = train(NET, start, DATA, epochs=1, optimizer=L1(SGD(weight_decay=0.0), 1e-3), title=None).params
    for name, w in expected.items():
        np.testing.assert_array_equal(ticket.params[name], w)


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan"), float("inf")])
def test_a_strength_that_is_no_penalty_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match=rf"strength {strength} of the L1 penalty must be above 0"):
        l1_penalty(NET, NET.init(np.random.default_rng(0)), DATA, 0.5, strength=strength)
