"""HIPS autograd: value_and_grad of a loss in autograd.numpy; it has no layers, so the convolution is by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from minisnip.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from tests.benchmarks.contestants.momentum import move
from tests.benchmarks.problem import Problem

anp: Any = import_module("autograd.numpy")
autograd: Any = import_module("autograd")


def convolution(w: Any, b: Any, x: Any) -> Any:
    """Windows by index, then one product; stride 1, no padding."""
    k, (height, width) = w.shape[-1], x.shape[2:]
    rows = np.arange(k)[:, None, None, None] + np.arange(height - k + 1)[:, None]  # (k, 1, oh, 1)
    columns = np.arange(k)[:, None, None] + np.arange(width - k + 1)  # (k, 1, ow)
    windows = x[:, :, rows, columns]  # (N, C, k, k, oh, ow)
    return anp.transpose(anp.tensordot(w, windows, ([1, 2, 3], [1, 2, 3])), (1, 0, 2, 3)) + b[:, None, None]


def max_pool(k: int, x: Any) -> Any:
    """Windows side by side."""
    n, c, height, width = x.shape
    return anp.max(anp.reshape(x, (n, c, height // k, k, width // k, k)), axis=(3, 5))


LAYERS: dict[type, Callable[[Any, Any, Any, Any], Any]] = {
    Linear: lambda layer, w, b, x: anp.dot(x, w.T) + b,
    Conv2d: lambda layer, w, b, x: convolution(w, b, x),
    MaxPool2d: lambda layer, w, b, x: max_pool(layer.kernel, x),
    ReLU: lambda layer, w, b, x: anp.maximum(x, 0),
    Flatten: lambda layer, w, b, x: anp.reshape(x, (len(x), -1)),
}


def logits(net: Sequential, params: Mapping[str, Any], x: Any) -> Any:
    for name, layer in net.layers.items():
        x = LAYERS[type(layer)](layer, params.get(f"{name}.weight"), params.get(f"{name}.bias"), x)
    return x


def cross_entropy(z: Any, labels: Any) -> Any:
    z = z - anp.max(z, axis=1, keepdims=True)
    return anp.mean(anp.log(anp.sum(anp.exp(z), axis=1)) - z[np.arange(len(labels)), labels])


def step(problem: Problem) -> Callable[[], float]:
    params = {name: w.copy() for name, w in problem.params.items()}
    velocities = {name: np.zeros_like(w) for name, w in params.items()}

    def loss(params: Mapping[str, Any]) -> Any:
        masked = {name: params[name] * problem.masks[name] if problem.masks else params[name] for name in velocities}
        return cross_entropy(logits(problem.net, masked, problem.images), problem.labels)

    gradient = autograd.value_and_grad(loss)

    def work() -> float:
        value, gradients = gradient(params)
        move(params, gradients, velocities)
        return float(value)

    return work
