"""Every criterion is its formula, by finite differences; and refuses what cannot be scored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential, cross_entropy
from minisnip.pruning import (
    CRITERIA,
    NoScoreError,
    apply_masks,
    delta_loss_by_deletion,
    invert,
    keep_top,
    ones,
    weight_gradient,
)
from tests.networks import random_batch, random_params, small_convnet, small_mlp

NETS = {"mlp": small_mlp, "convnet": small_convnet}
H = 1e-5


def case(name: str) -> tuple[Sequential, dict[str, Array], Array, Array]:
    net, rng = NETS[name](), np.random.default_rng(0)
    return net, random_params(net, rng), *random_batch(net, rng)


def scores(criterion: str, *args: Any) -> dict[str, Array]:
    return CRITERIA[criterion](*args, rng=np.random.default_rng(0))


def each(params: dict[str, Array], value: Callable[[str, tuple[int, ...]], float]) -> dict[str, Array]:
    """value(name, index) for every parameter."""
    return {
        name: np.array([value(name, j) for j in np.ndindex(w.shape)]).reshape(w.shape) for name, w in params.items()
    }


def slope(f: Callable[[dict[str, Array]], Any], at: dict[str, Array], name: str, j: tuple[int, ...]) -> Any:
    """The central difference of f by one element of a dict."""

    def moved(h: float) -> Any:
        a = at[name].copy()
        a[j] += h
        return f({**at, name: a})

    return (moved(H) - moved(-H)) / (2 * H)


def loss(net: Sequential, x: Array, y: Array, temperature: float = 1.0) -> Callable[[dict[str, Array]], Any]:
    return lambda w: float(cross_entropy(net(w, x) / temperature, y))


def by_mask(f: Callable[[dict[str, Array]], Any], params: dict[str, Array]) -> dict[str, Array]:
    """∂f(c ⊙ w)/∂c at c = 1."""
    return each(params, lambda name, j: slope(lambda c: f(apply_masks(c, params)), ones(params), name, j))


def snip(net: Sequential, w: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    g = by_mask(loss(net, x, y), w)
    total = sum(np.abs(a).sum() for a in g.values())
    return {name: np.abs(a) / total for name, a in g.items()}


def gradient(net: Sequential, w: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    return each(w, lambda name, j: abs(slope(loss(net, x, y), w, name, j)))


def obd(net: Sequential, w: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    def curvature(name: str, j: tuple[int, ...]) -> float:
        return float(slope(lambda p: weight_gradient(net, p, x, y)[name][j], w, name, j))

    return each(w, lambda name, j: w[name][j] ** 2 * curvature(name, j) / 2)


def grasp(net: Sequential, w: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    """Half the derivative by c_j of the gradient flow ‖∇L‖²: what of the flow would go with the connection."""

    def flow(p: dict[str, Array]) -> float:
        return sum(float(np.sum(g**2)) for g in weight_gradient(net, p, x, y, temperature=200.0).values())

    return {name: g / 2 for name, g in by_mask(flow, w).items()}


def synflow(net: Sequential, w: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    absolute = {name: np.abs(a) for name, a in w.items()}
    return by_mask(lambda p: float(net(p, np.ones((1, *net.input_shape))).sum()), absolute)


FORMULAS: dict[str, Callable[..., dict[str, Array]]] = {
    "snip": snip,
    "delta-loss": lambda *args: {name: np.abs(d) for name, d in delta_loss_by_deletion(*args).items()},
    "magnitude": lambda net, w, x, y: {name: np.sqrt(a * a) for name, a in w.items()},
    "gradient": gradient,
    "obd": obd,
    "grasp": grasp,
    "synflow": synflow,
    "least-sensitive": lambda *args: {name: -s for name, s in snip(*args).items()},
}


def test_every_criterion_but_the_random_one_has_a_formula_to_be_checked_by() -> None:
    assert set(FORMULAS) == set(CRITERIA) - {"random"}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("criterion", FORMULAS)
def test_the_scores_are_the_formula_by_finite_differences(criterion: str, net: str) -> None:
    args = case(net)
    expected, found = FORMULAS[criterion](*args), scores(criterion, *args)
    assert list(found) == list(expected) == list(args[1])
    largest = max(np.abs(a).max() for a in expected.values())
    for name, a in expected.items():
        np.testing.assert_allclose(found[name], a, rtol=0, atol=2e-7 * largest)
        assert np.abs(a).max() > 1e-6 * largest  # the comparison sees every parameter


def test_the_random_scores_are_uniform_and_the_seed_decides() -> None:
    net, params, x, y = case("mlp")
    first, again, other = (
        CRITERIA["random"](net, params, x, y, rng=np.random.default_rng(seed))["fc1.weight"] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    assert 0 < first.min() < 0.2 < 0.8 < first.max() < 1


def test_removing_what_grasp_scores_lowest_leaves_more_gradient_flow_than_removing_the_highest() -> None:
    """The sign: the paper removes the largest -w ⊙ Hg, here the smallest w ⊙ Hg."""
    net, params, x, y = case("mlp")
    s = scores("grasp", net, params, x, y)

    def flow(kept: dict[str, Array]) -> float:
        gradient = weight_gradient(net, apply_masks(kept, params), x, y, temperature=200.0)
        return sum(float(np.sum(g**2)) for g in gradient.values())

    whole = flow(ones(params))
    assert flow(keep_top(s, 0.03)) > whole > flow(keep_top(invert(s), 0.03))


def test_the_common_mistake_ranks_otherwise_a_weight_of_zero_can_score_highest() -> None:
    net, params, x, y = case("mlp")
    largest = np.unravel_index(np.argmax(scores("gradient", net, params, x, y)["fc3.weight"]), (4, 5))
    params["fc3.weight"][largest] = 0
    assert scores("gradient", net, params, x, y)["fc3.weight"][largest] > 0.05
    assert scores("snip", net, params, x, y)["fc3.weight"][largest] == 0
    assert scores("delta-loss", net, params, x, y)["fc3.weight"][largest] == 0


def test_synflow_is_conserved_at_every_hidden_unit_and_over_layers_without_biases() -> None:
    net, params, x, y = case("mlp")
    s = scores("synflow", net, params, x, y)
    for layer, following in (("fc1", "fc2"), ("fc2", "fc3")):
        incoming = s[f"{layer}.weight"].sum(axis=1) + s[f"{layer}.bias"]
        np.testing.assert_allclose(incoming, s[f"{following}.weight"].sum(axis=0), rtol=1e-12)
        assert incoming.min() > 0
    without = {name: 0 * w if name.endswith("bias") else w for name, w in params.items()}
    s = scores("synflow", net, without, x, y)
    sums = [s[f"fc{i}.weight"].sum() for i in (1, 2, 3)]
    np.testing.assert_allclose(sums, sums[0], rtol=1e-12)


def test_synflow_and_magnitude_do_not_look_at_the_data_and_synflow_is_in_float64() -> None:
    net, params, x, y = case("mlp")
    single = {name: w.astype(np.float32) for name, w in params.items()}
    for criterion in ("synflow", "magnitude"):
        one, other = (scores(criterion, net, single, a, b) for a, b in ((x, y), (-x, 3 - y)))
        for name, s in one.items():
            np.testing.assert_array_equal(s, other[name])
    assert {s.dtype for s in scores("synflow", net, single, x, y).values()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("criterion", [name for name in CRITERIA if name not in ("random", "synflow", "magnitude")])
def test_the_scores_of_many_images_do_not_depend_on_how_they_are_split(criterion: str) -> None:
    """103 images are more than one batch; the mean over them is that of each, weighted alike."""
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng, 103)
    whole, turned = (scores(criterion, net, params, a, b) for a, b in ((x, y), (x[::-1], y[::-1])))
    for name, s in whole.items():
        np.testing.assert_allclose(s, turned[name], rtol=0, atol=1e-11 * np.abs(s).max())


@pytest.mark.parametrize("criterion", CRITERIA)
def test_nan_and_an_empty_batch_are_refused_in_a_sentence_and_nothing_is_changed(criterion: str) -> None:
    net, params, x, y = case("mlp")
    before = {name: w.copy() for name, w in params.items()}
    scores(criterion, net, params, x, y)
    with pytest.raises(ValueError, match="the scoring batch has 0 images and 0 labels: at least 1"):
        scores(criterion, net, params, x[:0], y[:0])
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinity in the images"):
            scores(criterion, net, params, np.where(x > 1, bad, x), y)
        with pytest.raises(ValueError, match=r"NaN or infinity in fc2\.weight"):
            scores(criterion, net, {**params, "fc2.weight": params["fc2.weight"] + bad}, x, y)
    for name, w in params.items():
        np.testing.assert_array_equal(w, before[name])


@pytest.mark.parametrize("criterion", ["snip", "least-sensitive", "obd", "grasp", "synflow"])
def test_scores_that_are_all_zero_are_refused(criterion: str) -> None:
    net, params, x, y = case("mlp")
    with pytest.raises(NoScoreError, match="is zero, so no connection is more sensitive than another"):
        scores(criterion, net, {name: 0 * w for name, w in params.items()}, x, y)
