"""The Hessian's diagonal is exact for our layers, and the estimate is as good as it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from minisnip import ops
from minisnip.autodiff.engine import Array
from minisnip.nn import Linear, Sequential
from minisnip.nn.layers import Stateless
from minisnip.pruning import (
    CRITERIA,
    EstimateWarning,
    NoScoreError,
    cut,
    fisher_diagonal,
    hessian_product,
    hutchinson_diagonal,
    weight_gradient,
)
from tests.autodiff.budget import examples
from tests.networks import random_batch, random_params, small_convnet, small_mlp
from tests.pruning.pruned import Pruned, pruned


@dataclass(frozen=True)
class Tanh(Stateless):
    def __call__(self, params: Any, x: Any) -> Any:
        return ops.tanh(x)


def smooth_net() -> Sequential:
    return Sequential((5,), fc1=Linear(5, 4), tanh1=Tanh(), fc2=Linear(4, 4))


def diagonal_by_unit_vectors(net: Sequential, params: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    """(H e_j)_j, a Hessian-vector product for each weight: the oracle."""
    answer = {name: np.empty(w.shape) for name, w in params.items()}
    for name, w in params.items():
        for j in np.ndindex(w.shape):
            e = {key: np.zeros(a.shape) for key, a in params.items()}
            e[name][j] = 1
            answer[name][j] = hessian_product(net, params, x, y, e)[name][j]
    return answer


@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
def test_the_fisher_diagonal_is_that_of_the_hessian_for_piecewise_linear_networks(net: Sequential) -> None:
    rng = np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    exact, found = diagonal_by_unit_vectors(net, params, x, y), fisher_diagonal(net, params, x, y)
    for name, h in exact.items():
        np.testing.assert_allclose(found[name], h, rtol=1e-9, atol=1e-12 * h.max())
        assert h.max() > 0


def test_the_hessian_product_is_the_change_of_the_gradient_along_the_vector() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y), v = random_params(net, rng), random_batch(net, rng, 103), random_params(net, rng)
    more, less = (
        weight_gradient(net, {name: w + h * v[name] for name, w in params.items()}, x, y, temperature=2.0)
        for h in (1e-6, -1e-6)
    )
    for name, product in hessian_product(net, params, x, y, v, temperature=2.0).items():
        np.testing.assert_allclose(product, (more[name] - less[name]) / 2e-6, rtol=0, atol=1e-7)


@pytest.mark.parametrize("net", [small_mlp(), smooth_net()], ids=["mlp", "smooth"])
def test_the_estimate_is_within_its_standard_error_as_often_as_it_should(net: Sequential) -> None:
    rng = np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    exact = diagonal_by_unit_vectors(net, params, x, y)
    estimate, error = hutchinson_diagonal(net, params, x, y, rng=rng, probes=400)
    z = np.concatenate([((estimate[n] - exact[n])[error[n] > 1e-12] / error[n][error[n] > 1e-12]) for n in exact])
    assert len(z) > 30
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.5  # standard normal, if the error is what it says
    assert np.abs(z).max() < 5


def test_the_standard_error_halves_with_four_times_the_probes() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    few, many = (hutchinson_diagonal(net, params, x, y, rng=rng, probes=n)[1]["fc2.weight"] for n in (100, 400))
    assert np.median(few[many > 0] / many[many > 0]) == pytest.approx(2, rel=0.1)


def test_obd_estimates_where_a_layer_is_not_piecewise_linear() -> None:
    """There the Fisher diagonal is another number than the Hessian's, which may be negative."""
    net, rng = smooth_net(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    exact, fisher = diagonal_by_unit_vectors(net, params, x, y), fisher_diagonal(net, params, x, y)
    assert np.abs(exact["fc1.weight"] - fisher["fc1.weight"]).max() > 0.1 * exact["fc1.weight"].max()
    with pytest.warns(EstimateWarning, match="layer tanh1 is a Tanh: .* estimated from 100 random probes"):
        scores = CRITERIA["obd"](net, params, x, y, rng=np.random.default_rng(1))
    estimate, _ = hutchinson_diagonal(net, params, x, y, rng=np.random.default_rng(1))
    for name, w in params.items():
        np.testing.assert_allclose(scores[name], w**2 * estimate[name] / 2)


@given(pruned())
@examples(25)
def test_obd_of_a_compacted_network_is_the_exact_diagonal_and_never_negative(case: Pruned) -> None:
    small = cut(case.net, case.params, case.masks)
    exact = diagonal_by_unit_vectors(small.net, small.params, case.x, case.y)
    try:
        scores = CRITERIA["obd"](small.net, small.params, case.x, case.y, rng=None)
    except NoScoreError:
        scores = {name: np.zeros(w.shape) for name, w in small.params.items()}
    for name, w in small.params.items():
        assert (scores[name] >= 0).all()
        np.testing.assert_allclose(scores[name], w**2 * exact[name] / 2, rtol=1e-9, atol=1e-12)


def test_one_probe_has_no_standard_error() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    with pytest.raises(ValueError, match="1 probes have no standard error: take at least 2"):
        hutchinson_diagonal(net, random_params(net, rng), *random_batch(net, rng), rng=rng, probes=1)


def test_the_standard_error_is_that_of_the_mean_over_the_probes() -> None:
    """The same draws, one by one: the standard deviation with n - 1, over the root of n."""
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    mean, error = hutchinson_diagonal(net, params, x, y, rng=np.random.default_rng(1), probes=3)
    rng = np.random.default_rng(1)
    draws = [{name: rng.choice([-1.0, 1.0], w.shape) for name, w in params.items()} for _ in range(3)]
    probes = [(v, hessian_product(net, params, x, y, v)) for v in draws]
    for name in params:
        values = np.stack([v[name] * product[name] for v, product in probes])
        np.testing.assert_allclose(mean[name], values.mean(0), rtol=0, atol=1e-12)
        np.testing.assert_allclose(error[name], values.std(0, ddof=1) / np.sqrt(3), rtol=0, atol=1e-7)
