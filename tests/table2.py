"""The networks of Table 2 in small, and the same networks written in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import (
    GRU,
    LSTM,
    BatchNorm,
    Conv2d,
    EachStep,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Rows,
    Sequential,
    alexnet,
    recurrent_network,
    vgg,
    wide_resnet,
)

SMALL: dict[str, Callable[[], Sequential]] = {
    "alexnet": lambda: alexnet(8, (4, 4, 6, 6, 4)),
    "vgg": lambda: vgg("c", 2),
    "wrn": lambda: wide_resnet(10, 1, 2),
    "lstm": lambda: recurrent_network(LSTM, 6),
    "gru": lambda: recurrent_network(GRU, 6),
}


def moved_params(net: Sequential, rng: np.random.Generator) -> dict[str, Array]:
    """The initial parameters in float64, all a little moved: no bias is zero and no γ is one."""
    return {name: w + 0.1 * rng.standard_normal(w.shape) for name, w in net.init(rng, dtype=np.float64).items()}


def batch(net: Sequential, rng: np.random.Generator, size: int = 8) -> tuple[Array, Array]:
    return rng.standard_normal((size, *net.input_shape)), rng.integers(0, 10, size)


def same_padding(torch: Any, x: Any, layer: Conv2d) -> Any:
    """TensorFlow's rule, written out: the output has ceil(n / stride) rows, and an odd zero goes last."""
    zeros = [max((-(-n // layer.stride) - 1) * layer.stride + layer.kernel - n, 0) for n in x.shape[2:]]
    (top, bottom), (left, right) = [(n // 2, n - n // 2) for n in zeros]
    return torch.nn.functional.pad(x, (left, right, top, bottom))


def lstm(torch: Any, w: dict[str, Any], x: Any) -> Any:
    """By PyTorch's own LSTM, whose second bias is zero."""
    h = torch.zeros(1, len(x), w["weight_hh"].shape[1], dtype=x.dtype)
    weights = [w["weight_ih"], w["weight_hh"], w["bias"], torch.zeros_like(w["bias"])]
    return torch._VF.lstm(x, (h, h), weights, True, 1, 0.0, False, False, True)[0]


def gru(torch: Any, w: dict[str, Any], x: Any) -> Any:
    """Cho's cell, which PyTorch does not have: the reset comes before the product."""
    size = w["weight_hh"].shape[1]
    w_r, w_z, w_n = w["weight_ih"].split(size)
    u_r, u_z, u_n = w["weight_hh"].split(size)
    b_r, b_z, b_n = w["bias"].split(size)
    h, states = torch.zeros(len(x), size, dtype=x.dtype), []
    for x_t in x.unbind(1):
        r = torch.sigmoid(x_t @ w_r.T + h @ u_r.T + b_r)
        z = torch.sigmoid(x_t @ w_z.T + h @ u_z.T + b_z)
        n = torch.tanh(x_t @ w_n.T + (r * h) @ u_n.T + b_n)
        h = (1 - z) * n + z * h
        states.append(h)
    return torch.stack(states, 1)


def forward(torch: Any, layers: dict[str, Any], w: dict[str, Any], x: Any) -> Any:
    """The network's output by PyTorch's functions, from parameters with the network's names."""
    F = torch.nn.functional
    for name, layer in layers.items():
        own = {n.removeprefix(f"{name}."): a for n, a in w.items() if n.startswith(f"{name}.")}
        if isinstance(layer, Residual):
            short = x if layer.shortcut is None else forward(torch, {"shortcut": layer.shortcut}, own, x)
            body = {n.removeprefix("body."): a for n, a in own.items() if n.startswith("body.")}
            x = forward(torch, layer.body.layers, body, x) + short
        elif isinstance(layer, Linear | EachStep):
            x = F.linear(x, own["weight"], own["bias"])
        elif isinstance(layer, Conv2d):
            same = layer.padding == "same"
            padded = same_padding(torch, x, layer) if same else x
            x = F.conv2d(padded, own["weight"], own.get("bias"), layer.stride, 0 if same else layer.padding)
        elif isinstance(layer, BatchNorm):
            x = F.batch_norm(x, None, None, own["weight"], own["bias"], training=True)
        elif isinstance(layer, LSTM | GRU):
            x = (lstm if isinstance(layer, LSTM) else gru)(torch, own, x)[:, -1]
        elif isinstance(layer, MaxPool2d):
            x = F.max_pool2d(x, layer.kernel, layer.stride)
        else:
            simple: dict[type, Callable[[Any], Any]] = {
                ReLU: F.relu,
                Flatten: lambda a: a.flatten(1),
                GlobalAvgPool: lambda a: a.mean((2, 3)),
                Rows: lambda a: a.squeeze(1),
            }
            x = simple[type(layer)](x)
    return x


def snip(torch: Any, net: Sequential, params: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    """|∂L/∂c| by PyTorch's autograd, for the prunable parameters."""
    w = {name: torch.tensor(a) for name, a in params.items()}
    c = {name: torch.ones_like(w[name], requires_grad=True) for name in net.prunable}
    masked = w | {name: c[name] * w[name] for name in c}
    loss = torch.nn.functional.cross_entropy(forward(torch, net.layers, masked, torch.tensor(x)), torch.tensor(y))
    return {n: g.abs().numpy() for n, g in zip(c, torch.autograd.grad(loss, list(c.values())), strict=True)}
