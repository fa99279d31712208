"""What training tells on the way is true: the numbers beside the bar, and where the loss stopped being finite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from minisnip.data import Split
from minisnip.training import DivergenceError, evaluate, loop, train
from tests.networks import small_mlp, toy_dataset

NET = small_mlp()


class Bar:
    """A progress bar that keeps what it is told."""

    shown: list[str]

    def __init__(self, **options: Any) -> None:
        Bar.shown = []

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self) -> None:
        pass

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        Bar.shown.append(text)


def test_the_error_beside_the_bar_is_that_of_the_batches_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "tqdm", Bar)
    dataset, params = toy_dataset(), NET.init(0)
    result = train(NET, params, dataset, epochs=2, batch_size=len(dataset.train.labels))  # one batch is an epoch
    loss, error = evaluate(NET, params, dataset.train)
    assert Bar.shown[0] == f"loss {loss:.3f}, error {error:.2f}%"
    first, second = result.history
    assert first["train_error_percent"] == pytest.approx(error)
    monkeypatch.setattr(loop, "POSTFIX_STEPS", 1)
    result = train(NET, params, dataset, epochs=2, batch_size=len(dataset.train.labels))
    validation = first["validation_error_percent"]
    expected = f"loss {second['train_loss']:.3f}, error {second['train_error_percent']:.2f}%, val {validation:.2f}%"
    assert Bar.shown[1] == expected


def test_the_last_number_of_an_epoch_is_the_mean_over_all_its_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "tqdm", Bar)
    monkeypatch.setattr(loop, "POSTFIX_STEPS", 1)
    (row,) = train(NET, NET.init(0), toy_dataset(), epochs=1, batch_size=40).history
    assert len(Bar.shown) == 6
    assert Bar.shown[-1] == f"loss {row['train_loss']:.3f}, error {row['train_error_percent']:.2f}%"


def test_a_validation_loss_that_is_not_finite_ends_the_training() -> None:
    dataset = toy_dataset()
    broken = Split(dataset.validation.images.copy(), dataset.validation.labels)
    broken.images[7, 0, 1, 1] = np.nan
    with pytest.raises(DivergenceError, match="the validation loss became nan at step 12") as raised:
        train(NET, NET.init(0), replace(dataset, validation=broken), epochs=3, batch_size=20)
    assert raised.value.result.history == []
    assert raised.value.result.best_epoch == 0


def test_the_seconds_are_those_of_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000, 2000, 7))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert train(NET, NET.init(0), toy_dataset(), epochs=3, batch_size=60, title=None).seconds == 3 * 7
