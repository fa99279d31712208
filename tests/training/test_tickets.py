"""Magnitude after training keeps the largest trained weights; a ticket has the bytes it started from."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.pruning import LayerCollapseWarning, count_kept, emptied_layers, keep_top, keep_top_per_layer
from minisnip.training import (
    Ticket,
    TrainingInterrupted,
    TrainResult,
    loop,
    lottery_ticket,
    magnitude_after_training,
    reinitialized,
    tickets,
    train,
)
from tests.networks import small_mlp, toy_dataset

NET, DATA = small_mlp(), toy_dataset()
SHORT: dict[str, Any] = {"epochs": 2, "title": None}


def start(seed: int = 0) -> dict[str, Array]:
    return NET.init(np.random.default_rng(seed))


def kept(masks: dict[str, Array]) -> int:
    return sum(int(np.count_nonzero(c)) for c in masks.values())


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of every call of `train`, with its result."""
    calls: list[dict[str, Any]] = []

    def spy(net: Any, params: Any, dataset: Any, **options: Any) -> TrainResult:
        before = {name: w.copy() for name, w in params.items()}
        result = train(net, params, dataset, **options)
        calls.append({"params": before, "result": result, **options})
        return result

    monkeypatch.setattr(tickets, "train", spy)
    return calls


def test_magnitude_after_training_keeps_the_largest_trained_weights_and_their_values() -> None:
    ticket = magnitude_after_training(NET, start(), DATA, 0.7, **SHORT)
    trained = train(NET, start(), DATA, **SHORT).params
    expected = keep_top({name: np.abs(w) for name, w in trained.items()}, 0.7)
    for name, w in trained.items():
        np.testing.assert_array_equal(ticket.params[name], w)
        np.testing.assert_array_equal(ticket.masks[name], expected[name])


def test_a_lottery_ticket_is_rewound_to_the_initial_bytes_before_every_round(trainings: list[dict[str, Any]]) -> None:
    initial = start()
    before = {name: w.copy() for name, w in initial.items()}
    ticket = lottery_ticket(NET, initial, DATA, 0.7, **SHORT)
    assert len(trainings) == 6  # 0.8^5 = 0.328 > 0.3
    for call in trainings:
        assert all(call["params"][name].tobytes() == w.tobytes() for name, w in before.items())
        assert any((call["result"].params[name] != w).any() for name, w in before.items())  # it did train
    for name, w in before.items():
        assert ticket.params[name].tobytes() == initial[name].tobytes() == w.tobytes()
        assert not np.shares_memory(ticket.params[name], initial[name])


@pytest.mark.parametrize("keep", [keep_top, keep_top_per_layer])
def test_each_round_prunes_at_most_a_fifth_of_the_remaining_connections_by_trained_magnitude(
    trainings: list[dict[str, Any]], keep: Any
) -> None:
    ticket = lottery_ticket(NET, start(), DATA, 0.9, keep=keep, **SHORT)
    masks = [call["masks"] for call in trainings] + [ticket.masks]
    counts = [kept(c) for c in masks]
    assert (counts[0], counts[-1]) == (NET.size, count_kept(NET.size, 0.9))
    assert len(trainings) == 11
    for call, (now, then) in zip(trainings, pairwise(masks), strict=True):
        assert kept(then) >= 0.8 * kept(now) - 1
        for name, c in then.items():
            assert (c <= now[name]).all()
            gone = (c == 0) & (now[name] == 1)
            trained = np.abs(call["result"].params[name])
            if gone.any() and c.any():
                assert trained[gone].max() <= trained[c == 1].min()


def test_sparsity_zero_is_one_round_and_another_rate_another_number(trainings: list[dict[str, Any]]) -> None:
    assert kept(lottery_ticket(NET, start(), DATA, 0.0, **SHORT).masks) == NET.size
    assert len(trainings) == 1
    lottery_ticket(NET, start(), DATA, 0.75, rate=0.5, **SHORT)
    assert len(trainings) == 3


def test_the_reinitialized_twin_has_the_masks_and_none_of_the_weights() -> None:
    ticket = lottery_ticket(NET, start(), DATA, 0.5, **SHORT)
    twin = reinitialized(ticket, NET, np.random.default_rng(1))
    for name, c in ticket.masks.items():
        np.testing.assert_array_equal(c, twin.masks[name])
        assert twin.params[name].dtype == ticket.params[name].dtype
        if name.endswith("weight"):
            assert (twin.params[name] != ticket.params[name]).mean() > 0.99
    assert isinstance(twin, Ticket)


def test_a_rate_outside_zero_to_one_and_a_wrong_sparsity_are_refused_before_training() -> None:
    with pytest.raises(ValueError, match=r"rate 20 is not in \(0, 1\)"):
        lottery_ticket(NET, start(), DATA, 0.5, rate=20)
    for prune in (lottery_ticket, magnitude_after_training):
        with pytest.raises(ValueError, match=r"sparsity 95 is not in \[0, 1\)"):
            prune(NET, start(), DATA, 95)


def test_half_trained_weights_are_not_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    """`train` raises on Ctrl-C, so no ticket is made of the result so far."""

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train_step", interrupt)
    with pytest.raises(TrainingInterrupted, match="training was interrupted"):
        lottery_ticket(NET, start(), DATA, 0.5)


def test_a_lottery_ticket_warns_of_collapse_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        masks = lottery_ticket(NET, start(), DATA, 0.98, **SHORT).masks
    assert emptied_layers(masks)
    assert [w.category for w in caught] == [LayerCollapseWarning]
