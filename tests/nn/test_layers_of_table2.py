"""BatchNorm, Residual, pools and recurrent layers: right to order 2, as PyTorch, and refusing what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, check_grads, grad, ops
from minisnip.autodiff.engine import Array
from minisnip.nn import (
    GRU,
    LSTM,
    RNN,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    EachStep,
    GlobalAvgPool,
    Layer,
    Linear,
    ReLU,
    Residual,
    Rows,
    Sequential,
    Sigmoid,
    Tanh,
    alexnet,
    recurrent_network,
    running_statistics,
    vgg,
    wide_resnet,
)
from tests.table2 import forward, gru, lstm

BODY = Sequential((3, 4, 4), conv=Conv2d(3, 4, 3, 2, "same", bias=False), bn=BatchNorm(4), tanh=Tanh())
LAYERS: dict[str, tuple[Layer, tuple[int, ...]]] = {  # a layer and a batch that it takes
    "BatchNorm of vectors": (BatchNorm(3), (5, 3)),
    "BatchNorm of images": (BatchNorm(3), (4, 3, 2, 3)),
    "Residual, identity": (Residual(Sequential((3, 2, 2), tanh=Tanh(), conv=Conv2d(3, 3, 1))), (2, 3, 2, 2)),
    "Residual, projection": (Residual(BODY, Conv2d(3, 4, 1, 2, bias=False)), (3, 3, 4, 4)),
    "AvgPool2d": (AvgPool2d(2), (2, 3, 4, 5)),
    "GlobalAvgPool": (GlobalAvgPool(), (2, 3, 4, 5)),
    "Tanh": (Tanh(), (2, 3)),
    "Sigmoid": (Sigmoid(), (2, 3)),
    "Conv2d, same, no bias": (Conv2d(2, 3, 4, 2, "same", bias=False), (2, 2, 5, 6)),
    "EachStep": (EachStep(Linear(3, 2)), (2, 4, 3)),
    "Rows": (Rows(), (2, 2, 3, 4)),
    "RNN": (RNN(3, 2), (3, 5, 3)),
    "LSTM": (LSTM(3, 2), (3, 5, 3)),
    "LSTM, all states": (LSTM(3, 2, all_states=True), (3, 5, 3)),
    "GRU": (GRU(3, 2), (3, 5, 3)),
    "GRU, all states": (GRU(3, 2, all_states=True), (3, 4, 3)),
}


def point(name: str, seed: int = 0) -> tuple[Layer, dict[str, Array], Array]:
    """The layer, random parameters in float64 and a batch."""
    (layer, shape), rng = LAYERS[name], np.random.default_rng(seed)
    return layer, {n: rng.standard_normal(s) for n, s in layer.shapes().items()}, rng.standard_normal(shape)


@pytest.mark.parametrize("name", LAYERS)
def test_derivatives_to_order_2_are_those_of_differences_and_of_the_complex_step(name: str) -> None:
    layer, params, x = point(name)
    report = check_grads(lambda d: layer({n: d[n] for n in params}, d["x"]), {**params, "x": x})
    assert {c.method for c in report} == {"central difference", "complex step"}


@pytest.mark.parametrize("name", LAYERS)
def test_the_output_has_the_promised_shape_and_keeps_float32(name: str) -> None:
    layer, params, x = point(name)
    small = layer({n: w.astype(np.float32) for n, w in params.items()}, x.astype(np.float32))
    assert small.shape == (len(x), *layer.out_shape(x.shape[1:]))
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, layer(params, x), rtol=1e-4, atol=1e-4)


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def cells(torch: Any, layer: Layer, w: dict[str, Any], x: Any) -> Any:
    """The layer by PyTorch."""
    F = torch.nn.functional
    if isinstance(layer, LSTM | GRU):
        states = (lstm if isinstance(layer, LSTM) else gru)(torch, w, x)
        return states if layer.all_states else states[:, -1]
    if isinstance(layer, RNN):
        weights = [w["weight_ih"], w["weight_hh"], w["bias"], torch.zeros_like(w["bias"])]
        h = torch.zeros(1, len(x), layer.hidden_size, dtype=x.dtype)
        return torch._VF.rnn_tanh(x, h, weights, True, 1, 0.0, False, False, True)[0][:, -1]
    simple: dict[type, Callable[[Any], Any]] = {
        AvgPool2d: lambda a: F.avg_pool2d(a, 2),
        Tanh: torch.tanh,
        Sigmoid: torch.sigmoid,
        Rows: lambda a: a.transpose(1, 2).flatten(2),
    }
    if type(layer) in simple:
        return simple[type(layer)](x)
    if isinstance(layer, Residual):
        body = {n.removeprefix("body."): a for n, a in w.items() if n.startswith("body.")}
        first, second = [*layer.body.layers.items()][:-1], [*layer.body.layers.items()][-1:]
        if isinstance(second[0][1], Tanh):
            out = torch.tanh(forward(torch, dict(first), body, x))
        else:
            out = forward(torch, dict(second), body, torch.tanh(x))
        short = {"shortcut": layer.shortcut}
        return out + (x if layer.shortcut is None else forward(torch, short, w, x))
    return forward(torch, {"layer": layer}, {f"layer.{n}": a for n, a in w.items()}, x)


@pytest.mark.parametrize("name", LAYERS)
def test_pytorch_gives_the_same_values_gradients_and_hessian_products(name: str) -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
    layer, params, x = point(name, seed=1)
    ours = {n: Tensor(a) for n, a in {**params, "x": x}.items()}
    theirs = {n: torch.tensor(a, requires_grad=True) for n, a in {**params, "x": x}.items()}
    out = layer({n: ours[n] for n in params}, ours["x"])
    expected = cells(torch, layer, {n: theirs[n] for n in params}, theirs["x"])
    np.testing.assert_allclose(out.value, expected.detach(), rtol=1e-10, atol=1e-12)
    u = np.random.default_rng(2).standard_normal(out.shape)
    first = grad(ops.sum(out * out * u), ours, create_graph=True)
    torch_first = torch.autograd.grad((expected**2 * torch.tensor(u)).sum(), list(theirs.values()), create_graph=True)
    for g, e in zip(first.values(), torch_first, strict=True):
        np.testing.assert_allclose(g.value, e.detach(), rtol=1e-10, atol=1e-10)
    second = grad(sum((ops.sum(g * g) for g in first.values()), start=Tensor(0.0)), ours)
    torch_second = torch.autograd.grad(sum((g**2).sum() for g in torch_first), list(theirs.values()))
    for (n, h), e in zip(second.items(), torch_second, strict=True):
        np.testing.assert_allclose(h, e, rtol=1e-10, atol=1e-10 * float(abs(e).max()), err_msg=n)


def test_running_statistics_are_what_pytorch_accumulates_and_then_uses() -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
    rng = np.random.default_rng(0)
    net = Sequential((3, 4, 4), bn=BatchNorm(3), conv=Conv2d(3, 2, 3), bn2=BatchNorm(2))
    params = net.init(rng, dtype=np.float64)
    batches = [rng.standard_normal((6, 3, 4, 4)) + i for i in range(3)]
    stats = running_statistics(net, params, batches)
    nn = torch.nn
    twin = nn.Sequential()
    twin.add_module("bn", nn.BatchNorm2d(3, momentum=None))
    twin.add_module("conv", nn.Conv2d(3, 2, 3))
    twin.add_module("bn2", nn.BatchNorm2d(2, momentum=None))
    twin.double().load_state_dict({n: torch.tensor(w) for n, w in params.items()}, strict=False)
    for x in batches:
        twin(torch.tensor(x))
    state = twin.state_dict()
    for name, a in stats.items():
        np.testing.assert_allclose(a, state[name], rtol=1e-12)
    expected = twin.eval()(torch.tensor(batches[0])).detach().numpy()
    np.testing.assert_allclose(net(params | stats, batches[0]), expected, rtol=1e-10)
    back = {name: a.numpy() for name, a in state.items()}  # num_batches_tracked among them
    np.testing.assert_allclose(net(back, batches[0]), expected, rtol=1e-10)
    fresh = nn.Sequential(*(type(m)(*a) for m, a in zip(twin, ((3,), (3, 2, 3), (2,)), strict=True))).double()
    names = dict(zip(["bn", "conv", "bn2"], "012", strict=True))
    fresh.load_state_dict(
        {f"{names[n.split('.')[0]]}.{n.split('.')[1]}": torch.tensor(a) for n, a in (params | stats).items()}
    )


# ---- What they do ----------------------------------------------------------------------------------------------------


def test_batch_norm_gives_each_channel_the_mean_beta_and_the_standard_deviation_gamma() -> None:
    rng = np.random.default_rng(0)
    params = {"weight": np.array([2.0, 3.0]), "bias": np.array([-1.0, 5.0])}
    out = BatchNorm(2)(params, 100 + 7 * rng.standard_normal((50, 2, 3, 3)))
    np.testing.assert_allclose(out.mean((0, 2, 3)), [-1, 5], atol=1e-10)
    np.testing.assert_allclose(out.std((0, 2, 3)), [2, 3], rtol=1e-6)


def test_batch_norm_uses_running_statistics_where_they_are() -> None:
    params = {
        "weight": np.ones(1),
        "bias": np.zeros(1),
        "running_mean": np.array([3.0]),
        "running_var": np.array([4.0]),
    }
    np.testing.assert_allclose(BatchNorm(1)(params, np.array([[5.0]])), [[1.0]], rtol=1e-5)


def test_same_padding_gives_as_many_windows_as_tensorflow() -> None:
    for stride, kernel, n in np.ndindex(3, 5, 6):
        layer = Conv2d(1, 1, kernel + 1, stride + 1, "same", bias=False)
        assert layer.out_shape((1, n + 4, n + 4)) == (1, *[-(-(n + 4) // (stride + 1))] * 2)


def test_same_padding_puts_the_odd_zero_last() -> None:
    x, weight = np.arange(1.0, 5.0).reshape(1, 1, 1, 4), np.ones((1, 1, 2, 2))
    np.testing.assert_array_equal(
        Conv2d(1, 1, 2, padding="same", bias=False)({"weight": weight}, x), [[[[3, 5, 7, 4]]]]
    )


def test_all_states_end_with_the_last_one_and_the_same_sequence_longer_begins_with_them() -> None:
    for kind in (RNN, LSTM, GRU):
        rng = np.random.default_rng(0)
        params = {n: rng.standard_normal(s) for n, s in kind(3, 2).shapes().items()}
        x = rng.standard_normal((4, 6, 3))
        states = kind(3, 2, all_states=True)(params, x)
        np.testing.assert_array_equal(states[:, -1], kind(3, 2)(params, x))
        np.testing.assert_allclose(states[:, 2], kind(3, 2)(params, x[:, :3]), rtol=1e-14)


def test_no_input_overflows_a_gate() -> None:
    for kind in (RNN, LSTM, GRU):
        params = {n: np.full(s, 1e3, np.float32) for n, s in kind(2, 2).shapes().items()}
        assert np.isfinite(kind(2, 2)(params, np.full((2, 3, 2), 1e3, np.float32))).all()


def test_a_residual_nests_its_names_and_a_network_prints_it_in_a_line() -> None:
    net = Sequential((3, 4, 4), block=Residual(BODY, Conv2d(3, 4, 1, 2, bias=False)), relu=ReLU())
    assert [*net.shapes()] == [
        "block.body.conv.weight",
        "block.body.bn.weight",
        "block.body.bn.bias",
        "block.shortcut.weight",
    ]
    assert "Residual(3 layers + Conv2d)" in str(net)
    assert [block.name for block in net.blocks()] == ["block"]
    assert [*net.blocks()[0].following] == ["relu"]


# ---- What they refuse ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Sequential((4, 3), rnn=LSTM(2, 5)), r"layer rnn of LSTM: takes sequences \(steps, 2\).*got \(4, 3\)"),
        (lambda: Sequential((1, 4, 3), rnn=GRU(3, 5)), r"layer rnn of GRU: takes sequences .*got \(1, 4, 3\)"),
        (lambda: Sequential((0, 3), rnn=RNN(3, 5)), r"layer rnn of RNN: takes sequences .*at least one step"),
        (lambda: Sequential((3,), rows=Rows()), r"layer rows of Rows: takes images \(C, H, W\), got \(3,\)"),
        (lambda: Sequential((3,), fc=EachStep(Linear(3, 2))), r"layer fc of EachStep: takes sequences"),
        (lambda: Sequential((0, 3), fc=EachStep(Linear(3, 2))), r"of EachStep: takes sequences .*of at least one step"),
        (lambda: Sequential((3, 0, 2), bn=BatchNorm(3)), r"layer bn of BatchNorm: takes 3 features .*got \(3, 0, 2\)"),
        (
            lambda: Sequential((3, 4, 4), bn=BatchNorm(4)),
            r"layer bn of BatchNorm: takes 4 features or images of as many",
        ),
        (lambda: Sequential((3,), pool=GlobalAvgPool()), r"layer pool of GlobalAvgPool: takes images"),
        (lambda: Sequential((3,), pool=AvgPool2d(2)), r"layer pool of AvgPool2d: takes images"),
        (
            lambda: Sequential((3, 4, 4), block=Residual(BODY)),
            r"layer block of Residual: its body gives \(4, 2, 2\) and",
        ),
        (
            lambda: Sequential((2, 4, 4), block=Residual(BODY)),
            r"layer block of Residual: takes \(3, 4, 4\), got \(2, 4, 4\)",
        ),
        (
            lambda: Sequential((1, 4, 4), conv=Conv2d(1, 1, 3, padding="full")),
            r"padding 'full' must be a whole number, or",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused_by_name(make: Callable[[], Sequential], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize("make", [LSTM, GRU, RNN, Linear, partial(Conv2d, kernel=3)])
@pytest.mark.parametrize("sizes", [(3, 0), (0, 3), (3, -1), (3, 2.5), (None, 3), (3, True)])
def test_a_layer_without_units_or_inputs_is_refused(make: Callable[..., Layer], sizes: tuple[Any, Any]) -> None:
    whole = all(type(size) is int for size in sizes)
    with pytest.raises(ValueError if whole else TypeError, match="must be at least 1" if whole else "a whole number"):
        make(*sizes)


@pytest.mark.parametrize("features", [0, -2, 2.0, "3"])
def test_a_normalization_of_nothing_is_refused(features: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"BatchNorm\(.*\): features (must be at least 1|is a)"):
        BatchNorm(features)


@pytest.mark.parametrize(
    "make",
    [lambda: vgg("d", 0), lambda: alexnet(0), lambda: wide_resnet(16, 0), lambda: recurrent_network(units=0)],
)
def test_a_network_without_units_is_refused(make: Callable[[], Sequential]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        make()


def test_a_residual_takes_a_network_and_a_layer() -> None:
    fc: Any = Linear(3, 3)
    with pytest.raises(TypeError, match=r"a network as its body, got a Linear: Sequential\(shape, name=layer\)"):
        Residual(fc)
    identity: Any = "identity"
    with pytest.raises(TypeError, match="a layer as its shortcut, got a str: None is the identity"):
        Residual(Sequential((3,), fc=fc), identity)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (5, 4, 2), (5, 3, 4, 4)])
def test_a_batch_of_other_features_is_refused_by_the_normalization_itself(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes 4 features or images of as many channels \(C, H, W\), got"):
        BatchNorm(4)({"weight": np.ones(4), "bias": np.zeros(4)}, np.zeros(shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4, 2), (4, 2, 3, 3)])
def test_a_channel_that_is_constant_over_the_batch_becomes_beta_with_finite_derivatives(
    shape: tuple[int, ...], dtype: Any
) -> None:
    params = {"weight": np.array([2, 3], dtype), "bias": np.array([1, -1], dtype)}
    given = {n: Tensor(a) for n, a in {**params, "x": np.full(shape, 7, dtype)}.items()}
    out = BatchNorm(2)(given, given["x"])
    assert (out.value == params["bias"].reshape(2, *[1] * (len(shape) - 2))).all()
    first = grad(ops.sum(out * out * out), given, create_graph=True)
    second = grad(sum((ops.sum(g * g) for g in first.values()), start=Tensor(dtype(0))), given)
    assert all(np.isfinite(h).all() and h.dtype == dtype for h in second.values())


@pytest.mark.parametrize("make", [LSTM, GRU, RNN])
def test_a_sequence_of_one_step_and_an_empty_batch_are_sequences(make: type[LSTM | GRU | RNN]) -> None:
    net = Sequential((1, 3), rnn=make(3, 2), fc=Linear(2, 2))
    assert net(net.init(0), np.ones((5, 1, 3), np.float32)).shape == (5, 2)
    assert net(net.init(0), np.ones((0, 1, 3), np.float32)).shape == (0, 2)


def test_a_batch_of_one_has_no_statistics_and_an_empty_one_has_none_either() -> None:
    for net in (Sequential((3,), bn=BatchNorm(3)), Sequential((3, 4, 4), bn=BatchNorm(3))):
        for count, said in ((1, "one"), (0, "no")):
            with pytest.raises(ValueError, match=f"a batch of {said} image: pass at least 2, or, to evaluate, par"):
                net(net.init(0), np.zeros((count, *net.input_shape), np.float32))


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 2), (4, 0, 3), (4, 2, 3, 1)])
def test_a_batch_of_no_sequences_is_refused_by_the_layer_itself(shape: tuple[int, ...]) -> None:
    for kind in (RNN, LSTM, GRU):
        with pytest.raises(ValueError, match=r"takes sequences \(steps, 3\) of at least one step, got"):
            kind(3, 2)({n: np.zeros(s) for n, s in kind(3, 2).shapes().items()}, np.zeros(shape))


def test_half_of_the_running_statistics_is_refused() -> None:
    net = Sequential((3,), bn=BatchNorm(3))
    with pytest.raises(ValueError, match="got one of running_mean and running_var"):
        net({**net.init(0), "bn.running_mean": np.zeros(3)}, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"parameter bn.running_var has shape \(2,\), the network's is \(3,\)"):
        net({**net.init(0), "bn.running_mean": np.zeros(3), "bn.running_var": np.ones(2)}, np.zeros((4, 3)))


def test_running_statistics_need_a_batch_and_there_are_none_without_batch_norm() -> None:
    net = Sequential((3,), bn=BatchNorm(3))
    with pytest.raises(ValueError, match="got no batch"):
        running_statistics(net, net.init(0), [])
    assert running_statistics(Sequential((3,), fc=Linear(3, 2)), {}, []) == {}


@pytest.mark.parametrize("shape", [(2,), (2, 3, 4)])
def test_running_statistics_are_the_mean_over_batches_of_means_and_unbiased_variances(shape: tuple[int, ...]) -> None:
    rng, net = np.random.default_rng(0), Sequential(shape, bn=BatchNorm(2))
    batches = [rng.standard_normal((n, *shape)) + n for n in (2, 5, 9)]
    axes = (0, *range(2, len(shape) + 1))
    expected = {
        "bn.running_mean": np.mean([x.mean(axes) for x in batches], axis=0),
        "bn.running_var": np.mean([x.var(axes, ddof=1) for x in batches], axis=0),
    }
    params = net.init(0, dtype=np.float64)
    stale = {"bn.running_mean": np.full(2, 7.0), "bn.running_var": np.full(2, 7.0)}
    for given in (params, params | stale):
        found = running_statistics(net, given, iter(batches))
        assert [*found] == [*expected]
        for name, a in expected.items():
            np.testing.assert_allclose(found[name], a, rtol=1e-13)
    single = running_statistics(net, net.init(0), [x.astype(np.float32) for x in batches])
    assert {a.dtype for a in single.values()} == {np.dtype(np.float32)}


def test_one_image_has_no_running_statistics_and_needs_them() -> None:
    net = Sequential((3, 2, 2), bn=BatchNorm(3))
    params, x = net.init(0, dtype=np.float64), np.random.default_rng(0).standard_normal((6, 3, 2, 2))
    stats = running_statistics(net, params, [x])
    for batches in ([x[:1]], [x, x[:1]]):
        with pytest.raises(ValueError, match="a batch of one image"):
            running_statistics(net, params | stats, batches)
    np.testing.assert_allclose(net(params | stats, x[:1]), net(params | stats, x)[:1], rtol=1e-13)
    smaller = np.sqrt(23 / 24)  # the unbiased variance of 24 numbers a channel is larger than the batch's
    np.testing.assert_allclose(net(params | stats, x), net(params, x) * smaller, rtol=1e-5)


def test_the_gates_that_remember_start_open() -> None:
    inner = Sequential((4, 3), rnn=LSTM(3, 3, all_states=True))
    net = Sequential(
        (4, 3), block=Residual(inner), gru=GRU(3, 2, all_states=True), each=EachStep(Linear(2, 2)), rnn=RNN(2, 2)
    )
    for dtype in (np.float32, np.float64):
        params = net.init(0, dtype=dtype)
        biases = {name: w.tolist() for name, w in params.items() if name.endswith("bias")}
        assert biases == {
            "block.body.rnn.bias": [0.0] * 3 + [1.0] * 3 + [0.0] * 6,  # i, f, g, o
            "gru.bias": [1.0] * 4 + [0.0] * 2,  # r, z, n
            "each.bias": [0.0] * 2,
            "rnn.bias": [0.0] * 2,
        }
        assert {w.dtype for w in params.values()} == {np.dtype(dtype)}
