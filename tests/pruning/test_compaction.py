"""The small network computes what the masked one does, and trains as it does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.nn import LENETS, Linear, ReLU, Sequential, cross_entropy
from minisnip.pruning import (
    LayerCollapseWarning,
    alive_units,
    apply_masks,
    compact,
    connection_sensitivity,
    cut,
    effective_masks,
    keep_top,
    ones,
)
from minisnip.training import SGD
from tests.autodiff.budget import examples
from tests.networks import random_batch, random_params, small_convnet, small_mlp
from tests.pruning.pruned import Pruned, convnets, mlps, pruned

both = st.sampled_from([compact, cut])


def assert_close(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * max(1, np.abs(expected).max(initial=0)))


def gradients(net: Sequential, params: dict[str, Array], masks: dict[str, Array], x: Array, y: Array) -> Any:
    """c ⊙ ∂L/∂(c ⊙ w), as the training step has it."""
    weights = {name: Tensor(w) for name, w in params.items()}
    return apply_masks(masks, grad(cross_entropy(net(weights, x), y), weights))


def widths(net: Sequential) -> list[int]:
    return [layer.shapes()["bias"][0] for layer in net.layers.values() if layer.shapes()]


@pytest.mark.parametrize("make", [compact, cut])
@pytest.mark.parametrize("nets", [mlps(), convnets(), convnets(paddings=(1,))], ids=["mlp", "convnet", "padded"])
@given(st.data())
@examples(60)
def test_the_logits_are_those_of_the_masked_network(
    nets: st.SearchStrategy[Sequential], make: Any, data: st.DataObject
) -> None:
    case = data.draw(pruned(nets))
    small = make(case.net, case.params, case.masks)
    assert_close(small.net(small.params, case.x), case.logits)
    assert_close(small.net(apply_masks(small.masks, small.params), case.x), case.logits)


@given(pruned(), both)
@examples(100)
def test_expanded_parameters_give_the_full_network_the_same_logits(case: Pruned, make: Any) -> None:
    small = make(case.net, case.params, case.masks)
    full = small.expand(small.params)
    assert {name: w.shape for name, w in full.items()} == case.net.shapes()
    assert_close(case.net(full, case.x), case.logits)
    changed = {name: w + 1.0 for name, w in small.params.items()}  # as training may
    assert_close(case.net(small.expand(changed), case.x), small.net(changed, case.x))


@given(pruned())
@examples(150)
def test_gradients_on_the_survivors_are_those_of_the_masked_network_and_zero_on_the_rest(case: Pruned) -> None:
    small = cut(case.net, case.params, case.masks)
    found = small.expand(gradients(small.net, small.params, small.masks, case.x, case.y))
    for name, g in gradients(case.net, case.masked, case.masks, case.x, case.y).items():
        assert_close(found[name], g)


@given(pruned())
@examples(40)
def test_steps_of_training_move_the_survivors_as_in_the_masked_network(case: Pruned) -> None:
    small, full = cut(case.net, case.params, case.masks), case.masked
    optimizer, survivors = SGD(), small.expand(small.params)
    states = optimizer.start(small.params), optimizer.start(full)
    for _ in range(4):
        g = gradients(small.net, small.params, small.masks, case.x, case.y)
        optimizer.step(small.params, g, states[0], 0.1)
        g = gradients(case.net, full, case.masks, case.x, case.y)
        optimizer.step(full, g, states[1], 0.1)
    found = small.expand(small.params)
    left = small.expand({name: np.ones_like(w) for name, w in small.params.items()})
    for name in survivors:
        np.testing.assert_allclose(found[name], left[name] * full[name], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(small.net(small.params, case.x), case.net(full, case.x), rtol=1e-9, atol=1e-9)


@given(pruned())
@examples(60)
def test_masks_that_were_cut_are_those_given_at_the_remaining_connections(case: Pruned) -> None:
    small = cut(case.net, case.params, case.masks)
    expanded = small.expand(small.masks)
    assert list(expanded) == list(case.masks)
    for name, c in effective_masks(case.net, case.masks).items():
        assert (c <= expanded[name]).all()
        assert (expanded[name] <= case.masks[name]).all()


@given(pruned(mlps() | convnets(paddings=(0,))))
@examples(100)
def test_without_padding_every_unit_that_is_left_is_on_a_path(case: Pruned) -> None:
    small = compact(case.net, case.params, case.masks)
    *hidden, _ = (units for name, units in alive_units(small.net, small.masks).items() if name != "input")
    assert all(units.all() or len(units) == 1 for units in hidden)


@given(pruned(), both)
@examples(40)
def test_made_small_once_it_stays_as_it_is(case: Pruned, make: Any) -> None:
    once = make(case.net, case.params, case.masks)
    twice = make(once.net, once.params, once.masks)
    assert twice.net.layers == once.net.layers
    assert_close(twice.net(twice.params, case.x), once.net(once.params, case.x))


@given(pruned(), both)
@examples(30)
def test_nothing_that_was_given_is_changed(case: Pruned, make: Any) -> None:
    for a in (*case.params.values(), *case.masks.values()):
        a.flags.writeable = False
    small = make(case.net, case.params, case.masks)
    assert all(a.flags.writeable for a in (*small.params.values(), *small.masks.values()))


@pytest.mark.parametrize("make", [compact, cut])
@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
def test_with_nothing_pruned_nothing_is_cut(net: Sequential, make: Any) -> None:
    params = random_params(net, np.random.default_rng(0))
    for masks in (ones(params), {}):
        small = make(net, params, masks)
        assert small.net.layers == net.layers
        for name, w in params.items():
            np.testing.assert_array_equal(small.params[name], w)


@pytest.mark.parametrize("make", [compact, cut])
@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
def test_with_everything_pruned_the_logits_are_a_constant_and_one_unit_of_each_layer_is_left(
    net: Sequential, make: Any
) -> None:
    rng = np.random.default_rng(0)
    params, (x, _) = random_params(net, rng), random_batch(net, rng)
    masks = {name: np.zeros_like(w) for name, w in params.items() if name.endswith("weight")}
    small = make(net, params, masks)
    assert_close(small.net(small.params, x), np.tile(params[f"{list(net.layers)[-1]}.bias"], (len(x), 1)))
    assert widths(small.net) == [1] * (len(widths(net)) - 1) + [4]


@pytest.mark.parametrize("kind", ["random", "snip"])
@pytest.mark.parametrize("model", LENETS)
def test_both_lenets_at_98_percent_become_small_and_stay_the_same(model: str, kind: str) -> None:
    net, rng = LENETS[model](), np.random.default_rng(0)
    params = net.init(rng, dtype=np.float64)
    x, y = rng.standard_normal((20, 1, 28, 28)) * (rng.random((1, 1, 28, 28)) < 0.7), rng.integers(0, 10, 20)
    scores = connection_sensitivity(net, params, x, y)
    if kind == "random":
        scores = {name: rng.random(w.shape) for name, w in params.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)
        masks = keep_top(scores, 0.98)
    params = {name: w + 0.1 * (name.endswith("bias")) for name, w in params.items()}
    expected = net(apply_masks(masks, params), x)
    for make in (compact, cut):
        small = make(net, params, masks)
        assert_close(small.net(small.params, x), expected)
        assert small.net.size < net.size
    in32 = compact(net, *({name: a.astype(np.float32) for name, a in arrays.items()} for arrays in (params, masks)))
    logits = in32.net(in32.params, x.astype(np.float32))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_float32_stays_float32() -> None:
    for net in (small_mlp(), small_convnet()):
        params = net.init(np.random.default_rng(0))
        for make in (compact, cut):
            small = make(net, params, {name: np.zeros_like(w) for name, w in params.items()})
            arrays = [*small.params.values(), *small.masks.values(), *small.expand(small.params).values()]
            assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("make", [compact, cut])
def test_masks_of_any_dtype_become_those_of_the_parameters(make: Any) -> None:
    net = small_mlp()
    params = net.init(np.random.default_rng(0))
    for dtype in (int, bool, np.float64):
        small = make(net, params, {name: np.ones(w.shape, dtype) for name, w in params.items()})
        assert {a.dtype for a in (*small.params.values(), *small.masks.values())} == {np.dtype(np.float32)}


def test_it_says_what_went() -> None:
    net = Sequential((3,), fc1=Linear(3, 3), relu1=ReLU(), fc2=Linear(3, 2))
    params = random_params(net, np.random.default_rng(0))
    masks = {"fc1.weight": np.diag([1.0, 1, 0]), "fc2.weight": np.array([[1.0, 0, 1], [0, 0, 0]])}
    assert str(compact(net, params, masks)) == "3-3-2 -> 1-1-2; parameters 20 -> 6, connections 9 -> 5"
    assert str(cut(net, params, masks)) == "3-3-2 -> 1-2-2; parameters 20 -> 10, connections 9 -> 7"


@pytest.mark.parametrize("make", [compact, cut])
def test_what_does_not_fit_is_refused(make: Any) -> None:
    net = small_mlp()
    params = net.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"mask fc1.weight has shape \(9, 7\), the parameter shape \(7, 9\)"):
        make(net, params, {"fc1.weight": np.ones((9, 7))})
    with pytest.raises(ValueError, match=r"parameter fc2.bias is missing"):
        make(net, {name: w for name, w in params.items() if name != "fc2.bias"}, {})


def test_expand_refuses_what_is_not_of_the_small_network() -> None:
    net = LENETS["lenet-300-100"]()
    small = compact(net, net.init(np.random.default_rng(0)), {})
    with pytest.raises(ValueError, match=r"fc1.bias has shape \(1,\), the small network's is \(300,\)"):
        small.expand({"fc1.bias": np.ones(1)})
    with pytest.raises(ValueError, match=r"fc9.bias has shape .* is not there"):
        small.expand({"fc9.bias": np.ones(1)})


def test_compact_networks_can_be_compared_and_be_keys() -> None:
    net = small_mlp()
    params = net.init(0)
    one, other = (compact(net, params, ones(params)) for _ in range(2))
    assert len({one, other, one}) == 2
    assert one != other
