"""Lesson 3: a loss by its logits, momentum, the spread of initial weights, and why a network does not learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minisnip import Tensor, grad, ops, primitive
from minisnip.autodiff.engine import Array, Op
from minisnip.exercises.checks import GRADIENTS, Trial, exercise, format_value, slopes
from minisnip.nn import cross_entropy

SIZE = 2.0  # the radius of the spirals


def spirals(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Noisy points (count, 2) on two spiral arms, and the arm of each, 0 or 1; half of the points are on each arm."""
    labels = np.arange(count) % 2
    turn = np.sqrt(rng.uniform(0.04, 1, count))
    angle = 2.5 * np.pi * turn + np.pi * labels
    points = SIZE * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.06 * rng.standard_normal(points.shape), labels


LOGITS: tuple[tuple[list[list[float]], list[int], str], ...] = (
    ([[0.0, 0.0]], [0], "softmax minus one-hot: the share of each class, less 1 at the true one"),
    ([[0.0, 0.0]], [1], "softmax minus one-hot: which class is the true one?"),
    ([[1.0, -1.0, 0.0]], [2], "the softmax of a row is exp(z) divided by the sum of exp(z) over that row"),
    ([[1.0, 0.0], [0.0, 2.0]], [0, 0], "the loss is the mean over the batch: divide by N"),
    ([[1.0, 0.0, -1.0], [0.5, 2.0, 1.0]], [1, 2], "the softmax runs along a row, not along the batch"),
    ([[1000.0, 0.0]], [1], "exp(1000) is infinite: subtract the largest logit of each row first: same softmax"),
)


@exercise(
    "3.1",
    "the loss by the logits",
    "if one logit grows a little, what happens to the share of each class, and what to the loss?",
    "softmax minus one-hot, divided by N",
    "p = exp(z - the maximum of its row), divided by the sum of its row; subtract 1 at each row's label; divide by N",
    own=(*GRADIENTS, "minisnip.nn"),
)
def logits(answer: Any) -> Iterator[Trial]:
    """The answer is a function (z, labels) that returns the gradient of the mean cross-entropy by z."""
    for rows, targets, hint in LOGITS:
        z, labels = np.array(rows), np.array(targets)
        expected = slopes(partial(cross_entropy, labels=labels), z)
        given = f"z = {format_value(z)}, labels = {format_value(labels)}"
        kind = "large logits" if z.max() > 99 else f"batches of {len(labels)}"
        yield Trial(given, partial(answer, z.copy(), labels), expected, hint, kind)


STEPS: tuple[tuple[list[float], float, float, str], ...] = (
    ([1.0], 0.5, 0.0, "without momentum: w - rate · g"),
    ([1.0], 0.5, 0.9, "the first step knows no older gradient: g counts in full, not as (1 - momentum) g"),
    ([1.0, 0.0], 0.5, 0.9, "the second gradient is 0, and the velocity of the first goes on"),
    ([1.0, 1.0, -1.0], 0.1, 0.5, "a gradient of k steps ago counts momentum^k; the rate multiplies the whole velocity"),
)
IN_PLACE = "the caller's w was changed: make a new array (w = w - …), do not write into the old one (w -= …)"
VELOCITY = "v is made of gradients alone: the rate and the minus come in where w moves"


@exercise(
    "3.2",
    "a step with momentum",
    "what does the velocity still know of older gradients when a new one comes?",
    "the new gradient counts in full, the old velocity by the factor momentum; and w moves by the new velocity",
    "v ← momentum · v + g, then w ← w - rate · v",
    own=("minisnip.training",),
)
def momentum(answer: Any) -> Iterator[Trial]:
    """The answer is a function (w, v, g, rate, momentum) that returns w and v after one step."""
    for gradients, rate, mu, hint in STEPS:
        moves = [sum(mu ** (t - s) * g for s, g in enumerate(gradients[: t + 1])) for t in range(len(gradients))]
        given = f"w = [2, 2], v = 0, rate = {rate}, momentum = {mu}, the gradients {gradients} in turn"
        expected, kind = np.full(2, 2.0) - rate * sum(moves), f"{len(moves)} step{'s' * (len(moves) > 1)}"
        yield Trial(given, partial(_take_steps, answer, gradients, rate, mu), expected, hint, kind)
    given = "w = [1.], v = [0.], g = [1.]: the w that was given, after a step"
    yield Trial(given, partial(_given_after_step, answer), np.ones(1), IN_PLACE, "the caller's arrays")
    given = "w = [1.], v = [1.], g = [1.], rate = 0.5, momentum = 0.9: the v that is returned"
    yield Trial(given, partial(_velocity, answer), np.full(1, 1.9), VELOCITY, "velocities")


