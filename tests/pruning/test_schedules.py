"""Schedules keep exactly κ, agree in one round, and differ in whether a connection may return."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.nn import Linear, ReLU, Sequential, cross_entropy
from minisnip.pruning import (
    CRITERIA,
    METHODS,
    EstimateWarning,
    LayerCollapseWarning,
    apply_masks,
    collapse_sparsity,
    count_kept,
    emptied_layers,
    force,
    iterative,
    keep_top,
    keep_top_per_layer,
    mask_gradient,
    one_shot,
    ones,
    straight_through,
)
from tests.networks import random_batch, random_params, small_convnet, small_mlp

Masks = dict[str, Array]
NETS = {"mlp": small_mlp, "convnet": small_convnet}


def case(name: str, size: int = 20) -> tuple[Sequential, dict[str, Array], Array, Array]:
    net, rng = NETS[name](), np.random.default_rng(0)
    return net, random_params(net, rng), *random_batch(net, rng, size)


def quietly(schedule: Callable[..., Masks], *args: Any, **options: Any) -> Masks:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)
        warnings.simplefilter("ignore", EstimateWarning)  # OBD under FORCE's masks
        return schedule(*args, rng=np.random.default_rng(0), **options)


def kept(masks: Mapping[str, Array]) -> int:
    return sum(int(np.count_nonzero(c)) for c in masks.values())


def same(a: Masks, b: Masks) -> bool:
    return all(np.array_equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


class Recorded:
    """A `keep` that remembers the scores and the masks of every round."""

    def __init__(self, keep: Callable[..., Masks] = keep_top) -> None:
        self.keep, self.scores, self.masks = keep, list[Masks](), list[Masks]()

    def __call__(self, scores: Mapping[str, Array], sparsity: float) -> Masks:
        self.scores.append(dict(scores))
        self.masks.append(self.keep(scores, sparsity))
        return self.masks[-1]

    def returned(self) -> int:
        """How many connections came back over all rounds, by a score of their own and not by a tie at zero."""
        rounds = zip(pairwise(self.masks), self.scores[1:], strict=True)
        return sum(int(np.sum((a[n] == 0) & (b[n] != 0) & (s[n] != 0))) for (a, b), s in rounds for n in a)


@pytest.mark.parametrize("keep", [keep_top, keep_top_per_layer])
@pytest.mark.parametrize("schedule", [iterative, force])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_one_round_is_one_shot(criterion: str, schedule: Callable[..., Masks], keep: Callable[..., Masks]) -> None:
    args = (CRITERIA[criterion], *case("convnet"), 0.8)
    assert same(quietly(schedule, *args, rounds=1, keep=keep), quietly(one_shot, *args, keep=keep))


@pytest.mark.parametrize("keep", [keep_top, keep_top_per_layer])
@pytest.mark.parametrize("schedule", [iterative, force])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 0.97, 0.995])
@pytest.mark.parametrize("net", NETS)
def test_every_round_keeps_the_same_share_and_the_last_exactly_kappa(
    net: str, sparsity: float, schedule: Callable[..., Masks], keep: Callable[..., Masks]
) -> None:
    args, record = case(net), Recorded(keep)
    masks = quietly(schedule, CRITERIA["snip"], *args, sparsity, rounds=7, keep=record)
    m = args[0].size
    assert kept(masks) == count_kept(m, sparsity)
    counts = [kept(c) for c in record.masks]
    assert counts == [round(m * (1 - sparsity) ** (t / 7)) for t in range(1, len(counts))] + [count_kept(m, sparsity)]


def test_iterative_never_takes_a_connection_back_and_force_does() -> None:
    args = (CRITERIA["snip"], *case("mlp"), 0.9)
    for keep in (keep_top, keep_top_per_layer):
        once_gone, may_return = Recorded(keep), Recorded(keep)
        quietly(iterative, *args, rounds=10, keep=once_gone)
        quietly(force, *args, rounds=10, keep=may_return)
        assert len(once_gone.masks) == len(may_return.masks) == 10
        assert once_gone.returned() == 0
        assert may_return.returned() > 0


def test_a_connection_that_only_matters_when_another_is_gone_returns_under_force_alone() -> None:
    """Four weights: the second scores low, and goes in the round in which the fourth goes; then it scores highest."""
    net, params = Sequential((1,), fc1=Linear(1, 4)), {"fc1.weight": np.full((4, 1), 0.5), "fc1.bias": np.zeros(4)}

    def rising(net: Any, params: Any, x: Array, y: Array, *, rng: Any) -> Masks:
        fourth = net(params, np.ones((1, 1)))[0, 3]  # zero when its weight is removed
        second = 0.5 if fourth else 9.0
        return {"fc1.weight": np.array([[3.0], [second], [2.0], [0.4]]), "fc1.bias": np.zeros(4)}

    args = (rising, net, params, np.ones((1, 1)), np.zeros(1, int), 0.875)  # 4, 2, 1 of 8
    for schedule, last in ((force, [0, 1, 0, 0]), (iterative, [1, 0, 0, 0])):
        record = Recorded()
        quietly(schedule, *args, rounds=3, keep=record)
        assert [c["fc1.weight"].ravel().tolist() for c in record.masks] == [[1, 1, 1, 1], [1, 0, 1, 0], last]


@pytest.mark.parametrize("name", NETS)
def test_straight_through_the_value_is_masked_and_the_derivative_is_that_by_the_whole_weight(name: str) -> None:
    net, params, x, y = case(name)
    weights = {key: w for key, w in params.items() if key.endswith("weight")}  # all biases stay, see below
    c = ones(params) | quietly(one_shot, CRITERIA["random"], net, weights, x, y, 0.5)
    pruned, masked = straight_through(net, c), apply_masks(c, params)
    np.testing.assert_allclose(pruned(params, x), net(masked, x), rtol=0, atol=1e-12)
    g, h = mask_gradient(pruned, params, x, y), 1e-6
    for key, w in params.items():
        for j in list(np.ndindex(w.shape))[::3]:
            e = np.zeros(w.shape)
            e[j] = h * w[j]  # c_j moves, whether it is 0 or 1
            more, less = (float(cross_entropy(net({**masked, key: masked[key] + s * e}, x), y)) for s in (1, -1))
            assert g[key][j] == pytest.approx((more - less) / (2 * h), abs=1e-8)
    assert any((g[key][c[key] == 0] != 0).any() for key in g)


def test_straight_through_a_mask_of_any_dtype_leaves_float32_as_it_is() -> None:
    net, params, x, y = case("mlp")
    single = {name: w.astype(np.float32) for name, w in params.items()}
    for dtype in (int, bool, np.float64):
        c = {name: np.ones(w.shape, dtype) for name, w in params.items()}
        c["fc1.weight"][0] = 0
        pruned = straight_through(net, c)
        assert pruned(single, x.astype(np.float32)).dtype == np.float32
        assert {g.dtype for g in mask_gradient(pruned, single, x.astype(np.float32), y).values()} == {
            np.dtype(np.float32)
        }


def test_a_unit_without_any_input_is_at_the_kink_and_does_not_return() -> None:
    """Its output is relu(0), where the derivative is 0: neither the weights into it nor those out of it are scored."""
    net, params, x, y = case("mlp")
    c = ones(params)
    c["fc1.weight"][2], c["fc1.bias"][2] = 0, 0
    g = mask_gradient(straight_through(net, c), params, x, y)
    assert not g["fc1.weight"][2].any()
    assert not g["fc2.weight"][:, 2].any()


def test_under_all_ones_the_network_of_force_is_the_network() -> None:
    net, params, x, _ = case("convnet")
    np.testing.assert_array_equal(straight_through(net, ones(params))(params, x), net(params, x))


def seven_layers() -> tuple[Sequential, dict[str, Array], Array, Array]:
    """Seven layers, six of 20 units, 2,384 parameters."""
    widths, layers = [9, 20, 20, 20, 20, 20, 20, 4], dict[str, Any]()
    for i, (a, b) in enumerate(pairwise(widths), start=1):
        layers |= {f"fc{i}": Linear(a, b)} | ({f"relu{i}": ReLU()} if i < 7 else {})
    net, rng = Sequential((9,), **layers), np.random.default_rng(0)
    return net, net.init(rng, "he", np.float64), rng.standard_normal((50, 9)), rng.integers(0, 4, 50)


def test_synflow_leaves_no_layer_empty_where_snip_does() -> None:
    args = seven_layers()
    scores = CRITERIA["snip"](*args, rng=np.random.default_rng(0))
    last = collapse_sparsity(scores)
    for sparsity in (last + 1 / 2384, 0.99, 0.995):
        assert emptied_layers(quietly(METHODS["snip"], *args, sparsity)) != []
        assert emptied_layers(quietly(METHODS["synflow"], *args, sparsity)) == []
    assert last < 0.99


def test_synflow_needs_its_rounds_one_shot_empties_a_layer_first() -> None:
    args = seven_layers()
    assert emptied_layers(quietly(one_shot, CRITERIA["synflow"], *args, 0.97)) != []
    assert emptied_layers(quietly(METHODS["synflow"], *args, 0.97)) == []


def test_synflow_by_name_is_a_hundred_rounds() -> None:
    args = case("mlp")
    named = quietly(METHODS["synflow"], *args, 0.9)
    assert same(named, quietly(iterative, CRITERIA["synflow"], *args, 0.9, rounds=100))
    assert not same(named, quietly(one_shot, CRITERIA["synflow"], *args, 0.9))


@pytest.mark.parametrize("method", ["random", "iterative-snip"])
def test_a_seed_does_what_its_generator_does(method: str) -> None:
    net, params, x, y = case("mlp")
    by_seed, by_generator = (METHODS[method](net, params, x, y, 0.5, rng=rng) for rng in (7, np.random.default_rng(7)))
    assert same(by_seed, by_generator)


def test_a_seed_gives_every_round_other_random_numbers() -> None:
    """Taken again in each round, the seed would score as before, and FORCE would keep its first choice."""
    record = Recorded()
    force(CRITERIA["random"], *case("mlp"), 0.5, rng=7, rounds=3, keep=record)
    first, second, _ = (scores["fc1.weight"] for scores in record.scores)
    assert (first != second).all()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_masks_in_the_precision_of_the_parameters(method: str) -> None:
    """float64 masks of float64 scores would turn float32 training into float64 training."""
    net, params, x, y = case("mlp")
    single = {name: w.astype(np.float32) for name, w in params.items()}
    masks = quietly(METHODS[method], net, single, x.astype(np.float32), y, 0.8)
    assert {c.dtype for c in masks.values()} == {np.dtype(np.float32)}
    assert kept(masks) == count_kept(net.size, 0.8)
    assert all(np.isin(c, (0, 1)).all() for c in masks.values())


def test_a_network_that_is_cut_on_the_way_still_gets_exactly_kappa() -> None:
    """FORCE may cut the network in two; then every score is zero, and those before decide."""
    args, record = seven_layers(), Recorded()
    masks = quietly(force, CRITERIA["snip"], *args, 0.997, rounds=100, keep=record)
    assert kept(masks) == count_kept(2384, 0.997)
    assert len(record.masks) < 100  # it was cut


def test_only_the_last_round_warns_of_an_empty_layer() -> None:
    args = seven_layers()
    with pytest.warns(LayerCollapseWarning) as caught:
        force(CRITERIA["snip"], *args, 0.997, rng=np.random.default_rng(0), rounds=100)
    assert len(caught) == 1


def test_no_rounds_no_sparsity_and_a_criterion_without_derivatives_under_force_are_refused() -> None:
    args = case("mlp")
    with pytest.raises(ValueError, match="0 rounds: at least 1 is needed"):
        quietly(iterative, CRITERIA["snip"], *args, 0.9, rounds=0)
    for schedule in (one_shot, iterative, force):
        with pytest.raises(ValueError, match=r"sparsity 95 is not in \[0, 1\)"):
            quietly(schedule, CRITERIA["snip"], *args, 95)
    with pytest.raises(TypeError, match=r"ΔL is computed through layers of minisnip\.nn only"):
        quietly(force, CRITERIA["delta-loss"], *args, 0.9, rounds=2)


@pytest.mark.parametrize("criterion", ["magnitude", "gradient", "grasp", "synflow", "random", "obd"])
def test_force_takes_any_criterion_of_derivatives(criterion: str) -> None:
    net, params, x, y = case("mlp")
    masks = quietly(force, CRITERIA[criterion], net, params, x, y, 0.7, rounds=3)
    assert kept(masks) == count_kept(net.size, 0.7)


@pytest.mark.parametrize("schedule", [iterative, force])
def test_a_schedule_silences_only_the_collapse_of_its_early_rounds(schedule: Callable[..., Masks]) -> None:
    def keep(scores: Any, sparsity: float) -> Masks:
        warnings.warn(f"kept at {sparsity:.2f}", UserWarning, stacklevel=2)
        return keep_top(scores, sparsity)

    net, params, x, y = case("mlp")
    with pytest.warns(UserWarning, match="kept at") as caught:
        schedule(CRITERIA["magnitude"], net, params, x, y, 0.75, rng=0, rounds=2, keep=keep)
    assert [str(warning.message) for warning in caught] == ["kept at 0.50", "kept at 0.75"]
