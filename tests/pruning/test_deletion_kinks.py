"""ΔL through Linear, ReLU, Linear is computed from the ReLUs that may switch alone, and is still the definition."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip.autodiff.engine import Array
from minisnip.nn import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Select, Sequential
from minisnip.pruning import deletion, delta_loss, delta_loss_by_deletion
from tests.autodiff.budget import examples
from tests.networks import random_params


def assert_is_the_definition(net: Sequential, params: dict[str, Array], x: Array, y: Array, delta: float = 1.0) -> None:
    """To the round-off of the largest loss."""
    fast, slow = (f(net, params, x, y, delta) for f in (delta_loss, delta_loss_by_deletion))
    for name, d in slow.items():
        np.testing.assert_allclose(fast[name], d, rtol=1e-10, atol=1e-10)


@st.composite
def relu_mlps(draw: st.DrawFn) -> Sequential:
    """One to three hidden layers of one to six units; a Select before any of them."""
    layers: dict[str, Layer] = {}
    width = first = draw(st.integers(1, 5))
    for k in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            kept = draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=6))
            layers[f"select{k}"], width = Select(width, tuple(kept)), len(kept)
        layers[f"fc{k}"] = Linear(width, width := draw(st.integers(1, 6)))
        layers[f"relu{k}"] = ReLU()
    layers["last"] = Linear(width, 4)
    return Sequential((first,), **layers)


@given(
    relu_mlps(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1.0, 0.5, -0.25, 30.0]),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.5, 1.0]),
)
@examples(150)
def test_it_is_the_definition_for_every_relu_mlp(
    net: Sequential, seed: int, delta: float, images: int, grid: float
) -> None:
    """On a grid of 1/2 or 1 kinks are hit exactly and repeat, weights vanish and units die."""
    rng = np.random.default_rng(seed)
    params = {name: 2 * w for name, w in random_params(net, rng).items()}
    x, y = 2 * rng.standard_normal((images, *net.input_shape)), rng.integers(0, 4, images)
    if grid:
        params, x = {name: np.round(w / grid) * grid for name, w in params.items()}, np.round(x)
    assert_is_the_definition(net, params, x, y, delta)


def test_each_kink_counts_once_and_only_when_it_is_passed() -> None:
    """h = 1 feeds ReLUs with kinks at changes of -1/2 (twice), -1 (hit exactly), never, and 0."""
    net = Sequential((3,), fc1=Linear(3, 1), relu1=ReLU(), fc2=Linear(1, 5), relu2=ReLU(), fc3=Linear(5, 2))
    params = {
        "fc1.weight": np.array([[0.25, 0.75, 0.0]]),
        "fc1.bias": np.zeros(1),
        "fc2.weight": np.array([[2.0], [4.0], [-1.0], [0.0], [1.0]]),
        "fc2.bias": np.array([-1.0, -2.0, 0.0, 1.0, -1.0]),
        "fc3.weight": np.array([[1.0, -1.0, 3.0, 0.5, 2.0], [0.0, 2.0, -3.0, 0.5, 1.0]]),
        "fc3.bias": np.zeros(2),
    }
    x, y = np.ones((1, 3)), np.array([1])
    for delta in (1.0, 2 / 3, 4 / 3, -1.0, 4.0):
        assert_is_the_definition(net, params, x, y, delta)

    def loss(h: float) -> float:
        hidden = np.maximum([2 * h - 1, 4 * h - 2, -h, 1, h - 1], 0)
        logits = params["fc3.weight"] @ hidden
        return float(np.logaddexp(*logits) - logits[1])

    expected = [loss(1) - loss(0.75), loss(1) - loss(0.25), 0]  # the second passes the double kink
    np.testing.assert_allclose(delta_loss(net, params, x, y)["fc1.weight"][0], expected, rtol=0, atol=1e-15)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e3, 1e6]))
@examples(30)
def test_huge_weights_and_logits_lose_no_more_than_the_round_off(seed: int, scale: float) -> None:
    """Losses of up to 1e12: there every row has another maximum, and a sum of exponentials may vanish or overflow."""
    rng = np.random.default_rng(seed)
    net = Sequential((4,), fc1=Linear(4, 5), relu1=ReLU(), fc2=Linear(5, 6), relu2=ReLU(), fc3=Linear(6, 3))
    params = random_params(net, rng)
    params |= {name: scale * params[name] for name in ("fc2.weight", "fc3.weight")}
    x, y = rng.standard_normal((3, 4)), rng.integers(0, 3, 3)
    fast, slow = (f(net, params, x, y) for f in (delta_loss, delta_loss_by_deletion))
    largest = max(np.abs(net(params, x)).max(), *(np.abs(d).max() for d in slow.values()))
    for name, d in slow.items():
        np.testing.assert_allclose(fast[name], d, rtol=1e-12, atol=1e-13 * largest)


@pytest.mark.parametrize("weight", [900.0, -900.0])
def test_a_row_whose_exponentials_all_overflow_or_vanish_is_exact(weight: float) -> None:
    """Both logits rise or fall by 900, so the loss stays log 2."""
    net = Sequential((1,), fc1=Linear(1, 1), relu1=ReLU(), fc2=Linear(1, 2))
    params = {
        "fc1.weight": np.ones((1, 1)),
        "fc1.bias": np.zeros(1),
        "fc2.weight": np.full((2, 1), weight),
        "fc2.bias": np.zeros(2),
    }
    answer = delta_loss(net, params, np.ones((1, 1)), np.array([0]))
    assert abs(answer["fc1.weight"][0, 0]) < 1e-12
    np.testing.assert_allclose(answer["fc2.weight"][:, 0], [np.log(2) - max(weight, 0), np.log(2) + min(weight, 0)])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_where_a_sum_overflows_the_answer_is_that_of_the_definition() -> None:
    """The first ReLU of fc2 reads 1e308, and without a weight of -1.5e308 more than float64 holds."""
    net = Sequential((2,), fc1=Linear(2, 2), relu1=ReLU(), fc2=Linear(2, 2), relu2=ReLU(), fc3=Linear(2, 2))
    params = {
        "fc1.weight": np.eye(2),
        "fc1.bias": np.zeros(2),
        "fc2.weight": np.array([[1.5e308, -1.5e308], [0.1, 0.2]]),
        "fc2.bias": np.array([1e308, 0.0]),
        "fc3.weight": np.array([[1e-308, 0.3], [-2e-308, 0.1]]),
        "fc3.bias": np.zeros(2),
    }
    x, y = np.ones((1, 2)), np.array([1])
    fast, slow = (f(net, params, x, y) for f in (delta_loss, delta_loss_by_deletion))
    assert slow["fc1.weight"][1, 1] == slow["fc2.weight"][0, 1] == -np.inf
    for name, d in slow.items():
        np.testing.assert_allclose(fast[name], d, rtol=0, atol=1e-12)


def test_after_a_pooled_convolution_every_input_of_the_unit_counts() -> None:
    layers: dict[str, Layer] = {"conv": Conv2d(1, 3, 3, padding=1), "pool": MaxPool2d(2), "flatten": Flatten()}
    net = Sequential((1, 6, 6), **layers, fc1=Linear(27, 8), relu1=ReLU(), fc2=Linear(8, 4))
    rng = np.random.default_rng(1)
    x, y = np.round(2 * rng.standard_normal((5, 1, 6, 6))) / 2, rng.integers(0, 4, 5)
    for delta in (1.0, -3.0):
        assert_is_the_definition(net, random_params(net, rng), x, y, delta)


def test_a_swallowed_change_is_exactly_zero() -> None:
    """All ReLUs of fc2 stay off, or the unit's weights into it are 0."""
    net = Sequential((3,), fc1=Linear(3, 2), relu1=ReLU(), fc2=Linear(2, 4), relu2=ReLU(), fc3=Linear(4, 3))
    rng = np.random.default_rng(0)
    params, x, y = random_params(net, rng), rng.standard_normal((5, 3)), rng.integers(0, 3, 5)
    params["fc1.bias"] += 9
    params["fc2.weight"][:, 0] = 0
    answer = delta_loss(net, params, x, y)["fc1.weight"]
    assert (answer[0] == 0).all()
    assert answer[1].any()
    params["fc2.bias"] -= 1e3
    assert (delta_loss(net, params, x, y)["fc1.weight"] == 0).all()


