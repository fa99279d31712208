"""Optimizers: one step of the parameters along their gradients, in place.

An optimizer keeps its state in a flat dict of arrays that the caller owns and can save. A step makes several passes
over the same few arrays. Taken piece by piece, all passes but the first find their numbers in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Protocol, TypeAlias

import numpy as np

from minisnip.autodiff.engine import Array, Arrays

State: TypeAlias = dict[str, Array]

PIECE = 2**16  # numbers
AVERAGE = "average:"  # begins the names of averages in a state


def _pieces(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Split arrays of one shape into views of a few rows each, if they are large.

    A single number becomes a vector of one: an operation in place on an array of shape () would return a scalar.
    """
    size = arrays[0].size
    if size <= PIECE:
        yield arrays if arrays[0].ndim else tuple(a.reshape(1) for a in arrays)
        return
    rows = max(1, PIECE * len(arrays[0]) // size)
    for start in range(0, len(arrays[0]), rows):
        yield tuple(a[start : start + rows] for a in arrays)


class Optimizer(Protocol):
    """What the training loop needs; a masked parameter arrives as the flat vector of its kept entries."""

    def start(self, params: Arrays) -> State:
        """The state before the first step."""

    def step(self, params: Arrays, gradients: Arrays, state: State, rate: float) -> None:
        """Change `params` and `state` in place by one step at learning rate `rate`."""


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum (not Nesterov's): v ← μ v + (g + λ w), w ← w - η v.

    λ w is the gradient of the L2 penalty λ/2 Σ w²; the paper's λ is 5e-4.

    Examples
    --------
    >>> from minisnip.training import SGD
    >>> params, optimizer = {"w": np.array([1.0, 2.0])}, SGD(momentum=0.9, weight_decay=0.0)
    >>> optimizer.step(params, {"w": np.array([0.5, 0.0])}, optimizer.start(params), rate=0.1)
    >>> params["w"]
    array([0.95, 2.  ])
    """

    momentum: float = 0.9
    weight_decay: float = 5e-4

    def start(self, params: Arrays) -> State:
        return {f"velocity:{name}": np.zeros_like(w) for name, w in params.items()}

    def step(self, params: Arrays, gradients: Arrays, state: State, rate: float) -> None:
        for name, whole in params.items():
            for w, v, g in _pieces(whole, state[f"velocity:{name}"], gradients[name]):
                move = self.weight_decay * w
                move += g
                v *= self.momentum
                v += move
                np.multiply(v, rate, out=move)
                w -= move


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba 2015 (arXiv 1412.6980): w ← w - η m̂ / (√v̂ + ε), with the bias-corrected means of g and g².

    `weight_decay` adds λ w to the gradient, as an L2 penalty does.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def start(self, params: Arrays) -> State:
        state = {f"{moment}:{name}": np.zeros_like(w) for moment in ("mean", "square") for name, w in params.items()}
        return {**state, "steps": np.zeros((), np.int64)}

    def step(self, params: Arrays, gradients: Arrays, state: State, rate: float) -> None:
        state["steps"] += 1
        steps = int(state["steps"])
        first, second = 1 - self.beta1**steps, 1 - self.beta2**steps
        for name, whole in params.items():
            arrays = whole, state[f"mean:{name}"], state[f"square:{name}"], gradients[name]
            for w, mean, square, gradient in _pieces(*arrays):
                g = gradient + self.weight_decay * w
                mean += (1 - self.beta1) * (g - mean)
                square += (1 - self.beta2) * (g * g - square)
                w -= rate / first * mean / (np.sqrt(square / second) + self.epsilon)


@dataclass(frozen=True)
class Averaged:
    """Another optimizer, and a running average of the weights, which is evaluated in their place.

    After step t = 1, 2, ...: a ← β_t a + (1 - β_t) w, with β_t = min(β, (1 + t) / (10 + t)), from a = w before the
    first step. The steps move w alone. At a high learning rate w jumps about a minimum, and a is nearer to it. Polyak
    and Juditsky 1992 (SIAM J. Control Optim. 30) take the mean over all steps. This average forgets the early steps, as
    is usual for networks. It covers about the last 1 / (1 - β) steps; early in a run, the last ninth of those taken.
    The rule for β_t is that of TensorFlow's ExponentialMovingAverage.

    Raises
    ------
    ValueError
        If the decay β is not in [0, 1).
    """

    optimizer: Optimizer
    decay: float = 0.999

    def __post_init__(self) -> None:
        if not isinstance(self.decay, Real) or not 0 <= self.decay < 1:
            raise ValueError(
                f"average {self.decay!r} is no decay: expected a number from 0, for none, to below 1, such as 0.999, "
                "which averages over about the last 1,000 steps"
            )

    def start(self, params: Arrays) -> State:
        averages = {f"{AVERAGE}{name}": np.array(w) for name, w in params.items()}
        return {**self.optimizer.start(params), **averages, "averaged": np.zeros((), np.int64)}

    def step(self, params: Arrays, gradients: Arrays, state: State, rate: float) -> None:
        self.optimizer.step(params, gradients, state, rate)
        state["averaged"] += 1
        t = int(state["averaged"])
        share = 1 - min(self.decay, (1 + t) / (10 + t))
        for name, whole in params.items():
            for w, average in _pieces(whole, state[f"{AVERAGE}{name}"]):
                move = w - average
                move *= share
                average += move


def averages(state: State) -> dict[str, Array]:
    """The averages of the weights in the state of `Averaged`; nothing if another optimizer's."""
    return {name.removeprefix(AVERAGE): a for name, a in state.items() if name.startswith(AVERAGE)}