def _take_steps(answer: Any, gradients: list[float], rate: float, mu: float) -> Any:
    w, v = np.full(2, 2.0), np.zeros(2)
    for g in gradients:
        w, v = answer(w, v, np.full(2, g), rate, mu)
    return w


def _given_after_step(answer: Any) -> Array:
    w = np.ones(1)
    answer(w, np.zeros(1), np.ones(1), 0.5, 0.9)
    return w


def _velocity(answer: Any) -> Any:
    return answer(np.ones(1), np.ones(1), np.ones(1), 0.5, 0.9)[1]


PRESERVED = "a layer preserves the size of the signal, to a tenth"


@exercise(
    "3.3",
    "the spread of the weights before ReLU",
    "how many terms has the sum that a unit computes, and of what size is one of them?",
    "a sum of fan_in terms has fan_in · std² times the mean square of one input, of which ReLU leaves half",
    "nothing grows or shrinks if fan_in · std² / 2 = 1: solve for std",
    own=("minisnip.nn.init",),
)
def spread(answer: Any) -> Iterator[Trial]:
    """The answer is a function of fan_in that returns the standard deviation of the weights."""
    for fan_in in (1, 10, 100, 784):
        yield Trial(f"fan_in = {fan_in}, ReLU", partial(_judge_spread, answer, fan_in), PRESERVED, kind="layers")


def _judge_spread(answer: Any, fan_in: int) -> str:
    factor = relu_factor(float(answer(fan_in)), fan_in)
    return PRESERVED if 0.9 < factor < 1.1 else f"a layer multiplies it by {factor:.2g}, ten layers by {factor**10:.1g}"


def relu_factor(std: float, fan_in: int) -> float:
    """The factor on a signal's root mean square: ReLU, then a layer of weights with this standard deviation."""
    rng = np.random.default_rng(0)
    z, weight = rng.standard_normal((500, fan_in)), std * rng.standard_normal((fan_in, 2000))
    return float(np.sqrt(np.mean((np.maximum(z, 0) @ weight) ** 2) / np.mean(z**2)))


tanh_without_g = primitive(np.tanh, lambda g, out, x: 1 - out * out)
tanh_not_squared = primitive(np.tanh, lambda g, out, x: g * (1 - out))


@dataclass(frozen=True)
class FailingNetwork:
    """A network that does not learn: its tanh, the standard deviation of its first weights, and the cause."""

    activation: Op
    std: float
    cause: str
    hint: str = ""

    @property
    def params(self) -> dict[str, Array]:
        rng = np.random.default_rng(1)
        weights = {name: self.std * rng.standard_normal(shape) for name, shape in (("V", (2, 3)), ("W", (3, 2)))}
        return {**weights, "b": np.zeros(3)}

    def loss(self, params: Mapping[str, Any]) -> Any:
        points, labels = spirals(np.random.default_rng(0), 6)
        return cross_entropy(self.activation(points @ params["V"] + params["b"]) @ params["W"], labels)

    def symptoms(self, steps: int = 100, rate: float = 0.1) -> str:
        """What can be seen from outside."""
        params = self.params
        for _ in range(steps):
            weights = {name: Tensor(w) for name, w in params.items()}
            gradient = grad(self.loss(weights), weights)
            params = {name: w - rate * gradient[name] for name, w in params.items()}
        before, after = float(self.loss(self.params)), float(self.loss(params))
        return f"weights of size {self.std:g}; in {steps} steps the loss goes from {before:.3f} to {after:.3f}"


RIGHT = "the gradient is right, only the initial weights are bad: let check_grads say so"
ELSEWHERE = "where all weights are 0, a wrong rule can give the right gradient: check at weights drawn at random"
FAILING_NETWORKS = (
    FailingNetwork(ops.tanh, 0.001, "init", RIGHT),
    FailingNetwork(tanh_without_g, 0.6, "gradient"),
    FailingNetwork(ops.tanh, 0.0, "init", RIGHT),
    FailingNetwork(tanh_not_squared, 0.6, "gradient"),
    FailingNetwork(ops.tanh, 20.0, "init", RIGHT),
    FailingNetwork(tanh_not_squared, 0.0, "gradient", ELSEWHERE),
)


@exercise(
    "3.4",
    "bad init or bad gradient",
    "which of the two does check_grads notice?",
    "check_grads raises an AssertionError if the gradient is wrong, whatever the loss does",
    'draw arrays of the same shapes at random, try check_grads(loss, drawn, order=1), and return "gradient" if that '
    'raises an AssertionError, "init" if not',
)
def diagnosis(answer: Any) -> Iterator[Trial]:
    """The answer is a function (loss, params) that returns "init" or "gradient"."""
    for network in FAILING_NETWORKS:
        got, kind = partial(answer, network.loss, network.params), f"networks with a bad {network.cause}"
        yield Trial(network.symptoms(), got, network.cause, network.hint, kind)