def wide_mlp() -> Sequential:
    return Sequential(
        (30,), fc1=Linear(30, 6), relu1=ReLU(), fc2=Linear(6, 200), relu2=ReLU(), fc3=Linear(200, 30), relu3=ReLU(),
        fc4=Linear(30, 4),
    )  # fmt: skip


def convnet() -> Sequential:
    return Sequential(
        (1, 9, 9), conv1=Conv2d(1, 3, 3), conv2=Conv2d(3, 4, 3), relu=ReLU(), flatten=Flatten(), fc=Linear(100, 4)
    )  # fmt: skip


@pytest.mark.parametrize("net", [wide_mlp(), convnet()], ids=["MLP", "convnet"])
@pytest.mark.parametrize("factor", [1, 1.5, 4, 30, 10_000])
def test_the_number_of_threads_changes_no_byte(net: Sequential, factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, answers = np.random.default_rng(0), set()
    params, x, y = random_params(net, rng), rng.standard_normal((20, *net.input_shape)), rng.integers(0, 4, 20)
    limit = round(factor * least(net, params, x, y))
    for threads in (1, 2, 4, 64):
        monkeypatch.setattr(deletion, "cores", lambda threads=threads: threads)
        found = delta_loss(net, params, x, y, memory_limit=limit)
        answers.add(b"".join(d.tobytes() for d in found.values()))
    assert len(answers) == 1


def least(net: Sequential, params: dict[str, Array], x: Array, y: Array) -> int:
    """What the sentence on too little memory says is needed."""
    with pytest.raises(ValueError, match="needs at least") as raised:
        delta_loss(net, params, x, y, memory_limit=1)
    return int(re.findall(r"[\d,]+$", str(raised.value))[0].replace(",", ""))


@pytest.mark.parametrize("threads", [1, 4])
def test_the_memory_limit_holds_in_an_mlp_down_to_the_least(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are large: every ReLU may switch."""
    monkeypatch.setattr(deletion, "cores", lambda: threads)
    monkeypatch.setattr(deletion, "CACHE", 2**40)  # so that nothing else bounds the batches
    net, rng = wide_mlp(), np.random.default_rng(0)
    params, x, y = random_params(net, rng), rng.standard_normal((10, 30)), rng.integers(0, 4, 10)
    for limit in (least(net, params, x, y), 4 * least(net, params, x, y)):
        tracemalloc.start()
        delta_loss(net, params, x, y, delta=20.0, names=["fc1.weight"], memory_limit=limit)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most <= limit
