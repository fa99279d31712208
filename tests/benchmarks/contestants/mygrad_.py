"""MyGrad: its own layers and loss, without memory guarding, as its manual advises for speed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from minisnip.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tests.benchmarks.contestants.momentum import move
from tests.benchmarks.problem import Problem

mg: Any = import_module("mygrad")
layers: Any = import_module("mygrad.nnet.layers")
losses: Any = import_module("mygrad.nnet.losses")

LAYERS: dict[type, Callable[[Any, Any, Any, Any], Any]] = {
    Linear: lambda layer, w, b, x: mg.matmul(x, w.T) + b,
    Conv2d: lambda layer, w, b, x: layers.conv_nd(x, w, stride=1) + b[:, None, None],
    MaxPool2d: lambda layer, w, b, x: layers.max_pool(x, (layer.kernel, layer.kernel), layer.kernel),
    ReLU: lambda layer, w, b, x: mg.nnet.relu(x),
    Flatten: lambda layer, w, b, x: x.reshape(len(x), -1),
}


def step(problem: Problem) -> Callable[[], float]:
    mg.turn_memory_guarding_off()
    params = {name: w.copy() for name, w in problem.params.items()}
    velocities = {name: np.zeros_like(w) for name, w in params.items()}

    def loss(params: dict[str, Any]) -> Any:
        masked = {name: w * problem.masks[name] if problem.masks else w for name, w in params.items()}
        x: Any = problem.images
        for name, layer in problem.net.layers.items():
            x = LAYERS[type(layer)](layer, masked.get(f"{name}.weight"), masked.get(f"{name}.bias"), x)
        return losses.softmax_crossentropy(x, problem.labels)

    def work() -> float:
        variables = {name: mg.tensor(w, copy=False) for name, w in params.items()}
        value = loss(variables)
        value.backward()
        move(params, {name: w.grad for name, w in variables.items()}, velocities)
        return float(value.item())

    return work
