"""The derivative by the mask is what the paper says it is."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.nn import LENETS, Linear, ReLU, Sequential, cross_entropy
from minisnip.pruning import apply_masks, connection_sensitivity, keep_top, mask_gradient, ones
from tests.networks import random_batch, random_params, small_convnet, small_mlp

NETS = {"mlp": small_mlp, "convnet": small_convnet}


def weight_gradient(net: Sequential, params: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    w = {name: Tensor(p) for name, p in params.items()}
    gradient: dict[str, Array] = grad(cross_entropy(net(w, x), y), w)
    return gradient


@pytest.mark.parametrize("name", NETS)
def test_mask_gradient_is_weight_times_weight_gradient(name: str) -> None:
    net, rng = NETS[name](), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    by_weight = weight_gradient(net, params, x, y)
    for key, g in mask_gradient(net, params, x, y).items():
        np.testing.assert_allclose(g, params[key] * by_weight[key], rtol=0, atol=1e-12)


@pytest.mark.parametrize("model", LENETS)
def test_mask_gradient_is_weight_times_weight_gradient_on_the_real_lenets(model: str) -> None:
    net, rng = LENETS[model](), np.random.default_rng(0)
    params = net.init(rng, dtype=np.float64)
    x, y = rng.standard_normal((5, 1, 28, 28)), rng.integers(0, 10, 5)
    by_weight = weight_gradient(net, params, x, y)
    for key, g in mask_gradient(net, params, x, y).items():
        np.testing.assert_allclose(g, params[key] * by_weight[key], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NETS)
def test_mask_gradient_is_the_finite_difference_in_every_single_c(name: str) -> None:
    net, rng = NETS[name](), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    g, h = mask_gradient(net, params, x, y), 1e-5

    def loss(key: str, j: tuple[int, ...], change: float) -> float:
        c = ones(params)
        c[key][j] += change
        return float(cross_entropy(net(apply_masks(c, params), x), y))

    for key, w in params.items():
        for j in np.ndindex(w.shape):
            assert g[key][j] == pytest.approx((loss(key, j, h) - loss(key, j, -h)) / (2 * h), abs=1e-8)


def test_signed_sensitivity_is_conserved_at_every_hidden_unit() -> None:
    """Σ over incoming connections and the bias = Σ over outgoing ones, in a ReLU net (SynFlow, arXiv 2006.05467)."""
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    g = mask_gradient(net, params, x, y)
    for layer, following in (("fc1", "fc2"), ("fc2", "fc3")):
        incoming = g[f"{layer}.weight"].sum(axis=1) + g[f"{layer}.bias"]
        np.testing.assert_allclose(incoming, g[f"{following}.weight"].sum(axis=0), rtol=0, atol=1e-12)
        assert np.abs(incoming).max() > 1e-3  # a sum of zeros would prove nothing


def test_unsigned_sensitivity_is_not_conserved() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    g = {name: np.abs(a) for name, a in mask_gradient(net, params, x, y).items()}
    assert np.abs(g["fc1.weight"].sum(axis=1) + g["fc1.bias"] - g["fc2.weight"].sum(axis=0)).max() > 1e-3


def test_without_biases_every_layers_signed_sum_is_the_same_number() -> None:
    rng = np.random.default_rng(0)
    net = Sequential((9,), fc1=Linear(9, 7), relu1=ReLU(), fc2=Linear(7, 5), relu2=ReLU(), fc3=Linear(5, 4))
    params = net.init(rng, dtype=np.float64)  # biases are zero
    x, y = rng.standard_normal((6, 9)), rng.integers(0, 4, 6)
    g = mask_gradient(net, params, x, y, biases=False)
    sums = [g[f"fc{i}.weight"].sum() for i in (1, 2, 3)]
    np.testing.assert_allclose(sums, sums[0], rtol=0, atol=1e-12)


def test_the_gradient_of_many_images_does_not_depend_on_how_they_are_split() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng, size=25)
    whole = mask_gradient(net, params, x, y, batch_size=25)
    for batch_size in (1, 7, 24):  # the last batch is smaller and counts for less
        for name, g in mask_gradient(net, params, x, y, batch_size=batch_size).items():
            np.testing.assert_allclose(g, whole[name], rtol=0, atol=1e-13)


def test_ten_thousand_scoring_images_take_no_more_memory_than_a_few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """LeNet-5-Caffe: all at once, the columns of the second convolution alone would be 12.8 GB."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # when two threads hold most at once is chance
    net, rng = LENETS["lenet-5-caffe"](), np.random.default_rng(0)
    params, y = net.init(rng), rng.integers(0, 10, 1000)
    x = rng.standard_normal((1000, 1, 28, 28), np.float32)
    peaks = []
    for images in (200, 1000):
        tracemalloc.start()
        mask_gradient(net, params, x[:images], y[:images])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 200e6


