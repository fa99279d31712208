"""Training keeps what is pruned at zero, lets the validation split decide, and never reads the test split."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

from minisnip import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.data import Dataset, Split
from minisnip.nn import Sequential, cross_entropy
from minisnip.nn.threads import sharding
from minisnip.pruning import LayerCollapseWarning, apply_masks, connection_sensitivity, keep_top
from minisnip.training import (
    SGD,
    Adam,
    DivergenceError,
    Optimizer,
    TrainingInterrupted,
    TrainResult,
    evaluate,
    loop,
    train,
)
from minisnip.training.loop import Recipe, Run, evaluate_in_shards, initial_state, kept_connections, train_step
from tests.networks import small_mlp, toy_dataset

NET = small_mlp()


def start(seed: int = 0) -> dict[str, Array]:
    return NET.init(np.random.default_rng(seed))


def snip_masks(params: dict[str, Array], dataset: Dataset, sparsity: float = 0.5) -> dict[str, Array]:
    x, y = dataset.train.images[:100], dataset.train.labels[:100]
    return keep_top(connection_sensitivity(NET, params, x, y), sparsity)


def recipe(optimizer: Optimizer) -> Recipe:
    return Recipe(1, 20, optimizer, 0.1, "constant")


class Watched:
    """A training step that looks at the parameters after each call of the real one."""

    def __init__(self, masks: dict[str, Array]) -> None:
        self.masks, self.steps = masks, 0

    def __call__(self, run: Any, state: Any, *arguments: Any) -> Any:
        before, params = {name: w.copy() for name, w in state.params.items()}, state.params
        answer = train_step(run, state, *arguments)
        self.steps += 1
        for name, c in self.masks.items():
            assert (params[name][c == 0] == 0).all(), (self.steps, name)
            assert params[name][c == 1].any() or not c.any()
        assert any((params[name] != before[name]).any() for name in params)
        return answer


@pytest.mark.parametrize("optimizer", [SGD(0.9, 0.01), Adam(weight_decay=0.01)], ids=["sgd", "adam"])
def test_pruned_connections_are_exactly_zero_at_each_of_240_steps_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, optimizer: Optimizer
) -> None:
    dataset, params = toy_dataset(), start()
    masks = snip_masks(params, dataset)
    watched = Watched(masks)
    monkeypatch.setattr(loop, "train_step", watched)
    rate = 0.1 if isinstance(optimizer, SGD) else 0.01
    result = train(NET, params, dataset, masks, 10, batch_size=10, optimizer=optimizer, learning_rate=rate)
    assert watched.steps == 240
    for name, c in masks.items():
        assert (result.params[name][c == 0] == 0).all()


def test_a_network_whose_weights_were_not_masked_before_is_masked_by_training() -> None:
    dataset, params = toy_dataset(), start(0)
    masks = snip_masks(start(1), dataset)  # the mask of another draw, as in the authors' code
    result = train(NET, params, dataset, masks, 1)
    for name, c in masks.items():
        assert (result.params[name][c == 0] == 0).all()


def test_training_learns_and_the_history_tells() -> None:
    dataset = toy_dataset(train=2000)
    result = train(NET, start(), dataset, epochs=20, batch_size=20)
    assert [row["epoch"] for row in result.history] == list(range(1, 21))
    assert result.history[-1]["iterations"] == 2000
    assert result.history[-1]["train_loss"] < 0.5 * result.history[0]["train_loss"]
    assert result.finished
    assert evaluate(NET, result.params, dataset.test)[1] < 15


def test_the_epoch_with_the_lowest_validation_error_is_kept() -> None:
    dataset = toy_dataset()
    result = train(NET, start(), dataset, epochs=15, batch_size=10, learning_rate=0.5, schedule="constant")
    errors = [row["validation_error_percent"] for row in result.history]
    assert result.best_epoch == 1 + int(np.argmin(errors))
    assert result.best_epoch < 15  # the last epoch would have been the wrong answer here
    assert evaluate(NET, result.params, dataset.validation)[1] == pytest.approx(min(errors))


def test_the_test_split_is_not_read() -> None:
    dataset = toy_dataset()
    nothing = Split(np.full((1, 1, 3, 3), np.nan, np.float32), np.array([99]))
    with_test, without = (train(NET, start(), d, epochs=3) for d in (dataset, replace(dataset, test=nothing)))
    assert with_test.history == without.history


def test_neither_the_parameters_nor_the_masks_are_changed() -> None:
    dataset, params = toy_dataset(), start()
    masks = snip_masks(params, dataset)
    before = {name: w.copy() for name, w in {**params, **{f"mask {n}": c for n, c in masks.items()}}.items()}
    train(NET, params, dataset, masks, 2)
    for name, w in {**params, **{f"mask {n}": c for n, c in masks.items()}}.items():
        np.testing.assert_array_equal(w, before[name])


def same(a: TrainResult, b: TrainResult) -> bool:
    return a.history == b.history and all(a.params[name].tobytes() == b.params[name].tobytes() for name in a.params)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    dataset = toy_dataset()
    runs = [train(NET, start(), dataset, epochs=3, rng=seed) for seed in (1, 1, 2)]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_the_gradient_of_a_masked_step_is_the_chain_rule() -> None:
    """∂L(c ⊙ w)/∂w = c ⊙ ∂L/∂(c ⊙ w): the fast path of the loop against the plain one."""
    dataset, params = toy_dataset(), start()
    masks = snip_masks(params, dataset)
    x, y = dataset.train.images[:20], dataset.train.labels[:20]
    w = {name: Tensor(p) for name, p in params.items()}
    plain = grad(cross_entropy(NET(apply_masks(masks, w), x), y), w)
    moved, kept = apply_masks(masks, params), kept_connections(masks)
    state = initial_state(moved, kept, SGD(0, 0), rng=0)
    with sharding(NET) as shards:
        train_step(Run(NET, kept, recipe(SGD(0, 0)), {}), state, (x, y), 1.0, shards)
    for name in plain:
        np.testing.assert_allclose(apply_masks(masks, params)[name] - moved[name], plain[name], rtol=1e-4, atol=1e-6)
        assert state.optimizer_state[f"velocity:{name}"].size == np.count_nonzero(masks[name])


def test_a_loss_that_is_not_finite_stops_with_a_sentence_and_keeps_the_last_good_epoch() -> None:
    dataset = toy_dataset()
    message = r"loss became (nan|inf) at step \d+, at learning rate 1e\+06; the last finite loss was .*: try a lower"
    with pytest.raises(DivergenceError, match=message) as caught:
        train(NET, start(), dataset, epochs=5, learning_rate=1e6, schedule="constant")
    assert not caught.value.result.finished
    assert all(np.isfinite(w).all() for w in caught.value.result.params.values())


def test_the_sentence_has_the_learning_rate_of_the_step_that_diverged() -> None:
    with pytest.raises(DivergenceError) as caught:
        train(NET, start(), toy_dataset(), epochs=5, learning_rate=1e6, schedule="cosine")
    run = re.search(r"at step (\d+), at learning rate (\S+);", str(caught.value))
    assert run is not None
    assert float(run[2]) == float(f"{1e6 * loop.cosine(int(run[1]) - 1, 10):.3g}")  # 5 epochs of 2 steps


def test_the_order_of_the_parameters_in_memory_does_not_matter() -> None:
    dataset, params = toy_dataset(), start()
    masks = snip_masks(params, dataset)
    by_columns = [{name: np.asfortranarray(a) for name, a in arrays.items()} for arrays in (params, masks)]
    plain = train(NET, params, dataset, masks, epochs=2).params
    other = train(NET, by_columns[0], dataset, by_columns[1], epochs=2).params
    for name, w in plain.items():
        np.testing.assert_array_equal(other[name], w)


def test_ctrl_c_keeps_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, calls = toy_dataset(), iter(range(10))

    def interrupt(*arguments: Any) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return evaluate_in_shards(*arguments)

    monkeypatch.setattr(loop, "evaluate_in_shards", interrupt)
    with pytest.raises(TrainingInterrupted) as caught:
        train(NET, start(), dataset, epochs=5)
    result = caught.value.result
    assert isinstance(caught.value, KeyboardInterrupt)
    assert not result.finished
    assert len(result.history) == 3
    assert (
        evaluate(NET, result.params, dataset.validation)[1]
        == result.history[result.best_epoch - 1]["validation_error_percent"]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "linear"}, "schedule 'linear': choose one of constant, step, cosine, warmup, warmup_cosine"),
        ({"epochs": 0}, "epochs 0.*at least 1 epoch"),
        ({"batch_size": 241}, r"batch_size 241.*a batch of 1 to 240 \(the training images\)"),
        ({"learning_rate": float("nan")}, "learning_rate nan.*a learning rate above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(NET, start(), toy_dataset(), **options)


def test_a_mask_of_other_numbers_than_0_and_1_is_refused() -> None:
    with pytest.raises(ValueError, match="a mask holds other numbers than 0 and 1"):
        train(NET, start(), toy_dataset(), {"fc1.weight": np.full((7, 9), 0.5)}, 1)


def test_the_progress_bar_tells_loss_error_and_remaining_time_and_is_wide_enough_to_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[str] = []

    class Bar(tqdm):  # type: ignore[misc]
        def set_postfix_str(self, text: str, refresh: bool = True) -> None:
            super().set_postfix_str(text, refresh=False)
            shown.append(self.format_meter(**{**self.format_dict, "ncols": 80, "ascii": True}))

    monkeypatch.setattr(loop, "tqdm", Bar)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    train(NET, start(), toy_dataset(train=2000), epochs=2, batch_size=20)
    first, last = re.compile(r" left, loss \d\.\d{3}, error \d+\.\d\d%$"), re.compile(r"%, val \d+\.\d\d%$")
    assert first.search(shown[0]), shown[0]  # in the first epoch already
    assert last.search(shown[-1]), shown[-1]
    for line in shown:
        assert len(line) <= 80
        assert len(line.split("|")[1]) >= 12


def test_no_progress_bar_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    train(NET, start(), toy_dataset(), epochs=1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("optimizer", [SGD(0.9, 0.01), Adam(weight_decay=0.01)], ids=["sgd", "adam"])
def test_training_the_compact_network_takes_the_same_steps_and_comes_back_in_full_shape(optimizer: Optimizer) -> None:
    dataset, params = toy_dataset(), {name: w.astype(np.float64) for name, w in start().items()}
    masks = snip_masks(params, dataset, 0.8)
    rate = 0.1 if isinstance(optimizer, SGD) else 0.01
    whole, small = (
        train(NET, params, dataset, masks, 3, optimizer=optimizer, learning_rate=rate, batch_size=20, compact=compact)
        for compact in (False, True)
    )
    assert small.compact is not None
    assert whole.compact is None
    assert small.compact.net.size < NET.size
    for a, b in zip(whole.history, small.history, strict=True):
        assert a == pytest.approx(b, rel=1e-9)
    x = dataset.test.images.astype(np.float64)
    np.testing.assert_allclose(NET(small.params, x), NET(whole.params, x), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(small.compact.net(small.compact.params, x), NET(small.params, x), rtol=1e-9, atol=1e-12)
    for name, c in masks.items():
        assert small.params[name].shape == params[name].shape
        assert (small.params[name][c == 0] == 0).all()


def test_a_compact_run_that_diverges_gives_its_last_good_state_in_full_shape() -> None:
    dataset, params = toy_dataset(), start()
    masks = snip_masks(params, dataset, 0.8)
    with pytest.raises(DivergenceError) as caught:
        train(NET, params, dataset, masks, 5, learning_rate=1e12, schedule="constant", compact=True)
    assert {name: w.shape for name, w in caught.value.result.params.items()} == NET.shapes()


def test_an_interrupted_compact_run_has_the_best_of_the_finished_epochs_in_full_shape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset, params = toy_dataset(), start()
    masks, calls = snip_masks(params, dataset, 0.8), iter(range(10))

    def interrupt(*arguments: Any) -> Any:
        if next(calls) == 5:  # in the third epoch of two steps each
            raise KeyboardInterrupt
        return train_step(*arguments)

    monkeypatch.setattr(loop, "train_step", interrupt)
    with pytest.raises(TrainingInterrupted, match="finished epochs: 2") as caught:
        train(NET, params, dataset, masks, 5, compact=True)
    result = caught.value.result
    assert len(result.history) == 2
    assert result.compact is not None
    assert {name: w.shape for name, w in result.params.items()} == NET.shapes()
    error = evaluate(NET, result.params, dataset.validation)[1]
    assert error == result.history[result.best_epoch - 1]["validation_error_percent"]


def test_training_warns_by_name_of_a_layer_through_which_nothing_can_be_learned() -> None:
    params = start()
    masks = {name: np.ones_like(w) for name, w in params.items()}
    masks["fc2.weight"][:] = 0
    with pytest.warns(LayerCollapseWarning, match="no connection of fc2 is kept: nothing can be learned"):
        train(NET, params, toy_dataset(), masks, 1)


@pytest.mark.parametrize("dtype", [bool, int, np.float64])
def test_masks_of_any_dtype_leave_the_precision_of_the_parameters(dtype: Any) -> None:
    params = start()
    masks = {name: c.astype(dtype) for name, c in snip_masks(params, toy_dataset()).items()}
    for compact in (False, True):
        result = train(NET, params, toy_dataset(), masks, 1, compact=compact)
        assert {w.dtype for w in result.params.values()} == {np.dtype(np.float32)}


def test_a_step_with_a_loss_that_is_not_finite_moves_nothing() -> None:
    params, optimizer = start(), SGD()
    before, state = {name: w.copy() for name, w in params.items()}, initial_state(params, {}, optimizer, rng=0)
    with sharding(NET) as shards, np.errstate(invalid="ignore"):
        images = np.full((5, 1, 3, 3), np.nan, np.float32)
        loss, _ = train_step(Run(NET, {}, recipe(optimizer), {}), state, (images, np.zeros(5, int)), 0.1, shards)
    assert np.isnan(loss)
    assert all(np.array_equal(params[name], before[name]) for name in params)
    assert not any(v.any() for v in state.optimizer_state.values())


class Tenfold(Sequential):
    """Not only its layers in turn."""

    def __call__(self, params: Any, x: Any) -> Any:
        return super().__call__(params, x) * 10.0


def test_a_network_with_a_call_of_its_own_is_trained_as_it_is_and_not_cut() -> None:
    dataset, net = toy_dataset(), Tenfold((1, 3, 3), **NET.layers)
    result = train(net, start(), dataset, epochs=1)
    assert result.history[0]["validation_loss"] == pytest.approx(evaluate(net, result.params, dataset.validation)[0])
    with pytest.raises(TypeError, match="the network is a Tenfold"):
        train(net, start(), dataset, snip_masks(start(), dataset), 1, compact=True)
