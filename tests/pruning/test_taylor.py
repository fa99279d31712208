"""Curvature, difference quotients and joint deletion are what their formulas say."""

from __future__ import annotations

import numpy as np
import pytest

from minisnip import Tensor, hvp
from minisnip.nn import Linear, Sequential, cross_entropy
from minisnip.pruning import (
    apply_masks,
    delta_loss,
    difference_errors,
    joint_deletion,
    keep_top,
    mask_curvature,
    mask_gradient,
)
from tests.networks import random_batch, random_params, small_convnet, small_mlp


@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
def test_curvature_is_w_squared_times_the_diagonal_of_the_hessian_by_the_weights(net: Sequential) -> None:
    rng = np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    w = {name: Tensor(p) for name, p in params.items()}
    loss = cross_entropy(net(w, x), y)
    for name, j in [(name, tuple(n - 1 for n in p.shape)) for name, p in params.items()]:
        e = {key: np.zeros_like(p) for key, p in params.items()}
        e[name][j] = 1
        h_jj = hvp(loss, w, e)[name][j]
        assert mask_curvature(net, params, x, y, [(name, j)])[0] == pytest.approx(
            params[name][j] ** 2 * h_jj, abs=1e-12
        )


def test_the_second_order_term_explains_the_disagreement_of_every_connection_of_a_smooth_net() -> None:
    """Without a kink ΔL = g - ½ ∂²L/∂c² + O(w³): exact for all connections, not on a sample."""
    net, rng = Sequential((5,), fc1=Linear(5, 6), fc2=Linear(6, 4)), np.random.default_rng(0)
    params = {name: 0.2 * w for name, w in random_params(net, rng).items()}
    x, y = rng.standard_normal((8, 5)), rng.integers(0, 4, 8)
    g, d = mask_gradient(net, params, x, y), delta_loss(net, params, x, y)
    connections = [(name, j) for name, w in params.items() for j in np.ndindex(w.shape)]
    curvature = mask_curvature(net, params, x, y, connections)
    apart = np.array([d[name][j] - g[name][j] for name, j in connections])
    assert np.sum((apart + curvature / 2) ** 2) < 1e-3 * np.sum(apart**2)


def test_difference_quotients_have_orders_one_and_two_and_the_complex_step_is_flat() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    last = [("fc3.weight", (i, j)) for i, j in ((0, 0), (1, 2), (3, 4))]
    e = difference_errors(net, params, x, y, last)
    assert e.orders[0] == pytest.approx(1, abs=0.03)
    assert e.orders[1] == pytest.approx(2, abs=0.03)
    assert e.complex_step[e.deltas < 1e-8].max() < 1e-14
    assert e.one_sided[-1] > 1e-6  # round-off rules at 1e-12 ...
    assert e.one_sided.min() > 1e-10  # ... so that no step is good
    single = difference_errors(net, params, x, y, last, dtype=np.float32)
    assert single.central.min() > 1e3 * e.central.min()


def test_joint_deletion_is_the_change_of_the_loss_when_all_go_at_once() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    g = mask_gradient(net, params, x, y)
    half, one = joint_deletion(net, params, x, y, [0.5, 1 / 145])
    assert half["sparsity"] == 0.5
    assert abs(half["true"] - half["linear"]) > 1e-3  # the derivative speaks of one connection, not of many
    smallest = min((abs(g_j), g_j) for a in g.values() for g_j in a.ravel())[1]
    assert one["linear"] == pytest.approx(smallest)  # 145 parameters: one goes
    c = keep_top({name: np.abs(a) for name, a in g.items()}, 0.5)
    whole, pruned = cross_entropy(net(params, x), y), cross_entropy(net(apply_masks(c, params), x), y)
    assert half["true"] == pytest.approx(whole - pruned)


def test_difference_errors_needs_a_derivative_and_a_step() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    params["fc3.weight"][0, 0] = 0
    for connections, deltas in (([], [1.0]), ([("fc3.weight", (0, 0))], [1.0]), ([("fc3.weight", (1, 1))], [0.0])):
        with pytest.raises(ValueError, match="a derivative other than 0, and no δ of 0"):
            difference_errors(net, params, x, y, connections, deltas)


def test_two_deltas_are_enough_for_an_order() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    found = difference_errors(net, params, x, y, [("fc3.weight", (0, 0)), ("fc3.weight", (1, 1))], [0.5, 0.25, 1e-4])
    assert found.orders == pytest.approx((1, 2), abs=0.2)
    with_one = difference_errors(net, params, x, y, [("fc3.weight", (0, 0))], [0.5, 1e-4])
    assert np.isnan(with_one.orders).all()
