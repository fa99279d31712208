"""A run may end inside an epoch, and splits may be watched without choosing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.data import Split
from minisnip.training import TrainingInterrupted, TrainResult, loop, train
from minisnip.training.loop import train_step
from tests.networks import small_mlp, toy_dataset

NET, DATASET = small_mlp(), toy_dataset()  # 240 images: 24 steps of 10


def trained(**options: Any) -> TrainResult:
    return train(NET, NET.init(np.random.default_rng(0)), DATASET, batch_size=10, **options)


def test_the_last_epoch_is_cut_short_and_the_schedule_ends_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = train_step

    def watched(*arguments: Any) -> Any:
        rates.append(arguments[3])
        return step(*arguments)

    monkeypatch.setattr(loop, "train_step", watched)
    history = trained(iterations=60, schedule="step").history
    assert [row["iterations"] for row in history] == [24, 48, 60]
    np.testing.assert_allclose(rates, np.repeat([1e-1, 1e-2, 1e-3, 1e-4], 15))


def test_whole_epochs_in_iterations_are_epochs() -> None:
    assert trained(iterations=48).history == trained(epochs=2).history


def test_fewer_iterations_than_an_epoch_are_one_short_epoch() -> None:
    (row,) = trained(iterations=5).history
    assert row["iterations"] == 5
    assert 0 <= row["train_error_percent"] <= 100


def test_a_run_in_iterations_that_was_interrupted_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, whole, calls = tmp_path / "c.npz", trained(iterations=60), 0
    step = train_step

    def interrupted(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 30:
            raise KeyboardInterrupt
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", interrupted)
        with pytest.raises(TrainingInterrupted) as caught:
            trained(iterations=60, checkpoint=file)
    assert not caught.value.result.finished
    again = trained(iterations=60, checkpoint=file, resume=True)
    assert again.history == whole.history
    assert all(np.array_equal(again.params[name], w) for name, w in whole.params.items())


@pytest.mark.parametrize("compact", [False, True])
def test_a_watched_split_is_noted_and_chooses_nothing(compact: bool) -> None:
    random = Split(DATASET.test.images, np.random.default_rng(0).permutation(DATASET.test.labels))
    alone, beside = (trained(epochs=4, compact=compact, watch=w) for w in (None, {"random": random}))
    assert alone.best_epoch == beside.best_epoch
    assert all(np.array_equal(alone.params[name], w) for name, w in beside.params.items())
    for row, noted in zip(alone.history, beside.history, strict=True):
        assert set(noted) - set(row) == {"random_loss", "random_error_percent"}
        assert {key: noted[key] for key in row} == row


@pytest.mark.parametrize(
    ("options", "message"),
    [({"iterations": 0}, "iterations 0 must be at least 1"), ({"watch": {"train": DATASET.test}}, "another name")],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trained(**options)
