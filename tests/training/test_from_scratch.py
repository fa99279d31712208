"""Gates learn on weights that do not move, and what they keep are whole units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.nn import Linear, ReLU, Sequential, cross_entropy
from minisnip.pruning import count_kept, units_gone
from minisnip.training import SGD, TrainResult, from_scratch, tickets, train
from minisnip.training.tickets import NonNegative, gated, keep_units
from tests.networks import random_batch, random_params, small_convnet, small_mlp, toy_dataset

NET, DATA = small_mlp(), toy_dataset()


def kept(masks: dict[str, Array]) -> int:
    return sum(int(np.count_nonzero(c)) for c in masks.values())


@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
def test_open_gates_change_nothing_and_a_closed_one_removes_its_unit(net: Sequential) -> None:
    rng = np.random.default_rng(0)
    params, (x, _) = random_params(net, rng), random_batch(net, rng)
    network = gated(net, params)
    gates = {name: np.ones(shape) for name, shape in network.shapes().items()}
    hidden = [name for name, layer in net.layers.items() if layer.shapes()][:-1]
    assert {name: len(g) for name, g in gates.items()} == {f"{n}_gate.gate": net.out_shapes[n][0] for n in hidden}
    np.testing.assert_array_equal(network(gates, x), net(params, x))
    first = hidden[0]
    gates[f"{first}_gate.gate"][1] = 0
    without = {key: w.copy() for key, w in params.items()}
    without[f"{first}.weight"][1] = without[f"{first}.bias"][1] = 0
    np.testing.assert_allclose(network(gates, x), net(without, x), rtol=0, atol=1e-12)
    assert np.abs(network(gates, x) - net(params, x)).max() > 1e-3


def test_the_weights_stay_and_the_gates_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    params = NET.init(np.random.default_rng(0))
    before = {name: w.copy() for name, w in params.items()}
    results: list[TrainResult] = []
    starts: list[dict[str, Array]] = []

    def spy(net: Any, start: Any, dataset: Any, **options: Any) -> TrainResult:
        starts.append({name: gate.copy() for name, gate in start.items()})
        results.append(train(net, start, dataset, **options))
        return results[-1]

    monkeypatch.setattr(tickets, "train", spy)
    ticket = from_scratch(NET, params, DATA, 0.5, epochs=10, batch_size=20, title=None)
    for name, w in before.items():
        assert ticket.params[name].tobytes() == params[name].tobytes() == w.tobytes()
    (result,), (start,) = results, starts
    assert all((gate == 0.5).all() for gate in start.values())
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]
    for gate in result.params.values():
        assert (gate >= 0).all()
        assert len(np.unique(gate[gate > 0])) == np.count_nonzero(gate) > 1  # no ties among the open ones


def test_a_strong_pull_closes_the_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    def mean_gate(strength: float) -> float:
        gates: dict[str, Array] = {}

        def spy(*args: Any, **options: Any) -> TrainResult:
            result = train(*args, **options)
            gates.update(result.params)
            return result

        monkeypatch.setattr(tickets, "train", spy)
        params = NET.init(np.random.default_rng(0))
        from_scratch(NET, params, DATA, 0.5, strength=strength, epochs=1, batch_size=2, title=None)
        return float(np.mean(np.concatenate(list(gates.values()))))

    assert mean_gate(1.0) < 0.1 < 0.3 < mean_gate(1e-6)


def test_a_step_below_zero_is_taken_back_and_one_above_one_is_not() -> None:
    """With a bound at 1 the open gates of LeNet-300-100 tied there, and the second layer was left a single unit."""
    w = {"gate": np.array([0.1, 0.9])}
    optimizer = NonNegative(SGD(momentum=0.0, weight_decay=0.0))
    optimizer.step(w, {"gate": np.array([1.0, -1.0])}, optimizer.start(w), rate=0.5)
    np.testing.assert_array_equal(w["gate"], [0, 1.4])


@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.6, 0.7])
def test_whole_units_are_kept_as_many_as_fit_the_most_open_ones_first(net: Sequential, sparsity: float) -> None:
    rng = np.random.default_rng(0)
    params = random_params(net, rng)
    hidden = [name for name, layer in net.layers.items() if layer.shapes()][:-1]
    gates = {name: rng.random(net.out_shapes[name][0]) for name in hidden}
    masks = keep_units(net, gates, sparsity)
    kappa = count_kept(net.size, sparsity)
    rows = units_gone(net, masks)
    alive = {name: masks[f"{name}.bias"] == 1 for name in hidden}
    for name in hidden:
        unit_weights = masks[f"{name}.weight"].reshape(len(alive[name]), -1)
        np.testing.assert_array_equal(unit_weights.any(axis=1), alive[name])
        assert rows[name]["unfed"] == rows[name]["unread"] == rows[name]["gone"] == np.count_nonzero(~alive[name])
        if not alive[name].all():
            assert gates[name][alive[name]].min() > gates[name][~alive[name]].max()
    largest = max(params[f"{n}.weight"][0].size + 1 for n in hidden) + max(w.size for w in params.values())
    assert kappa - largest < kept(masks) <= kappa
    assert sparsity > 0 or kept(masks) == net.size


def test_the_pruned_network_computes_what_the_smaller_one_does() -> None:
    """Masks of whole units leave nothing of them behind: cutting the rows and columns out gives the same logits."""
    rng = np.random.default_rng(0)
    net = Sequential((5,), fc1=Linear(5, 6), relu1=ReLU(), fc2=Linear(6, 3))
    params, x = random_params(net, rng), rng.standard_normal((4, 5))
    masks = keep_units(net, {"fc1": np.array([0.9, 0.1, 0.8, 0.2, 0.3, 0.7])}, 0.5)
    rows = masks["fc1.bias"] == 1
    small = Sequential((5,), fc1=Linear(5, int(rows.sum())), relu1=ReLU(), fc2=Linear(int(rows.sum()), 3))
    cut = {
        "fc1.weight": params["fc1.weight"][rows],
        "fc1.bias": params["fc1.bias"][rows],
        "fc2.weight": params["fc2.weight"][:, rows],
        "fc2.bias": params["fc2.bias"],
    }
    assert 0 < rows.sum() < 6
    assert kept(masks) == small.size
    np.testing.assert_allclose(small(cut, x), net({n: masks[n] * w for n, w in params.items()}, x), atol=1e-12)
    assert np.isfinite(cross_entropy(small(cut, x), np.zeros(4, int)))


def test_a_network_with_a_call_of_its_own_is_refused_before_the_training() -> None:
    class Tenfold(Sequential):
        """Not only its layers in turn."""

    net = Tenfold(NET.input_shape, **NET.layers)
    with pytest.raises(TypeError, match="the network is a Tenfold: units are pruned through a plain Sequential only"):
        from_scratch(net, net.init(0), DATA, 0.5)


def test_a_sparsity_that_leaves_no_unit_to_a_layer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one unit of each layer has 20 connections, and sparsity 0.95 leaves 7"):
        keep_units(NET, {"fc1": np.ones(7), "fc2": np.ones(5)}, 0.95)