def test_a_batch_size_below_one_is_refused() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    for batch_size in (0, -5):
        with pytest.raises(ValueError, match=f"batch_size {batch_size} must be at least 1"):
            mask_gradient(net, random_params(net, rng), *random_batch(net, rng), batch_size=batch_size)


def test_sensitivities_are_normalized_absolute_gradients() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    g, s = mask_gradient(net, params, x, y), connection_sensitivity(net, params, x, y)
    total = sum(np.abs(a).sum() for a in g.values())
    assert sum(a.sum() for a in s.values()) == pytest.approx(1)
    for name in g:
        np.testing.assert_allclose(s[name], np.abs(g[name]) / total, rtol=1e-12)


@pytest.mark.parametrize("model", LENETS)
@pytest.mark.parametrize("sparsity", [0.5, 0.95, 0.98])
def test_biases_that_start_at_zero_are_all_pruned_as_in_the_authors_code(model: str, sparsity: float) -> None:
    net, rng = LENETS[model](), np.random.default_rng(0)
    x, y = rng.standard_normal((20, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, 20)
    masks = keep_top(connection_sensitivity(net, net.init(rng), x, y), sparsity)
    assert [name for name, c in masks.items() if name.endswith("bias") and c.any()] == []


def test_biases_can_be_left_unmasked_and_uncounted() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    without = mask_gradient(net, params, x, y, biases=False)
    assert list(without) == ["fc1.weight", "fc2.weight", "fc3.weight"]
    both = mask_gradient(net, params, x, y)
    for name, g in without.items():
        np.testing.assert_array_equal(g, both[name])
    kept = apply_masks(keep_top(without, 0.5), params)
    np.testing.assert_array_equal(kept["fc1.bias"], params["fc1.bias"])


def test_the_dtype_of_the_parameters_is_kept_and_nothing_is_changed() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = net.init(rng), random_batch(net, rng)
    before = {name: w.copy() for name, w in params.items()}
    g = mask_gradient(net, params, x.astype(np.float32), y)
    assert {a.dtype for a in g.values()} == {np.dtype(np.float32)}
    for name, w in params.items():
        np.testing.assert_array_equal(w, before[name])


def test_a_batch_that_cannot_be_scored_is_refused_in_a_sentence() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    with pytest.raises(ValueError, match="the scoring batch has 0 images and 0 labels"):
        mask_gradient(net, params, x[:0], y[:0])
    with pytest.raises(ValueError, match="the scoring batch has 6 images and 5 labels"):
        mask_gradient(net, params, x, y[:5])
    with pytest.raises(ValueError, match="NaN or infinity in the images"):
        mask_gradient(net, params, np.where(x > 2, x, np.nan), y)
    with pytest.raises(ValueError, match=r"NaN or infinity in fc2\.weight"):
        mask_gradient(net, {**params, "fc2.weight": params["fc2.weight"] * np.inf}, x, y)
    with pytest.raises(ValueError, match="every mask gradient is zero"):
        connection_sensitivity(net, {name: 0 * w for name, w in params.items()}, x, y)


class Watched(Sequential):
    """A network that notes how many images it is asked about at a time."""

    def __call__(self, params: Any, x: Any) -> Any:
        asked.append(len(x))
        return super().__call__(params, x)


asked: list[int] = []


@pytest.mark.parametrize("score", [mask_gradient, connection_sensitivity])
def test_no_more_images_are_held_at_a_time_than_asked(score: Any) -> None:
    net = Watched((3,), fc=Linear(3, 4))
    x, y = np.random.default_rng(0).standard_normal((10, 3)), np.arange(10) % 4
    asked.clear()
    score(net, net.init(0), x, y, batch_size=4)
    assert asked == [4, 4, 2]
