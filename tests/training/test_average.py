"""An average of the weights is evaluated and kept in their place; the steps do not know of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.training import SGD, Adam, Averaged, Optimizer, evaluate, loop, optimizers, train
from tests.networks import small_mlp, toy_dataset
from tests.training.test_loop import same, snip_masks, start

NET = small_mlp()


def plain_average(start: Array, steps: list[Array], decay: float) -> Array:
    """a ← β a + (1 - β) w, with the least of β and (1 + t) / (10 + t), number by number."""
    a = start.astype(np.float64).ravel().tolist()
    for t, w in enumerate(steps, start=1):
        beta = min(decay, (1 + t) / (10 + t))
        a = [beta * old + (1 - beta) * float(new) for old, new in zip(a, w.ravel(), strict=True)]
    return np.reshape(a, start.shape)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("optimizer", [SGD(0.9, 0.1), Adam(weight_decay=0.1)], ids=["sgd", "adam"])
def test_the_average_is_that_of_a_plain_loop_and_the_weights_are_those_of_the_optimizer(
    optimizer: Optimizer, decay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"a": (7,), "b": (5, 2), "c": ()}
    start = {name: np.array(rng.standard_normal(shape)) for name, shape in shapes.items()}
    gradients = [{name: np.array(rng.standard_normal(s)) for name, s in shapes.items()} for _ in range(12)]
    for piece in (optimizers.PIECE, 3):
        monkeypatch.setattr(optimizers, "PIECE", piece)
        params, plain = ({name: w.copy() for name, w in start.items()} for _ in range(2))
        averaged = Averaged(optimizer, decay)
        state, plain_state = averaged.start(params), optimizer.start(plain)
        taken: list[dict[str, Array]] = []
        for g in gradients:
            averaged.step(params, g, state, 0.1)
            optimizer.step(plain, g, plain_state, 0.1)
            taken.append({name: w.copy() for name, w in plain.items()})
        for name in shapes:
            np.testing.assert_array_equal(params[name], plain[name])
            expected = plain_average(start[name], [step[name] for step in taken], decay)
            np.testing.assert_allclose(optimizers.averages(state)[name], expected, rtol=1e-12)


def test_the_average_of_a_constant_is_the_constant() -> None:
    w = {"w": np.random.default_rng(0).standard_normal(100).astype(np.float32)}
    averaged = Averaged(SGD(0.9, weight_decay=0.0), 0.99)
    state = averaged.start(w)
    for _ in range(50):
        averaged.step(w, {"w": np.zeros(100, np.float32)}, state, 0.1)
    (average,) = optimizers.averages(state).values()
    assert average.dtype == np.float32
    np.testing.assert_array_equal(average, w["w"])
    assert not np.shares_memory(average, w["w"])


@pytest.mark.parametrize("pruned", [False, True], ids=["dense", "pruned"])
@pytest.mark.parametrize("compact", [False, True], ids=["whole", "compact"])
def test_validation_and_the_kept_epoch_use_the_average_and_pruned_weights_stay_zero(
    pruned: bool, compact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, params = toy_dataset(), start()
    masks = snip_masks(params, dataset, 0.8) if pruned else {}
    taken: list[dict[str, Array]] = []
    step = loop.train_step

    def train_step(run: Any, state: Any, *others: Any) -> Any:
        answer = step(run, state, *others)
        w = state.params if run.compact is None else run.compact.expand(state.params)
        taken.append({name: a.copy() for name, a in w.items()})
        return answer

    monkeypatch.setattr(loop, "train_step", train_step)
    options: dict[str, Any] = {"batch_size": 20, "learning_rate": 0.3, "schedule": "constant", "compact": compact}
    result = train(NET, params, dataset, masks, 5, average=0.9, **options)
    own, last = taken.copy(), 12 * result.best_epoch
    for name, w in params.items():
        c = masks.get(name, 1)
        expected = plain_average(c * w, [a[name] for a in own[:last]], 0.9)
        np.testing.assert_allclose(result.params[name], expected, rtol=1e-4, atol=1e-6)
        assert not np.allclose(result.params[name], own[last - 1][name], atol=1e-3) or not np.any(c)
        assert (result.params[name][np.broadcast_to(c == 0, w.shape)] == 0).all()
    chosen = result.history[result.best_epoch - 1]
    assert (chosen["validation_loss"], chosen["validation_error_percent"]) == pytest.approx(
        evaluate(NET, result.params, dataset.validation)
    )
    without = train(NET, params, dataset, masks, 5, **options)
    for a, b in zip(result.history, without.history, strict=True):
        assert a["train_loss"] == b["train_loss"]
        assert a["validation_loss"] != b["validation_loss"]


def test_an_average_over_many_steps_is_nearer_to_the_minimum_than_the_weights_are() -> None:
    """Minimize w²/2 from noisy gradients at a constant rate: w jumps about 0, its average less."""
    rng, w = np.random.default_rng(0), {"w": np.full(1000, 5.0)}
    averaged = Averaged(SGD(0.0, 0.0), 0.99)
    state = averaged.start(w)
    for _ in range(1000):
        averaged.step(w, {"w": w["w"] + rng.standard_normal(1000)}, state, 0.5)
    (average,) = optimizers.averages(state).values()
    assert np.std(average) < np.std(w["w"]) / 5


def test_a_decay_of_zero_is_off() -> None:
    assert same(train(NET, start(), toy_dataset(), epochs=2, average=0.0), train(NET, start(), toy_dataset(), epochs=2))


@pytest.mark.parametrize("average", [1.5, 1.0, -0.1, float("nan"), True, "0.9"])
def test_what_is_no_decay_is_refused(average: Any) -> None:
    with pytest.raises(ValueError, match=rf"average {average!r} is no decay: expected a number from 0.* to below 1"):
        train(NET, start(), toy_dataset(), average=average)
