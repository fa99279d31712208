"""The fast ΔL is the definition, for every connection of every network of our layers."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tqdm import tqdm

from minisnip.autodiff.engine import Array
from minisnip.nn import LENETS, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Select, Sequential, cross_entropy
from minisnip.pruning import cut, deletion, delta_loss, delta_loss_by_deletion, mask_gradient
from tests.autodiff.budget import examples
from tests.networks import random_batch, random_params, small_convnet, small_mlp
from tests.pruning.pruned import Pruned, pruned


@st.composite
def networks(draw: st.DrawFn) -> Sequential:
    """An MLP or a convolutional net, with pooling, padding, stride, overlapping windows; ReLUs anywhere or nowhere."""
    layers: dict[str, Layer] = {}
    shape: tuple[int, ...] = (draw(st.integers(1, 2)), draw(st.integers(4, 6)), draw(st.integers(4, 6)))
    first = shape

    def add(name: str, layer: Layer) -> None:
        nonlocal shape
        shape = layer.out_shape(shape)
        layers[name] = layer

    for k in range(draw(st.integers(0, 2))):
        kernel, padding = draw(st.integers(1, 3)), draw(st.integers(0, 1))
        if min(shape[1:]) + 2 * padding >= kernel:
            out, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
            add(f"conv{k}", Conv2d(shape[0], out, kernel, stride, padding))
        if draw(st.booleans()):
            add(f"relu{k}", ReLU())
        if min(shape[1:]) >= 2 and draw(st.booleans()):
            add(f"pool{k}", MaxPool2d(2, draw(st.integers(1, 2))))
    add("flatten", Flatten())
    for k in range(draw(st.integers(0, 2))):
        add(f"fc{k}", Linear(shape[0], draw(st.integers(1, 4))))
        if draw(st.booleans()):
            add(f"relu_fc{k}", ReLU())
    add("last", Linear(shape[0], 4))
    return Sequential(first, **layers)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.5, -0.25, 2.0]), st.booleans())
def test_it_equals_one_forward_pass_for_each_connection(
    net: Sequential, seed: int, delta: float, with_ties: bool
) -> None:
    rng = np.random.default_rng(seed)
    params, (x, y) = random_params(net, rng), random_batch(net, rng, size=3)
    if with_ties:  # few values: equal maxima in a window, and ReLUs at exactly 0
        params, x = {name: np.round(2 * w) / 2 for name, w in params.items()}, np.round(x)
    fast, slow = (f(net, params, x, y, delta) for f in (delta_loss, delta_loss_by_deletion))
    for name in params:
        np.testing.assert_allclose(fast[name], slow[name], rtol=0, atol=1e-10)


@given(pruned())
@examples(60)
def test_of_a_compacted_network_it_is_the_definition_and_that_of_the_full_network_at_the_kept_places(
    case: Pruned,
) -> None:
    """A compacted network begins with a Select where pixels are gone."""
    small, full = cut(case.net, case.params, case.masks), delta_loss(case.net, case.masked, case.x, case.y)
    fast, slow = (f(small.net, small.params, case.x, case.y) for f in (delta_loss, delta_loss_by_deletion))
    for name, d in fast.items():
        np.testing.assert_allclose(d, slow[name], rtol=0, atol=1e-10)
        kept = small.expand({name: np.ones_like(d)})[name]
        np.testing.assert_allclose(small.expand({name: d})[name], kept * full[name], rtol=0, atol=1e-10)


def test_a_selection_may_be_anywhere_and_take_a_number_twice_or_not_at_all() -> None:
    net = Sequential(
        (1, 4, 4),
        conv=Conv2d(1, 3, 3),
        relu=ReLU(),
        flatten=Flatten(),
        some=Select(12, (11, 0, 5, 5, 2)),
        more=Select(5, (4, 3, 1, 0)),
        relu_again=ReLU(),
        fc=Linear(4, 6),
        logits=Select(6, (5, 0, 3, 3, 1)),
    )
    rng = np.random.default_rng(0)
    params, x, y = random_params(net, rng), rng.standard_normal((5, 1, 4, 4)), rng.integers(0, 5, 5)
    fast, slow = (f(net, params, x, y) for f in (delta_loss, delta_loss_by_deletion))
    for name in params:
        np.testing.assert_allclose(fast[name], slow[name], rtol=0, atol=1e-12)
        assert fast[name].any()


@pytest.mark.parametrize("model", LENETS)
def test_it_equals_the_definition_on_300_connections_of_the_real_lenets(model: str) -> None:
    net, rng = LENETS[model](), np.random.default_rng(0)
    params = net.init(rng, dtype=np.float64)
    x, y = rng.standard_normal((4, 1, 28, 28)), rng.integers(0, 10, 4)
    whole, fast = cross_entropy(net(params, x), y), delta_loss(net, params, x, y)
    for k in range(300):
        name = list(params)[k % len(params)]
        j = tuple(int(rng.integers(n)) for n in params[name].shape)
        w = params[name].copy()
        w[j] = 0
        assert fast[name][j] == pytest.approx(whole - cross_entropy(net({**params, name: w}, x), y), abs=1e-10)


@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
def test_the_size_of_the_chunks_does_not_matter(net: Sequential, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng, size=230)  # more than are held at a time
    whole = delta_loss(net, params, x, y)
    for images, cache in ((1, 1), (7, 10_000), (230, 2**30)):
        monkeypatch.setattr(deletion, "IMAGES", images)
        monkeypatch.setattr(deletion, "CACHE", cache)
        for name, d in delta_loss(net, params, x, y).items():
            np.testing.assert_allclose(d, whole[name], rtol=0, atol=1e-14)


def peak(model: str, name: str, memory_limit: int) -> int:
    """The most bytes that ΔL of one parameter holds, for 100 images."""
    net, rng = LENETS[model](), np.random.default_rng(0)
    params = net.init(rng, dtype=np.float64)
    x, y = rng.standard_normal((100, 1, 28, 28)), rng.integers(0, 10, 100)
    tracemalloc.start()
    delta_loss(net, params, x, y, names=[name], memory_limit=memory_limit)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_stays_under_the_limit_and_only_the_limit_keeps_it_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "cores", lambda: 2)
    monkeypatch.setattr(deletion, "CACHE", 2**28)  # so that nothing else bounds the batches
    limit = 2**26
    assert peak("lenet-5-caffe", "conv1.weight", limit) < limit < peak("lenet-5-caffe", "conv1.weight", 2**30) < 2**30
    assert peak("lenet-300-100", "fc2.weight", 9 * 2**20) < 9 * 2**20


def test_memory_that_is_too_little_is_refused_with_what_is_needed() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    for memory_limit in (-5, 1000):
        with pytest.raises(ValueError, match=rf"memory_limit {memory_limit:,} bytes is too little.*at least \d"):
            delta_loss(net, params, x, y, memory_limit=memory_limit)


def test_the_order_of_the_parameters_in_memory_does_not_matter() -> None:
    net, rng = small_convnet(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    fortran = delta_loss(net, {name: np.asfortranarray(w) for name, w in params.items()}, x, y)
    for name, d in delta_loss(net, params, x, y).items():
        np.testing.assert_array_equal(fortran[name], d)


def test_the_progress_bar_counts_every_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = []

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "disable": False, "file": io.StringIO()})
            bars.append(self)

    monkeypatch.setattr(deletion, "tqdm", Bar)
    net, rng = small_convnet(), np.random.default_rng(0)
    delta_loss(net, random_params(net, rng), *random_batch(net, rng))
    assert bars[0].n == bars[0].total == 3 + 4 + 4  # the filters of two convolutions, and four outputs


@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
def test_as_delta_shrinks_it_converges_to_the_mask_gradient_at_order_one(net: Sequential) -> None:
    rng = np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    g = mask_gradient(net, params, x, y)

    def error(delta: float) -> float:
        quotients = delta_loss(net, params, x, y, delta)
        return max(float(np.abs(quotients[name] - g[name]).max()) for name in g)

    assert error(1e-4) / error(1e-5) == pytest.approx(10, rel=0.05)
    assert error(1e-5) < 1e-5


def central(net: Sequential, params: dict[str, Array], x: Array, y: Array, delta: float) -> dict[str, Array]:
    less, more = (delta_loss(net, params, x, y, d) for d in (delta, -delta))
    return {name: (less[name] + more[name]) / 2 for name in less}


def test_the_central_difference_converges_at_order_two() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    g = mask_gradient(net, params, x, y)
    errors = [
        max(float(np.abs(central(net, params, x, y, delta)[name] - g[name]).max()) for name in g)
        for delta in (3e-3, 3e-4)
    ]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.2)


def test_a_connection_from_a_dead_input_changes_exactly_nothing() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    x[:, 0, 1, 1] = 0  # the fifth of the nine inputs
    params["fc2.weight"][3] = params["fc2.bias"][3] = 0  # and a unit that never fires
    answer = delta_loss(net, params, x, y)
    assert (answer["fc1.weight"][:, 4] == 0).all()
    assert (answer["fc3.weight"][:, 3] == 0).all()
    assert answer["fc1.weight"].any()


def test_names_choose_the_parameters() -> None:
    net, rng = small_convnet(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    whole, some = delta_loss(net, params, x, y), delta_loss(net, params, x, y, names=["conv2.bias", "conv1.weight"])
    assert list(some) == ["conv2.bias", "conv1.weight"]
    for name, d in some.items():
        np.testing.assert_array_equal(d, whole[name])


def test_float32_parameters_are_computed_in_float64() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = net.init(rng), random_batch(net, rng)
    answer = delta_loss(net, params, x.astype(np.float32), y)
    assert {d.dtype for d in answer.values()} == {np.dtype(np.float64)}
    double = {name: w.astype(np.float64) for name, w in params.items()}
    for name, d in delta_loss(net, double, x.astype(np.float32).astype(np.float64), y).items():
        np.testing.assert_array_equal(answer[name], d)


def test_what_cannot_be_computed_is_refused_in_a_sentence() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    one = dict(params)
    one.pop("fc1.bias")
    for bad, message in (
        ((params, np.full_like(x, np.nan), y), "NaN or infinity in the images"),
        (({**params, "fc1.bias": params["fc1.bias"] * np.nan}, x, y), r"NaN or infinity in fc1\.bias"),
        ((params, x[:0], y[:0]), "0 images"),
        ((params, x, y - 1), "labels run from -1"),
        ((params, x, y + 9), "labels run from 9"),
        ((params, x, y[:, None]), "labels of shape"),
        ((params, x[:, :, :2], y), r"the network takes a batch of shape \(N, 1, 3, 3\)"),
        ((one, x, y), r"parameter fc1\.bias is missing"),
    ):
        with pytest.raises(ValueError, match=message):
            delta_loss(net, *bad)
    for delta in (0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=rf"delta {delta} must be finite and not be 0"):
            delta_loss(net, params, x, y, delta)
    for names in (["fc9"], []):
        with pytest.raises(ValueError, match=r"must be one or more of fc1.weight, fc1.bias"):
            delta_loss(net, params, x, y, names=names)

    class Unknown:
        shapes, out_shape, __call__ = ReLU.shapes, ReLU.out_shape, ReLU.__call__

    other = Sequential((9,), fc1=Linear(9, 4), odd=Unknown())
    with pytest.raises(TypeError, match=r"layer odd is an Unknown: ΔL is computed through layers of minisnip\.nn only"):
        delta_loss(other, random_params(other, rng), x.reshape(-1, 9), y)


def test_lists_are_as_good_as_arrays_and_whole_numbers_as_floats() -> None:
    net, rng = Sequential((3,), fc1=Linear(3, 4), relu1=ReLU(), fc2=Linear(4, 2)), np.random.default_rng(0)
    params, x, y = random_params(net, rng), rng.integers(0, 256, (5, 3)), rng.integers(0, 2, 5)
    expected = delta_loss(net, params, x.astype(np.float64), y)
    for images, labels in ((x.tolist(), y.tolist()), (x.astype(np.uint8), y.astype(np.uint8))):
        found = delta_loss(net, params, images, labels)
        for name, d in expected.items():
            np.testing.assert_array_equal(found[name], d)
