"""Optimisers: one step of the parameters along their gradients, in place.

Each keeps its memory in a flat dict of arrays that the caller owns and can save.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from minisnip.autodiff.tensor import Array

State: TypeAlias = dict[str, Array]


class Optimiser(Protocol):
    """What the training loop asks of an optimiser."""

    def start(self, params: Mapping[str, Array]) -> State:
        """The memory before the first step."""

    def step(self, params: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rate: float) -> None:
        """Change `params` and `state` in place by one step at learning rate `rate`."""


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum, not Nesterov's: v ← μ v + (g + λ w), w ← w - η v.

    λ w is the gradient of the L2 penalty λ/2 Σ w²; the paper's λ is 5e-4.
    """

    momentum: float = 0.9
    weight_decay: float = 5e-4

    def start(self, params: Mapping[str, Array]) -> State:
        return {f"velocity:{name}": np.zeros_like(w) for name, w in params.items()}

    def step(self, params: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rate: float) -> None:
        for name, w in params.items():
            v = state[f"velocity:{name}"]
            v *= self.momentum
            v += gradients[name]
            v += self.weight_decay * w
            w -= rate * v


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba 2015 (arXiv 1412.6980): w ← w - η m̂ / (√v̂ + ε), with means of g and g² corrected for their start.

    `weight_decay` adds λ w to the gradient, as an L2 penalty does.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def start(self, params: Mapping[str, Array]) -> State:
        state = {f"{moment}:{name}": np.zeros_like(w) for moment in ("mean", "square") for name, w in params.items()}
        return {**state, "steps": np.zeros((), np.int64)}

    def step(self, params: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rate: float) -> None:
        state["steps"] += 1
        steps = int(state["steps"])
        for name, w in params.items():
            mean, square = state[f"mean:{name}"], state[f"square:{name}"]
            g = gradients[name] + self.weight_decay * w
            mean += (1 - self.beta1) * (g - mean)
            square += (1 - self.beta2) * (g * g - square)
            scale = np.sqrt(square / (1 - self.beta2**steps)) + self.epsilon
            w -= rate / (1 - self.beta1**steps) * mean / scale
